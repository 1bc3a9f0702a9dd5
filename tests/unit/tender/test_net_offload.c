/* SPDX-License-Identifier: ISC */
/*
 * What goes beyond single frames on the tender's side of a network device (abi/ampoule_abi.h:
 * packets in several descriptors, metadata, constants sent as they lie, packets larger than a
 * frame), over a datagram socket that carries a struct amp_frame_header before each packet, as a
 * TAP device does. Each rule is broken once by name; then a liar.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tender/device/net_rings.h>

#define RING     128u
#define FRAMES   256u
#define AREA     ((uint64_t)FRAMES * AMP_FRAME_SIZE)
#define MTU      1500u
#define FIXED    100000u /* bytes of the image's constants */
#define FIXED_AT 0x300000000000ull
#define ROOM     (AMP_FRAME_SIZE - AMP_FRAME_HEADROOM)
#define ALL                                                                                        \
	(AMP_NET_TX_CHECKSUM | AMP_NET_RX_CHECKSUM | AMP_NET_TX_SEGMENT | AMP_NET_RX_LARGE |       \
	 AMP_NET_TX_DIRECT)
#define DIRECT    AMP_DESC_DIRECT
#define CONTINUED AMP_DESC_CONTINUED
#define METADATA  AMP_DESC_METADATA

struct fixture {
	struct net_rings d;
	struct amp_device view;
	uint8_t *rings, *frames, *fixed, *overflow;
	int far;
};

static struct fixture *open_with(uint32_t features)
{
	struct fixture *f = calloc(1, sizeof *f);
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	f->rings = calloc(1, net_rings_size(RING));
	f->frames = calloc(1, AREA);
	f->fixed = malloc(FIXED);
	f->overflow = malloc(NET_OVERFLOW);
	f->far = fds[1];
	for (uint32_t k = 0; k < FIXED; k++)
		f->fixed[k] = (uint8_t)(k * 5 + k / 253);
	const struct net_layout layout = {
		.fd = fds[0],
		.mtu = MTU,
		.ring_size = RING,
		.frame_count = FRAMES,
		.frame_size = AMP_FRAME_SIZE,
		.rings = { (uint64_t)f->rings, net_rings_size(RING), f->rings },
		.frames = { (uint64_t)f->frames, AREA, f->frames },
		.view = &f->view,
	};
	net_rings_open(&f->d, &layout);
	f->d.segments[f->d.segment_count++] = (struct device_memory){ FIXED_AT, FIXED, f->fixed };
	net_rings_offload(&f->d, features, true, f->overflow);
	return f;
}

static int set_up(void **state)
{
	*state = open_with(ALL);
	return 0;
}

static void close_it(struct fixture *f)
{
	close(f->d.fd);
	close(f->far);
	free(f->rings);
	free(f->frames);
	free(f->fixed);
	free(f->overflow);
	free(f);
}

static int tear_down(void **state)
{
	close_it(*state);
	return 0;
}

static uint32_t *word(uint64_t address)
{
	return (uint32_t *)address;
}

static void fill(struct fixture *f, uint64_t addr)
{
	const struct amp_ring *r = &f->view.fill;
	((uint64_t *)r->entries)[(*word(r->producer))++ & (RING - 1)] = addr;
}

static void transmit(struct fixture *f, uint64_t addr, uint32_t len, uint32_t options)
{
	const struct amp_ring *r = &f->view.tx;
	((struct amp_desc *)r->entries)[(*word(r->producer))++ & (RING - 1)] =
	        (struct amp_desc){ addr, len, options };
}

/* Completions that came, checked to name frames in tx's order from `first` on. */
static uint32_t completions(struct fixture *f)
{
	const struct amp_ring *r = &f->view.completion;
	uint32_t n = *word(r->producer) - *word(r->consumer);
	*word(r->consumer) = *word(r->producer);
	return n;
}

static struct amp_frame_header segments_of(uint16_t size)
{
	return (struct amp_frame_header){
		.flags = 1, .gso_type = 1, .gso_size = size, .csum_start = 34, .csum_offset = 16
	};
}

/* A first frame at 256 of frame 0: headers of Ethernet, IP and TCP (20 bytes), and 100 bytes. */
#define HEAD_AT  256u
#define HEAD_LEN 154u
static void head(struct fixture *f, const struct amp_frame_header *h)
{
	uint8_t *p = f->frames + HEAD_AT;
	for (uint32_t k = 0; k < HEAD_LEN; k++)
		p[k] = (uint8_t)k;
	p[34 + 12] = 5 << 4;
	memcpy(p - sizeof *h, h, sizeof *h);
}

static void a_packet_in_parts_goes_out_as_one(void **state)
{
	struct fixture *f = *state;
	static uint8_t got[70000];
	struct amp_frame_header h = segments_of(1448), seen;
	head(f, &h);
	memset(f->frames + 5 * AMP_FRAME_SIZE, 0x77, AMP_FRAME_SIZE);
	transmit(f, HEAD_AT, HEAD_LEN, METADATA | CONTINUED);
	transmit(f, FIXED_AT + 10, 50000, DIRECT | CONTINUED);
	transmit(f, 5 * AMP_FRAME_SIZE, AMP_FRAME_SIZE, CONTINUED);
	transmit(f, FIXED_AT + FIXED - 1, 1, DIRECT);
	assert_int_equal(net_rings_send(&f->d), 4);
	uint32_t size = HEAD_LEN + 50000 + AMP_FRAME_SIZE + 1;
	assert_int_equal(recv(f->far, got, sizeof got, 0), size + sizeof seen);
	memcpy(&seen, got, sizeof seen);
	h.hdr_len = 54;
	assert_memory_equal(&seen, &h, sizeof h);
	assert_memory_equal(got + 12, f->frames + HEAD_AT, HEAD_LEN);
	assert_memory_equal(got + 12 + HEAD_LEN, f->fixed + 10, 50000);
	assert_memory_equal(got + 12 + HEAD_LEN + 50000, f->frames + 5 * AMP_FRAME_SIZE,
	                    AMP_FRAME_SIZE);
	assert_int_equal(got[12 + size - 1], f->fixed[FIXED - 1]);
	assert_int_equal(completions(f), 2); /* frames only */
	assert_int_equal(f->d.counts.tx_packets, 1);
	assert_int_equal(f->d.counts.tx_bytes, size);
}

static void without_metadata_the_header_is_zero(void **state)
{
	struct fixture *f = *state;
	uint8_t got[200], zero[12] = { 0 };
	memset(f->frames, 0xff, AMP_FRAME_SIZE);
	transmit(f, 100, 60, 0);
	assert_int_equal(net_rings_send(&f->d), 1);
	assert_int_equal(recv(f->far, got, sizeof got, 0), 72);
	assert_memory_equal(got, zero, 12);
}

/* One rule broken each: nothing goes out, what were frames comes back, the next packet is unharmed.
 */
struct broken {
	const char *what;
	struct amp_frame_header h;
	uint32_t count;
	struct amp_desc c[4];
	uint32_t features; /* 0: all */
};

#define HEADER(...)                                                                                \
	{ .flags = 1,                                                                              \
	  .gso_type = 1,                                                                           \
	  .gso_size = 1448,                                                                        \
	  .csum_start = 34,                                                                        \
	  .csum_offset = 16,                                                                       \
	  __VA_ARGS__ }
#define PLAIN  { 0 }
#define FIRST  { HEAD_AT, HEAD_LEN, METADATA | CONTINUED }
#define LAST   { FIXED_AT, 5000, DIRECT }
#define SINGLE { HEAD_AT, HEAD_LEN, METADATA }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const struct broken broken[] = {
	{ "an unknown flag", HEADER(.flags = 3), 2, { FIRST, LAST } },
	{ "an unknown kind of segments", HEADER(.gso_type = 4), 2, { FIRST, LAST } },
	{ "UDP segments", HEADER(.gso_type = 3), 2, { FIRST, LAST } },
	{ "segments without a checksum", HEADER(.flags = 0), 2, { FIRST, LAST } },
	{ "tiny segments", HEADER(.gso_size = AMP_SEGMENT_MIN - 1), 2, { FIRST, LAST } },
	{ "segments of nothing", HEADER(.gso_size = 0), 2, { FIRST, LAST } },
	{ "segments larger than the MTU", HEADER(.gso_size = 1465), 2, { FIRST, LAST } },
	{ "a header length of its own", HEADER(.hdr_len = 54), 2, { FIRST, LAST } },
	{ "a number of buffers", HEADER(.num_buffers = 1), 2, { FIRST, LAST } },
	{ "another checksum's place", HEADER(.csum_offset = 6), 2, { FIRST, LAST } },
	{ "a TCP header that ends outside the first frame",
	  HEADER(.csum_start = 140),
	  2,
	  { FIRST, LAST } },
	{ "a sum from inside the link header",
	  HEADER(.gso_type = 0, .csum_start = 13),
	  1,
	  { SINGLE } },
	{ "a sum from the end", HEADER(.gso_type = 0, .csum_start = HEAD_LEN), 1, { SINGLE } },
	{ "a checksum behind the end",
	  HEADER(.gso_type = 0, .csum_offset = HEAD_LEN - 34 - 1),
	  1,
	  { SINGLE } },
	{ "a checksum far away",
	  HEADER(.gso_type = 0, .csum_start = 65535, .csum_offset = 65535),
	  1,
	  { SINGLE } },
	{ "more than the MTU without segments", PLAIN, 2, { FIRST, LAST } },
	{ "metadata before the frame area", PLAIN, 1, { { 11, 60, METADATA } } },
	{ "metadata in another frame", PLAIN, 1, { { AMP_FRAME_SIZE + 3, 60, METADATA } } },
	{ "metadata in the second frame", HEADER(), 2, { FIRST, { 4096, 60, METADATA } } },
	{ "a constant first", PLAIN, 1, { { FIXED_AT, 60, DIRECT } } },
	{ "bytes before the constants", HEADER(), 2, { FIRST, { FIXED_AT - 1, 60, DIRECT } } },
	{ "bytes behind the constants",
	  HEADER(),
	  2,
	  { FIRST, { FIXED_AT + FIXED - 59, 60, DIRECT } } },
	{ "an address that wraps", HEADER(), 2, { FIRST, { UINT64_MAX - 10, 60, DIRECT } } },
	{ "a length that wraps", HEADER(), 2, { FIRST, { FIXED_AT + 1, UINT32_MAX, DIRECT } } },
	{ "a frame as a constant", HEADER(), 2, { FIRST, { 4096, 60, DIRECT } } },
	{ "no bytes", HEADER(), 3, { FIRST, { FIXED_AT, 0, DIRECT | CONTINUED }, LAST } },
	{ "an empty frame", HEADER(), 3, { FIRST, { 4096, 0, CONTINUED }, LAST } },
	{ "a bad frame in the middle", HEADER(), 3, { FIRST, { AREA, 60, CONTINUED }, LAST } },
	{ "more than any packet has",
	  HEADER(),
	  2,
	  { FIRST, { FIXED_AT, AMP_PACKET_MAX, DIRECT } } },
	{ "a first frame without a link header",
	  PLAIN,
	  2,
	  { { HEAD_AT, 13, CONTINUED }, { FIXED_AT, 100, DIRECT } } },
	{ "no end", HEADER(), 2, { FIRST, { FIXED_AT, 100, DIRECT | CONTINUED } } },
	{ "an unknown option", PLAIN, 1, { { HEAD_AT, 60, 8 } } },
	{ "a checksum that was not offered",
	  HEADER(.gso_type = 0),
	  1,
	  { SINGLE },
	  ALL & ~AMP_NET_TX_CHECKSUM },
	{ "segments that were not offered",
	  HEADER(),
	  2,
	  { FIRST, LAST },
	  ALL & ~AMP_NET_TX_SEGMENT },
	{ "constants that were not offered",
	  HEADER(),
	  2,
	  { FIRST, LAST },
	  ALL & ~AMP_NET_TX_DIRECT },
	{ "parts that were not offered",
	  PLAIN,
	  2,
	  { { HEAD_AT, 60, CONTINUED }, { 4096, 60, 0 } },
	  ALL & ~(AMP_NET_TX_DIRECT | AMP_NET_TX_SEGMENT) },
};
#pragma GCC diagnostic pop

static void breaks_are_dropped_and_completed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof broken / sizeof *broken; i++) {
		const struct broken *b = &broken[i];
		struct fixture *f = open_with(b->features ? b->features : ALL);
		uint8_t got[4096];
		uint32_t frames = 0;
		head(f, &b->h);
		if (b->c[0].addr < HEAD_AT)
			memcpy(f->frames, &b->h, 11);
		for (uint32_t k = 0; k < b->count; k++) {
			transmit(f, b->c[k].addr, b->c[k].len, b->c[k].options);
			frames += !(b->c[k].options & DIRECT);
		}
		uint32_t taken = net_rings_send(&f->d);
		bool right = taken == b->count && f->d.counts.tx_bad == 1 &&
		             completions(f) == frames && recv(f->far, got, sizeof got, 0) == -1;
		transmit(f, 8 * AMP_FRAME_SIZE, 60, 0);
		right &= net_rings_send(&f->d) == 1 && recv(f->far, got, sizeof got, 0) == 72 &&
		         completions(f) == 1;
		if (!right)
			fail_msg("%s: not dropped as it should be", b->what);
		close_it(f);
	}
}

/* The TCP header's own word for its length: too short, and longer than the first frame's bytes. */
static void a_tcp_header_lies_whole_in_the_first_frame(void **state)
{
	struct fixture *f = *state;
	uint8_t got[4096];
	struct amp_frame_header h = segments_of(1000);
	h.csum_start = HEAD_LEN - 24;
	for (uint32_t words = 0; words < 16; words++) {
		bool fits = words == 5 || words == 6;
		uint64_t bad = f->d.counts.tx_bad;
		head(f, &h);
		f->frames[HEAD_AT + h.csum_start + 12] = (uint8_t)(words << 4);
		transmit(f, HEAD_AT, HEAD_LEN, METADATA | CONTINUED);
		transmit(f, FIXED_AT, 2000, DIRECT);
		assert_int_equal(net_rings_send(&f->d), 2);
		assert_int_equal(recv(f->far, got, sizeof got, 0),
		                 fits ? (int)HEAD_LEN + 2000 + 12 : -1);
		assert_int_equal(f->d.counts.tx_bad, bad + !fits);
		assert_int_equal(completions(f), 1);
	}
}

static void the_last_bytes_of_everything_are_good(void **state)
{
	struct fixture *f = *state;
	static uint8_t got[70000];
	struct amp_frame_header h =
	        segments_of(1464); /* with 54 of headers: MTU, Ethernet, and a VLAN tag */
	head(f, &h);
	transmit(f, HEAD_AT, HEAD_LEN, METADATA | CONTINUED);
	transmit(f, FIXED_AT, AMP_PACKET_MAX - HEAD_LEN, DIRECT);
	assert_int_equal(net_rings_send(&f->d), 2);
	assert_int_equal(recv(f->far, got, sizeof got, 0), AMP_PACKET_MAX + 12);
	for (uint32_t k = 0; k < AMP_PACKET_DESCS_MAX; k++) {
		transmit(f, k ? (k + 10) * AMP_FRAME_SIZE : HEAD_AT, k ? 1 : HEAD_LEN,
		         (k ? 0 : METADATA) | (k + 1 < AMP_PACKET_DESCS_MAX ? CONTINUED : 0));
	}
	assert_int_equal(net_rings_send(&f->d), AMP_PACKET_DESCS_MAX);
	assert_int_equal(recv(f->far, got, sizeof got, 0),
	                 HEAD_LEN + AMP_PACKET_DESCS_MAX - 1 + 12);
	assert_int_equal(completions(f), 1 + AMP_PACKET_DESCS_MAX);
	assert_int_equal(f->d.counts.tx_bad, 0);
}

static void one_that_never_ends_is_dropped_to_its_end(void **state)
{
	struct fixture *f = *state;
	uint8_t got[4096];
	for (uint32_t k = 0; k < 100; k++)
		transmit(f, k * AMP_FRAME_SIZE, 60, k < 99 ? CONTINUED : 0);
	transmit(f, 110 * AMP_FRAME_SIZE, 60, 0);
	uint32_t taken = 0, n;
	while ((n = net_rings_send(&f->d)))
		taken += n;
	assert_int_equal(taken, 101);
	assert_int_equal(completions(f), 101);
	assert_int_equal(f->d.counts.tx_packets, 1);
	assert_int_equal(recv(f->far, got, sizeof got, 0), 72);
	assert_int_equal(recv(f->far, got, sizeof got, 0), -1);
}

/* A packet waits whole until all of its frames can be completed. */
static void completions_are_never_overrun(void **state)
{
	struct fixture *f = *state;
	uint8_t got[4096];
	for (uint32_t k = 0; k < RING - 2; k++)
		transmit(f, k * AMP_FRAME_SIZE, 60, 0);
	while (net_rings_send(&f->d))
		while (recv(f->far, got, sizeof got, 0) > 0)
			;
	while (recv(f->far, got, sizeof got, 0) > 0)
		;
	transmit(f, 0, 60, CONTINUED);
	transmit(f, 4096, 60, CONTINUED);
	transmit(f, 8192, 60, 0);
	assert_int_equal(net_rings_send(&f->d), 0);
	assert_false(net_rings_pending(&f->d)); /* or the pump would spin */
	*word(f->view.completion.consumer) += 1;
	assert_true(net_rings_pending(&f->d));
	assert_int_equal(net_rings_send(&f->d), 3);
	assert_int_equal(recv(f->far, got, sizeof got, 0), 192);
}

/* ---- In ---- */

/* A packet of `size` bytes whose content tells its number. */
static void arrive(struct fixture *f, uint32_t size, uint8_t number, struct amp_frame_header h)
{
	static uint8_t packet[70000];
	memcpy(packet, &h, sizeof h);
	for (uint32_t k = 0; k < size; k++)
		packet[12 + k] = (uint8_t)(k * 3 + k / 255 + number);
	assert_int_equal(send(f->far, packet, size + 12, 0), size + 12);
}

/* Takes the next packet out of rx: its size; 0: none. Gives the frames back if `refill`. */
static uint32_t taken(struct fixture *f, uint8_t number, struct amp_frame_header *h, bool refill)
{
	const struct amp_ring *r = &f->view.rx;
	uint32_t size = 0, n = 0;
	struct amp_desc d = { .options = CONTINUED };
	if (*word(r->consumer) == *word(r->producer))
		return 0;
	for (; d.options & CONTINUED; n++) {
		assert_int_not_equal(*word(r->consumer), *word(r->producer)); /* published whole */
		d = ((struct amp_desc *)r->entries)[(*word(r->consumer))++ & (RING - 1)];
		assert_int_equal(d.addr % AMP_FRAME_SIZE, n ? 0 : AMP_FRAME_HEADROOM);
		assert_true(d.addr % AMP_FRAME_SIZE + d.len <= AMP_FRAME_SIZE && d.addr < AREA);
		assert_true(!(d.options & CONTINUED) ||
		            d.addr % AMP_FRAME_SIZE + d.len == AMP_FRAME_SIZE);
		assert_false(n && d.options & METADATA);
		memset(h, 0, n ? 0 : sizeof *h);
		if (d.options & METADATA)
			memcpy(h, f->frames + d.addr - sizeof *h, sizeof *h);
		for (uint32_t k = 0; k < d.len; k++, size++)
			assert_int_equal(f->frames[d.addr + k],
			                 (uint8_t)(size * 3 + size / 255 + number));
		if (refill)
			fill(f, d.addr);
	}
	return size;
}

static void large_packets_arrive_as_chains(void **state)
{
	struct fixture *f = *state;
	static const uint32_t sizes[] = { 60,    ROOM, ROOM + 1, 3840,  3841,
		                          65550, 1500, 20000,    65550, 14 };
	struct amp_frame_header h = { .flags = 1, .gso_type = 1, .gso_size = 1448 }, seen;
	for (uint32_t k = 0; k < RING; k++)
		fill(f, k * AMP_FRAME_SIZE);
	for (uint32_t round = 0; round < 60; round++) {
		uint32_t size = sizes[round % 10];
		bool plain = size <= 1500 && round & 1;
		arrive(f, size, (uint8_t)round, plain ? (struct amp_frame_header){ 0 } : h);
		assert_true(net_rings_receive(&f->d) >= 1);
		assert_int_equal(taken(f, (uint8_t)round, &seen, true), size);
		assert_int_equal(seen.gso_size, plain ? 0 : 1448);
		assert_int_equal(seen.flags, plain ? 0 : 1);
	}
	assert_int_equal(f->d.counts.rx_packets, 60);
	assert_int_equal(f->d.counts.rx_too_long, 0);
}

static void larger_than_the_mtu_needs_segments(void **state)
{
	struct fixture *f = *state;
	struct amp_frame_header seen;
	for (uint32_t k = 0; k < RING; k++)
		fill(f, k * AMP_FRAME_SIZE);
	arrive(f, MTU + 19, 1, (struct amp_frame_header){ .flags = 1 });
	arrive(f, 30000, 2, (struct amp_frame_header){ .flags = 2 });
	arrive(f, AMP_PACKET_MAX + 1, 3, (struct amp_frame_header){ .gso_type = 1 });
	arrive(f, MTU + 18, 4, (struct amp_frame_header){ .flags = 2 });
	net_rings_receive(&f->d);
	assert_int_equal(taken(f, 4, &seen, false), MTU + 18);
	assert_int_equal(seen.flags, 2);
	assert_int_equal(taken(f, 0, &seen, false), 0);
	assert_int_equal(f->d.counts.rx_too_long, 3);
}

/* It has been read when it turns out that there are too few frames: it waits, and what comes after
 * it too. */
static void a_large_packet_waits_for_frames(void **state)
{
	struct fixture *f = *state;
	struct amp_frame_header h = { .flags = 1, .gso_type = 1, .gso_size = 1448 }, seen;
	for (uint32_t way = 0; way < 2; way++) { /* read narrowly, then widely */
		for (uint32_t k = 0; k < 5; k++)
			fill(f, k * AMP_FRAME_SIZE);
		arrive(f, 20000, 1, h);
		arrive(f, 60, 2, (struct amp_frame_header){ 0 });
		assert_int_equal(net_rings_receive(&f->d), 0);
		assert_false(net_rings_pending(&f->d));
		assert_int_equal(taken(f, 1, &seen, false), 0);
		for (uint32_t k = 5; k < 9; k++)
			fill(f, k * AMP_FRAME_SIZE);
		assert_false(net_rings_pending(&f->d));
		fill(f, 9 * AMP_FRAME_SIZE);
		assert_true(net_rings_pending(&f->d));
		assert_int_equal(net_rings_receive(&f->d), 10);
		fill(f, 10 * AMP_FRAME_SIZE);
		while (net_rings_receive(&f->d))
			;
		assert_int_equal(taken(f, 1, &seen, false), 20000);
		assert_int_equal(seen.gso_size, 1448);
		assert_int_equal(taken(f, 2, &seen, false), 60);
		assert_int_equal(taken(f, 0, &seen, false), 0);
	}
	assert_int_equal(f->d.counts.rx_packets, 4);
}

static void frames_that_are_none_do_not_stop_a_large_packet(void **state)
{
	struct fixture *f = *state;
	struct amp_frame_header h = { .flags = 1, .gso_type = 1, .gso_size = 1448 }, seen;
	for (uint32_t way = 0; way < 2; way++) {
		fill(f, 0);
		fill(f, AREA); /* in the middle */
		for (uint32_t k = 1; k <= 10; k++)
			fill(f, k * AMP_FRAME_SIZE);
		arrive(f, 20000, 1, h);
		while (net_rings_receive(&f->d))
			;
		assert_int_equal(taken(f, 1, &seen, false), 20000);
		assert_int_equal(f->d.counts.rx_no_frame, way + 1);
	}
}

/* The kernel says DATA_VALID to whoever has asked for a header, be it only to say nothing in it. */
static void metadata_comes_only_where_it_was_offered(void **state)
{
	(void)state;
	static const uint32_t offers[] = { 0, AMP_NET_TX_CHECKSUM | AMP_NET_TX_DIRECT,
		                           AMP_NET_RX_CHECKSUM, ALL };
	for (unsigned i = 0; i < sizeof offers / sizeof *offers; i++) {
		struct fixture *f = open_with(offers[i]);
		const struct amp_desc *d = (struct amp_desc *)f->view.rx.entries;
		struct amp_frame_header seen;
		uint8_t before[AMP_FRAME_HEADROOM] = { 0 };
		bool offered = offers[i] & AMP_NET_RX_CHECKSUM;
		fill(f, 0);
		fill(f, AMP_FRAME_SIZE);
		arrive(f, 60, 1, (struct amp_frame_header){ .flags = 2 });
		arrive(f, 60, 2, (struct amp_frame_header){ .flags = 4 }); /* no word of ours */
		assert_int_equal(net_rings_receive(&f->d), 2);
		assert_int_equal(d[0].options, offered ? METADATA : 0);
		assert_int_equal(d[1].options, 0);
		assert_int_equal(taken(f, 1, &seen, false), 60);
		assert_int_equal(seen.flags, offered ? 2 : 0);
		if (!offered)
			assert_memory_equal(f->frames, before, sizeof before);
		close_it(f);
	}
}

/* ---- The liar ---- */

static uint64_t random_state = 88172645463325252ull;

static uint64_t draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

static void lie(struct fixture *f)
{
	const struct amp_ring *r[] = { &f->view.fill, &f->view.rx, &f->view.tx,
		                       &f->view.completion };
	uint64_t i = draw() & (RING - 1);
	struct amp_desc c = { draw() % (AREA + 100), 1 + (uint32_t)(draw() % 2000),
		              (uint32_t)(draw() % 16) & (uint32_t)draw() };
	struct amp_frame_header h = { (uint8_t)(draw() & 1),
		                      (uint8_t)(draw() & 1),
		                      0,
		                      (uint16_t)(draw() % 1600),
		                      34,
		                      16,
		                      0 };
	switch (draw() % 8) {
	case 0:
		*word(draw() & 1 ? r[draw() % 4]->producer : r[draw() % 4]->consumer) =
		        (uint32_t)draw();
		break;
	case 1: /* makes peace */
		*word(f->view.fill.producer) = f->d.fill.mine + RING / 2;
		*word(f->view.rx.consumer) = f->d.rx.mine;
		*word(f->view.tx.producer) = f->d.tx.mine + (uint32_t)(draw() % RING);
		*word(f->view.completion.consumer) = f->d.completion.mine;
		break;
	case 2:
		((uint64_t *)f->view.fill.entries)[i] = draw() % 8 ? draw() % AREA : draw();
		break;
	case 3:
		memcpy(f->frames + draw() % (AREA - sizeof h), &h, sizeof h);
		break;
	default:
		if (c.options & DIRECT)
			c.addr = FIXED_AT - 100 + draw() % (FIXED + 200);
		if (c.options & DIRECT && draw() & 1)
			c.len = (uint32_t)(draw() % 70000);
		if (c.options & METADATA && c.addr >= sizeof h && c.addr < AREA)
			memcpy(f->frames + c.addr - sizeof h, &h, sizeof h);
		((struct amp_desc *)f->view.tx.entries)[i] = c;
	}
}

/* Frames among the entries [from, to) of tx. */
static uint32_t frames_sent(const struct fixture *f, uint32_t from, uint32_t to)
{
	uint32_t n = 0;
	for (; from != to; from++)
		n += !(((struct amp_desc *)f->view.tx.entries)[from & (RING - 1)].options & DIRECT);
	return n;
}

/* One completion for each frame taken, never one more than the ring has room for; no more out of rx
 * than went into fill. */
static uint32_t keeps_its_books(struct fixture *f, bool send)
{
	struct net_rings *d = &f->d;
	uint32_t tx = d->tx.mine, done = d->completion.mine, fill = d->fill.mine, rx = d->rx.mine;
	uint32_t unread = done - *word(f->view.completion.consumer);
	uint32_t waiting = rx - *word(f->view.rx.consumer);
	uint32_t n = send ? net_rings_send(d) : net_rings_receive(d);
	assert_int_equal(d->completion.mine - done, frames_sent(f, tx, d->tx.mine));
	assert_true(d->completion.mine == done || unread + d->completion.mine - done <= RING);
	assert_true(d->rx.mine - rx <= d->fill.mine - fill);
	assert_true(d->rx.mine == rx || waiting + d->rx.mine - rx <= RING);
	assert_true(d->tx.mine == tx || *word(f->view.completion.producer) == d->completion.mine);
	return n;
}

static void survives_a_liar(void **state)
{
	struct fixture *f = *state;
	static uint8_t packet[70000];
	uint64_t sent = 0, received = 0;
	for (unsigned i = 0; i < 200000; i++) {
		lie(f);
		if (!(i & 7)) {
			struct amp_frame_header h = { .flags = 1,
				                      .gso_type = (uint8_t)(draw() % 4 != 0) };
			memcpy(packet, &h, sizeof h);
			(void)!send(f->far, packet, draw() % (draw() & 1 ? 2000 : sizeof packet),
			            0);
		}
		uint32_t n = keeps_its_books(f, draw() & 1);
		assert_true(n <= NET_BATCH + AMP_PACKET_DESCS_MAX);
		net_rings_pending(&f->d);
		if (!(i & 15))
			while (recv(f->far, packet, sizeof packet, MSG_DONTWAIT) > 0)
				;
		sent = f->d.counts.tx_packets;
		received = f->d.counts.rx_packets;
	}
	assert_true(sent > 1000 && received > 500); /* it was no deaf ear that survived */
	assert_true(f->d.counts.tx_bad > 1000 && f->d.counts.rx_no_frame > 100);
}

int main(void)
{
#define T(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_packet_in_parts_goes_out_as_one),
		T(without_metadata_the_header_is_zero),
		cmocka_unit_test(breaks_are_dropped_and_completed),
		T(a_tcp_header_lies_whole_in_the_first_frame),
		T(the_last_bytes_of_everything_are_good),
		T(one_that_never_ends_is_dropped_to_its_end),
		T(completions_are_never_overrun),
		T(large_packets_arrive_as_chains),
		T(larger_than_the_mtu_needs_segments),
		T(a_large_packet_waits_for_frames),
		T(frames_that_are_none_do_not_stop_a_large_packet),
		cmocka_unit_test(metadata_comes_only_where_it_was_offered),
		T(survives_a_liar),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
