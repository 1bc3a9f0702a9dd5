/* SPDX-License-Identifier: ISC */
/*
 * Packets in parts against devices of all kinds, and packets larger than a frame. What comes out is
 * cut and summed up by the world's own code; here it is compared, byte for byte, with what went in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <core/error.h>
#include <core/random.h>
#include <core/task.h>
#define packet sent_packet /* the world has a packet of its own */
#include <net/packet.h>
#undef packet

#include "../net/world.h"

#define HEADER   20u
#define SEQUENCE 0x01020304u

static uint8_t bytes[1 << 16], out[1 << 16];
static struct ip4_route route;

static void open_with(uint32_t features, uint32_t ring, uint32_t frames)
{
	struct packet p;
	world_open((struct options){ .features = features, .ring = ring, .frames = frames });
	packet_arp(&p, 2, peer_mac, PEER, US);
	world_receive(&p);
	packet_arp(&p, 1, peer_mac, PEER, US);
	world_receive(&p);
	world_turn();
	world_drain();
	route = (struct ip4_route){ .protocol = IP4_PROTOCOL_TCP };
	assert_int_equal(ip4_route(&route, NULL, PEER), OK);
	route.protocol = IP4_PROTOCOL_TCP;
	for (uint32_t k = 0; k < sizeof bytes; k++)
		bytes[k] = (uint8_t)(k * 11 + k / 247);
}

static struct task_queue lease_waiters;
static struct frame_lease lease = { .waiters = &lease_waiters };

/* A packet with a TCP header of 20 bytes and these parts. */
static int send_parts(const struct packet_part *parts, uint32_t count, uint16_t segment)
{
	struct sent_packet p = { .header_size = HEADER,
		                 .checksum_at = 16,
		                 .lease = &lease,
		                 .segment_size = segment,
		                 .part_count = count };
	p.head = packet_head(&route, HEADER);
	if (!p.head)
		return ERR_MEMORY;
	uint8_t *h = frame_base(p.head) + p.head->start;
	memset(h, 0, HEADER);
	bytes_store_u32(h + 4, SEQUENCE);
	h[12] = HEADER / 4 << 4;
	h[13] = 0x19; /* FIN, PSH, ACK */
	if (count)
		memcpy(p.parts, parts, count * sizeof *parts);
	return packet_send(&route, &p);
}

/* Collects what comes out; how many segments. Each has right checksums, its place as sequence
 * number, and FIN and PSH only if it is the last. */
static uint32_t collect(uint32_t size)
{
	struct packet p;
	uint32_t at = 0, n = 0;
	world_turn();
	for (; world_sent(&p); n++) {
		const uint8_t *tcp = p.bytes + 34;
		uint32_t payload = p.size - 34 - HEADER;
		uint32_t sum = (US >> 16) + (US & 0xffff) + (PEER >> 16) + (PEER & 0xffff) + 6;
		assert_true(packet_is_right(&p));
		assert_int_equal(naive_checksum(tcp, p.size - 34, sum + p.size - 34), 0);
		assert_int_equal(bytes_load_u32(tcp + 4), SEQUENCE + at);
		memcpy(out + at, tcp + HEADER, payload);
		at += payload;
		assert_true(tcp[13] == (at == size ? 0x19 : 0x10));
	}
	assert_int_equal(at, size);
	return n;
}

static int leave(void **state)
{
	(void)state;
	assert_true(world_frames_balanced());
	world_close();
	return 0;
}

static void a_device_that_does_nothing_gets_one_whole_frame(void **state)
{
	(void)state;
	open_with(0, 0, 0);
	struct packet_part parts[] = { { bytes, 700, true },
		                       { bytes + 700, 3, false },
		                       { bytes + 703, 757, true } };
	assert_int_equal(send_parts(parts, 3, 0), OK);
	assert_int_equal(collect(1460), 1);
	assert_memory_equal(out, bytes, 1460);
	assert_int_equal(world.large.frames, 1);
	assert_int_equal(world.large.header.flags, 0);
}

static void static_bytes_go_as_they_lie(void **state)
{
	(void)state;
	open_with(ALL_OFFLOADS, 0, 0);
	struct packet_part parts[] = { { bytes, 100, false }, { bytes + 100, 1300, true } };
	assert_int_equal(send_parts(parts, 2, 0), OK);
	assert_int_equal(collect(1400), 1);
	assert_memory_equal(out, bytes, 1400);
	assert_int_equal(world.large.frames, 1);
	assert_int_equal(world.large.directs, 1);
}

/* ... and somebody who waits for their way to end is woken then. */
static void lent_bytes_go_as_they_lie_and_are_counted(void **state)
{
	(void)state;
	open_with(ALL_OFFLOADS | AMP_NET_TX_MEMORY, 0, 0);
	task_queue_init(&lease_waiters);
	struct packet_part parts[] = { { .bytes = bytes, .size = 1300, .is_lent = true } };
	world.hold_tx = true;
	assert_int_equal(send_parts(parts, 1, 0), OK);
	world_turn();
	assert_int_equal(lease.packets, 1);
	world.hold_tx = false;
	collect(1300);
	world_turn();
	assert_int_equal(lease.packets, 0);
	assert_int_equal(world.large.directs, 1);
	assert_memory_equal(out, bytes, 1300);
	parts[0].size = PACKET_COPY_MAX - 1;
	assert_int_equal(send_parts(parts, 1, 0), OK);
	assert_int_equal(lease.packets, 0);
	collect(PACKET_COPY_MAX - 1);
}

static void where_memory_is_not_taken_lent_bytes_are_copied(void **state)
{
	(void)state;
	open_with(AMP_NET_TX_CHECKSUM | AMP_NET_TX_SEGMENT, 0, 0);
	struct packet_part parts[] = { { .bytes = bytes, .size = 1300, .is_lent = true } };
	assert_int_equal(send_parts(parts, 1, 0), OK);
	assert_int_equal(lease.packets, 0);
	collect(1300);
	assert_memory_equal(out, bytes, 1300);
	assert_int_equal(world.large.directs, 0);
}

static void small_static_bytes_are_copied(void **state)
{
	(void)state;
	open_with(ALL_OFFLOADS, 0, 0);
	struct packet_part parts[] = { { bytes, PACKET_COPY_MAX - 1, true } };
	assert_int_equal(send_parts(parts, 1, 0), OK);
	assert_int_equal(collect(PACKET_COPY_MAX - 1), 1);
	assert_int_equal(world.large.directs, 0);
}

static void a_device_that_cuts_gets_it_whole(void **state)
{
	(void)state;
	open_with(ALL_OFFLOADS, 0, 0);
	struct packet_part parts[] = { { bytes, 30000, false }, { bytes + 30000, 31440, true } };
	assert_int_equal(packet_payload_max(&route, 1448), PACKET_PAYLOAD_MAX);
	assert_int_equal(send_parts(parts, 2, 1448), OK);
	assert_int_equal(collect(61440), (61440 + 1447) / 1448);
	assert_memory_equal(out, bytes, 61440);
	assert_int_equal(world.large.directs, 1);
}

/* Whatever the parts are, the same bytes come out, and all frames come back. */
static void any_parts_arrive_whole(void **state)
{
	(void)state;
	static const uint32_t features[] = { ALL_OFFLOADS | AMP_NET_TX_MEMORY,
		                             ALL_OFFLOADS,
		                             AMP_NET_TX_CHECKSUM | AMP_NET_TX_SEGMENT,
		                             AMP_NET_TX_CHECKSUM,
		                             AMP_NET_TX_DIRECT | AMP_NET_TX_CHECKSUM,
		                             AMP_NET_TX_DIRECT,
		                             0 };
	for (uint32_t f = 0; f < sizeof features / sizeof features[0]; f++) {
		open_with(features[f], 0, 0);
		uint32_t most = 0, sent = 0;
		for (uint32_t round = 0; round < 3000; round++) {
			struct packet_part parts[PACKET_PARTS_MAX];
			uint16_t segment =
			        (uint16_t)(AMP_SEGMENT_MIN + random_below(1461 - AMP_SEGMENT_MIN));
			uint32_t count = random_below(PACKET_PARTS_MAX + 1), at = 0;
			uint32_t max = packet_payload_max(&route, segment);
			if (!max) {
				max = 1460;
				segment = 0;
			}
			uint32_t total = random_below(max + 1);
			for (uint32_t k = 0; k < count; k++) {
				uint32_t n = k == count - 1 ? total - at
				                            : random_below((total - at) / 2 + 1);
				uint32_t kind = random_below(3);
				parts[k] =
				        (struct packet_part){ bytes + at, n, kind == 1, kind == 2 };
				at += n;
			}
			assert_int_equal(send_parts(parts, count, segment), OK);
			uint32_t n = collect(at);
			assert_int_equal(n, segment && at > segment ? (at + segment - 1) / segment
			                                            : 1);
			assert_memory_equal(out, bytes, at);
			if (most < world.large.frames + world.large.directs)
				most = world.large.frames + world.large.directs;
			sent++;
			world_turn();
		}
		assert_int_equal(sent, 3000);
		assert_true(most <= AMP_PACKET_DESCS_MAX);
		assert_true(world_frames_balanced());
		assert_int_equal(lease.packets, 0);
		if (f < 6)
			world_close();
	}
}

static void without_room_nothing_is_sent_and_nothing_lost(void **state)
{
	(void)state;
	open_with(ALL_OFFLOADS, 64, 128);
	struct packet_part parts[] = { { bytes, 60000, false } };
	uint32_t sent = 0, refused = 0;
	world.hold_tx = true;
	for (uint32_t k = 0; k < 8; k++) {
		int error = send_parts(parts, 1, 1448);
		assert_true(error == OK || error == ERR_MEMORY);
		sent += error == OK;
		refused += error == ERR_MEMORY;
	}
	assert_true(sent >= 1 && refused >= 4);
	world.hold_tx = false;
	world_turn();
	for (; sent; sent--) {
		struct packet p;
		for (uint32_t got = 0; got < 60000; got += p.size - 54)
			assert_true(world_sent(&p));
	}
	world_turn();
	assert_int_equal(send_parts(parts, 1, 1448), OK);
	collect(60000);
}

/* tx entries that stand for no frame come back with their packet. */
static void direct_entries_come_back(void **state)
{
	(void)state;
	open_with(ALL_OFFLOADS, 64, 0);
	struct packet_part parts[] = { { bytes, 500, true }, { bytes + 1000, 400, true } };
	for (uint32_t round = 0; round < 5; round++) {
		uint32_t sent = 0;
		world.hold_tx = true;
		while (send_parts(parts, 2, 0) == OK)
			sent++;
		assert_int_equal(sent, 64 / 3);
		assert_true(packet_room(world.interface) < 3);
		world.hold_tx = false;
		for (struct packet p; world_sent(&p);)
			;
		world_turn();
		for (struct packet p; world_sent(&p);)
			;
		world_turn();
		assert_int_equal(packet_room(world.interface), 64);
	}
}

static void an_unknown_neighbour_is_asked_and_gets_copies(void **state)
{
	(void)state;
	open_with(ALL_OFFLOADS, 0, 0);
	struct packet p;
	route.destination = PEER + 1;
	assert_int_equal(packet_payload_max(&route, 1448), 0);
	struct packet_part parts[] = { { bytes, 1000, true } };
	assert_int_equal(send_parts(parts, 1, 0), OK);
	world_turn();
	assert_true(world_sent(&p));
	assert_int_equal(bytes_load_u16(p.bytes + 12), 0x0806);
	assert_false(world_sent(&p));
	struct packet answer;
	packet_arp(&answer, 2, other_mac, PEER + 1, US);
	world_receive(&answer);
	world_turn();
	assert_true(world_sent(&p));
	assert_int_equal(p.size, 34 + HEADER + 1000);
	assert_memory_equal(p.bytes + 34 + HEADER, bytes, 1000);
	assert_memory_equal(p.bytes, other_mac, 6);
	assert_int_equal(packet_payload_max(&route, 1448), PACKET_PAYLOAD_MAX);
}

static void what_does_not_fit_is_refused(void **state)
{
	(void)state;
	open_with(ALL_OFFLOADS & ~AMP_NET_TX_SEGMENT, 0, 0);
	struct packet_part parts[] = { { bytes, 1461, true } };
	assert_int_equal(send_parts(parts, 1, 0), ERR_TOO_BIG);
	assert_int_equal(send_parts(parts, 1, 1448), ERR_TOO_BIG);
	parts[0].size = 1460;
	assert_int_equal(send_parts(parts, 1, 0), OK);
	collect(1460);
	assert_true(world_frames_balanced());
	world_close();
	open_with(ALL_OFFLOADS, 0, 0);
	assert_int_equal(packet_payload_max(&route, AMP_SEGMENT_MIN - 1), 0);
	parts[0].size = PACKET_PAYLOAD_MAX + 1;
	assert_int_equal(send_parts(parts, 1, 1448), ERR_TOO_BIG);
	parts[0].size = 3000;
	assert_int_equal(send_parts(parts, 1, 1461), ERR_TOO_BIG);
	assert_int_equal(count(COUNT_TX_TOO_BIG), 2);
}

/* ---- Large receives ---- */

static uint32_t got, got_rest, calls;
static bool got_checked;

static void on_tcp(struct ip4_packet *p)
{
	calls++;
	got_checked = p->checked;
	got_rest = p->rest_size;
	memcpy(out, p->payload, p->size);
	got = p->size;
	uint32_t left = p->rest_size;
	for (const struct frame *f = p->rest; f && left; f = f->next) {
		uint32_t n = f->size < left ? f->size : left;
		memcpy(out + got, frame_base(f) + f->start, n);
		got += n;
		left -= n;
	}
	assert_int_equal(left, 0);
}

static const struct ip4_protocol tcp = { .input = on_tcp };

/* A packet of `payload` bytes of IP's, with so many more behind it. */
static uint32_t large_packet(uint8_t *to, uint8_t protocol, uint32_t payload, uint32_t padding)
{
	struct packet p;
	packet_start(&p, us_mac, peer_mac, 0x0800);
	packet_ip(&p, (struct ip_spec){ .protocol = protocol }, bytes, 0);
	bytes_store_u16(p.bytes + 16, (uint16_t)(20 + payload));
	bytes_store_u16(p.bytes + 24, 0);
	bytes_store_u16(p.bytes + 24, naive_checksum(p.bytes + 14, 20, 0));
	memcpy(to, p.bytes, 34);
	memcpy(to + 34, bytes, payload);
	memset(to + 34 + payload, 0xee, padding);
	return 34 + payload + padding;
}

static void large_packets_arrive_whole(void **state)
{
	(void)state;
	static uint8_t large[1 << 16];
	struct amp_frame_header h = { .flags = 1, .gso_type = 1, .gso_size = 1448 };
	open_with(ALL_OFFLOADS, 0, 0);
	ip4_protocol_set(IP4_PROTOCOL_TCP, &tcp);
	static const uint32_t sizes[] = {
		20, 1480, 1757, 1758, 1759, 3000, 3806, 3807, 20000, 65000
	};
	for (uint32_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
		for (uint32_t padding = 0; padding < 3; padding++) {
			uint32_t size = large_packet(large, 6, sizes[k], padding * 40);
			calls = 0;
			memset(out, 0, sizeof out);
			assert_true(world_receive_large(large, size, &h));
			world_turn();
			assert_int_equal(calls, 1);
			assert_true(got_checked);
			assert_int_equal(got, sizes[k]);
			assert_memory_equal(out, bytes, got);
			world_turn();
		}
	}
	assert_int_equal(got_rest, 65000 - 1758);
	ip4_protocol_set(IP4_PROTOCOL_TCP, NULL);
}

static void large_packets_that_are_not_tcp_are_dropped(void **state)
{
	(void)state;
	static uint8_t large[1 << 16];
	struct packet p;
	struct amp_frame_header h = { .flags = 1 };
	open_with(ALL_OFFLOADS, 0, 0);
	for (uint8_t protocol = 0; protocol < 255; protocol++) {
		if (protocol == 6)
			continue;
		uint32_t size = large_packet(large, protocol, 5000, 0);
		assert_true(world_receive_large(large, size, &h));
		world_turn();
		assert_false(world_sent(&p));
	}
	large[12] = 0x86; /* no IPv4 at all */
	assert_true(world_receive_large(large, 5034, &h));
	memset(large, 0xff, sizeof large);
	assert_true(world_receive_large(large, 60000, NULL));
	world_turn();
	assert_false(world_sent(&p));
}

static void a_large_packet_shorter_than_it_says_is_dropped(void **state)
{
	(void)state;
	static uint8_t large[1 << 16];
	open_with(ALL_OFFLOADS, 0, 0);
	ip4_protocol_set(IP4_PROTOCOL_TCP, &tcp);
	calls = 0;
	uint32_t size = large_packet(large, 6, 5000, 0);
	assert_true(world_receive_large(large, size - 1, NULL));
	world_turn();
	assert_int_equal(calls, 0);
	assert_int_equal(count(COUNT_RX_SHORT), 1);
	/* A fragment cannot be large. */
	bytes_store_u16(large + 20, IP4_MF);
	bytes_store_u16(large + 24, 0);
	bytes_store_u16(large + 24, naive_checksum(large + 14, 20, 0));
	assert_true(world_receive_large(large, size, NULL));
	world_turn();
	assert_int_equal(calls, 0);
	assert_int_equal(count(COUNT_FRAGMENT_BAD), 1);
	ip4_protocol_set(IP4_PROTOCOL_TCP, NULL);
}

static void a_chain_with_a_bad_part_is_dropped_whole(void **state)
{
	(void)state;
	struct packet in, p;
	open_with(ALL_OFFLOADS, 0, 0);
	packet_echo(&in, PEER, US, 1, 100);
	for (uint32_t kind = 0; kind < 5; kind++) {
		uint64_t before = count(COUNT_RX_BAD_DESCRIPTOR);
		for (uint32_t k = 0; k < 3; k++) {
			struct amp_desc d = world_place(&in, AMP_FRAME_HEADROOM);
			d.options =
			        k < 2 || kind == 4 ? AMP_DESC_CONTINUED : 0; /* 4: without an end */
			if (k == 1) {
				d.len = kind == 0 ? 0 : kind == 1 ? AMP_FRAME_SIZE : d.len;
				d.addr = kind == 2 ? UINT64_MAX : d.addr;
			}
			if (k == 0 && kind == 3)
				d.len = 13;
			world_receive_raw(d);
		}
		world_turn();
		assert_false(world_sent(&p));
		assert_true(count(COUNT_RX_BAD_DESCRIPTOR) > before);
		assert_true(world_exchange(&in, &p));
		if (kind == 2) { /* that frame is lost to us: the tender never gave it back */
			world_close();
			open_with(ALL_OFFLOADS, 0, 0);
		}
	}
}

int main(void)
{
#define T(name_) cmocka_unit_test_teardown(name_, leave)
	const struct CMUnitTest tests[] = {
		T(a_device_that_does_nothing_gets_one_whole_frame),
		T(static_bytes_go_as_they_lie),
		T(lent_bytes_go_as_they_lie_and_are_counted),
		T(where_memory_is_not_taken_lent_bytes_are_copied),
		T(small_static_bytes_are_copied),
		T(a_device_that_cuts_gets_it_whole),
		T(any_parts_arrive_whole),
		T(without_room_nothing_is_sent_and_nothing_lost),
		T(direct_entries_come_back),
		T(an_unknown_neighbour_is_asked_and_gets_copies),
		T(what_does_not_fit_is_refused),
		T(large_packets_arrive_whole),
		T(large_packets_that_are_not_tcp_are_dropped),
		T(a_large_packet_shorter_than_it_says_is_dropped),
		T(a_chain_with_a_bad_part_is_dropped_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
