/* SPDX-License-Identifier: ISC */
/*
 * Frames over a stream (net_stream.h) and what may go there (net_guard.h); published ports and words of networks, which come
 * from the command line. The other side of the stream is this test: slow, in pieces, or lying.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tender/device/net_rings.h>
#include <tender/device/net_stream.h>
#include <tender/device/net_words.h>
#include <tender/device/publish.h>

static struct net_stream *stream;
static int far; /* the other end */
static uint8_t bytes[AMP_PACKET_MAX + 1000], heard[4 << 20];

static int set_up(void **state)
{
	int fds[2], small = 1 << 14;
	struct defect why;
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	far = fds[1];
	stream = calloc(1, sizeof *stream);
	assert_int_equal(net_stream_open(stream, fds[0], 65535, &why), 0);
	for (uint32_t k = 0; k < sizeof bytes; k++)
		bytes[k] = (uint8_t)(k * 7 + k / 251);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	net_stream_close(stream);
	close(stream->fd);
	close(far);
	free(stream);
	return 0;
}

static void say_frame(uint32_t size, const void *content)
{
	uint32_t length = htonl(size);
	assert_int_equal(write(far, &length, 4), 4);
	assert_int_equal(write(far, content, size), size);
}

static uint32_t take(uint8_t *to, uint32_t room)
{
	const struct iovec v = { to, room };
	return net_stream_read(stream, &v, 1);
}

static void reads_frames_in_any_pieces(void **state)
{
	uint8_t wire[4 + 100 + 4 + 60], got[200];
	uint32_t length = htonl(100), second = htonl(60);
	(void)state;
	memcpy(wire, &length, 4);
	memcpy(wire + 4, bytes, 100);
	memcpy(wire + 104, &second, 4);
	memcpy(wire + 108, bytes + 100, 60);
	uint32_t frames = 0;
	for (uint32_t k = 0; k < sizeof wire; k++) {
		assert_int_equal(write(far, wire + k, 1), 1);
		net_stream_begin(stream);
		uint32_t size = take(got, sizeof got);
		if (!size)
			continue;
		assert_int_equal(size, frames ? 60 : 100);
		assert_memory_equal(got, frames ? bytes + 100 : bytes, size);
		assert_int_equal(k, frames ? sizeof wire - 1 : 103);
		frames++;
	}
	assert_int_equal(frames, 2);
	assert_false(stream->gone);
}

static void a_frame_is_cut_where_there_is_no_room_and_the_next_is_whole(void **state)
{
	uint8_t got[64];
	(void)state;
	say_frame(1000, bytes);
	say_frame(40, bytes + 1000);
	net_stream_begin(stream);
	assert_int_equal(take(got, 64), 1000);
	assert_memory_equal(got, bytes, 64);
	assert_int_equal(take(got, 64), 40);
	assert_memory_equal(got, bytes + 1000, 40);
	assert_int_equal(take(got, 64), 0);
}

/* More than the buffer holds at a time, so that what is read moves to its front. */
static void reads_many_large_frames(void **state)
{
	static uint8_t got[AMP_PACKET_MAX];
	(void)state;
	int size = 1 << 20;
	setsockopt(far, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	for (uint32_t k = 0; k < 40; k++) {
		say_frame(AMP_PACKET_MAX, bytes);
		net_stream_begin(stream);
		assert_int_equal(take(got, sizeof got), AMP_PACKET_MAX);
		assert_memory_equal(got, bytes, AMP_PACKET_MAX);
	}
}

static void a_length_that_no_frame_has_ends_the_stream(void **state)
{
	static const uint32_t lengths[] = { 0, 13, AMP_PACKET_MAX + 1, 0x7fffffff, UINT32_MAX };
	uint8_t got[64];
	for (unsigned k = 0; k < sizeof lengths / sizeof *lengths; k++) {
		uint32_t length = htonl(lengths[k]);
		say_frame(20, bytes);
		assert_int_equal(write(far, &length, 4), 4);
		net_stream_begin(stream);
		assert_int_equal(take(got, sizeof got), 20); /* what came before counts */
		assert_false(stream->gone);
		assert_int_equal(take(got, sizeof got), 0);
		assert_true(stream->gone);
		assert_int_equal(stream->bad, lengths[k]);
		tear_down(state);
		set_up(state);
	}
}

static void the_other_sides_end_is_told(void **state)
{
	uint8_t got[64];
	(void)state;
	net_stream_begin(stream);
	assert_int_equal(take(got, sizeof got), 0);
	assert_false(stream->gone);
	shutdown(far, SHUT_RDWR);
	net_stream_begin(stream);
	assert_int_equal(take(got, sizeof got), 0);
	assert_true(stream->gone);
	assert_false(net_stream_ready(stream));
}

static void frames_to_nobody_are_the_images(void **state)
{
	static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 };
	uint8_t frame[60] = { 0 }, got[60];
	(void)state;
	stream->readdress = true;
	memcpy(stream->mac, mac, 6);
	say_frame(60, frame);
	frame[5] = 9;
	say_frame(60, frame);
	net_stream_begin(stream);
	take(got, sizeof got);
	assert_memory_equal(got, mac, 6);
	take(got, sizeof got);
	assert_memory_equal(got, frame, 6);
}

/* Sends frames of these sizes by turns, until so many have gone; the other side reads now and then, little at a time. All
 * arrive, whole and in order, however often the socket is full. */
static void sends_all_to_a_slow_reader(void **state)
{
	static const uint32_t sizes[] = { 60, 1514, 65535, 14, 9000, 61000 };
	uint32_t sent = 0, got = 0, at = 0, waited = 0;
	(void)state;
	while (got < 300) {
		net_stream_ready(stream);
		for (uint32_t batch = 0; batch < 20 && sent < 300 && net_stream_ready(stream);
		     batch++, sent++) {
			uint32_t size = sizes[sent % 6];
			const struct iovec v[2] = { { bytes + sent, 14 },
				                    { bytes + sent + 14, size - 14 } };
			assert_true(net_stream_add(stream, v, size > 14 ? 2 : 1, size));
		}
		net_stream_flush(stream);
		waited += net_stream_waits(stream);
		assert_true(stream->out_end <= NET_STREAM_OUT);
		ssize_t n = read(far, heard + at, 20000);
		at += n > 0 ? (uint32_t)n : 0;
		uint32_t size, from = 0;
		while (at - from >= 4) {
			memcpy(&size, heard + from, 4);
			size = ntohl(size);
			assert_int_equal(size, sizes[got % 6]);
			if (at - from - 4 < size)
				break;
			assert_memory_equal(heard + from + 4, bytes + got, size);
			from += 4 + size;
			got++;
		}
		memmove(heard, heard + from, at - from);
		at -= from;
	}
	assert_true(waited > 10);
	assert_false(net_stream_waits(stream));
}

static void room_is_told_only_where_something_waits(void **state)
{
	struct pollfd p = { stream->room, POLLIN, 0 };
	const struct iovec v = { bytes, 30000 };
	(void)state;
	assert_int_equal(poll(&p, 1, 0), 0);
	while (net_stream_ready(stream)) {
		assert_true(net_stream_add(stream, &v, 1, 30000));
		net_stream_flush(stream);
	}
	assert_int_equal(poll(&p, 1, 0), 0);
	while (read(far, heard, sizeof heard) > 0)
		;
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_true(net_stream_ready(stream));
	assert_int_equal(poll(&p, 1, 0), 0);
}

static void a_frame_that_is_too_large_does_not_go(void **state)
{
	const struct iovec v = { bytes, 65536 };
	(void)state;
	assert_false(net_stream_add(stream, &v, 1, 65536));
	net_stream_flush(stream);
	assert_int_equal(read(far, heard, sizeof heard), -1);
}

/* The image has sent its last packets and sleeps; the other side takes them one day. */
static void what_waits_goes_on_though_the_image_sends_no_more(void **state)
{
	enum { RING = 64, FRAMES = 128, SIZE = 1514 };
	static struct net_rings d;
	struct amp_device view = { 0 };
	uint8_t *rings = calloc(1, net_rings_size(RING)), *frames = calloc(FRAMES, AMP_FRAME_SIZE);
	uint32_t got = 0;
	(void)state;
	const struct net_layout layout = {
		.fd = stream->fd,
		.mtu = 1500,
		.ring_size = RING,
		.frame_count = FRAMES,
		.frame_size = AMP_FRAME_SIZE,
		.rings = { (uint64_t)rings, net_rings_size(RING), rings },
		.frames = { (uint64_t)frames, FRAMES * AMP_FRAME_SIZE, frames },
		.view = &view,
	};
	net_rings_open(&d, &layout);
	net_rings_stream(&d, stream, false);
	for (uint64_t k = 0; k < RING; k++) {
		const struct amp_desc c = { k * AMP_FRAME_SIZE, SIZE, 0 };
		memcpy((struct amp_desc *)view.tx.entries + k, &c, sizeof c);
	}
	*(uint32_t *)view.tx.producer = RING;
	while (net_rings_send(&d))
		;
	assert_true(net_stream_waits(stream));
	assert_false(net_rings_pending(&d)); /* a pass would do nothing */
	for (int idle = 0; idle < 10; idle++) {
		ssize_t n = read(far, heard, sizeof heard);
		got += n > 0 ? (uint32_t)n : 0;
		idle = n > 0 ? 0 : idle;
		net_rings_send(&d);
	}
	assert_int_equal(got, RING * (SIZE + 4));
	assert_int_equal(*(uint32_t *)view.completion.producer, RING);
	free(rings);
	free(frames);
}

/* TCP segments that are larger than the MTU come as if they had been joined; datagrams do not come. */
static void large_segments_come_as_joined_ones(void **state)
{
	enum { RING = 128, FRAMES = 256, SIZE = 14 + 60000 };
	static struct net_rings d;
	static uint8_t overflow[NET_OVERFLOW];
	struct amp_device view = { 0 };
	struct amp_frame_header h;
	uint8_t *rings = calloc(1, net_rings_size(RING)), *frames = calloc(FRAMES, AMP_FRAME_SIZE);
	int size = 1 << 20;
	(void)state;
	const struct net_layout layout = {
		.fd = stream->fd,
		.mtu = 1500,
		.ring_size = RING,
		.frame_count = FRAMES,
		.frame_size = AMP_FRAME_SIZE,
		.rings = { (uint64_t)rings, net_rings_size(RING), rings },
		.frames = { (uint64_t)frames, FRAMES * AMP_FRAME_SIZE, frames },
		.view = &view,
	};
	setsockopt(far, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	net_rings_open(&d, &layout);
	net_rings_stream(&d, stream, true);
	net_rings_offload(&d, AMP_NET_RX_LARGE | AMP_NET_RX_CHECKSUM | AMP_NET_RX_SEGMENTS, false,
	                  overflow);
	for (uint64_t k = 0; k < RING; k++)
		((uint64_t *)view.fill.entries)[k] = k * AMP_FRAME_SIZE;
	*(uint32_t *)view.fill.producer = RING;
	memcpy(heard, bytes, SIZE);
	heard[12] = 8;
	heard[13] = 0;
	heard[23] = 17;
	say_frame(SIZE, heard);
	heard[23] = 6;
	say_frame(SIZE, heard);
	say_frame(60, heard);
	heard[12] = 0x86;
	heard[13] = 0xdd;
	heard[20] = 6;
	say_frame(SIZE, heard);
	heard[12] = 8;
	heard[13] = 0;
	heard[20] = bytes[20];
	while (net_rings_receive(&d))
		;
	const struct amp_desc *c = (const struct amp_desc *)view.rx.entries;
	uint32_t at = 0, from = 0;
	for (bool more = true; more; at++) {
		assert_memory_equal(frames + c[at].addr, heard + from, c[at].len);
		from += c[at].len;
		more = c[at].options & AMP_DESC_CONTINUED;
	}
	assert_int_equal(from, SIZE);
	memcpy(&h, frames + c[0].addr - sizeof h, sizeof h);
	assert_true(h.gso_type == 1 && h.gso_size == 1460 && h.flags == 2);
	assert_int_equal(c[at].len, 60);
	memcpy(&h, frames + c[at].addr - sizeof h, sizeof h);
	assert_true(!h.gso_type && h.flags == 2);
	at++;
	memcpy(&h, frames + c[at].addr - sizeof h, sizeof h);
	assert_true(h.gso_type == 4 && h.gso_size == 1440 && h.flags == 2);
	while (c[at].options & AMP_DESC_CONTINUED)
		at++;
	assert_int_equal(*(uint32_t *)view.rx.producer, at + 1);
	assert_int_equal(d.counts.rx_too_long, 1);
	free(rings);
	free(frames);
}

/* ---- The guard ---- */

#define ROUTER 0x0a000001u

static uint32_t packet(uint8_t *to, uint32_t source, uint32_t destination, uint8_t protocol,
                       uint16_t from, uint16_t port, uint8_t flags, uint32_t options)
{
	uint32_t s = htonl(source), d = htonl(destination);
	uint16_t a = htons(from), b = htons(port);
	uint8_t *ip = to + 14, *l4 = ip + 20 + options;
	memset(to, 0, 14 + 20 + options + 20);
	to[12] = 8;
	ip[0] = (uint8_t)(0x45 + options / 4);
	ip[9] = protocol;
	memcpy(ip + 12, &s, 4);
	memcpy(ip + 16, &d, 4);
	memcpy(l4, &a, 2);
	memcpy(l4 + 2, &b, 2);
	l4[13] = flags;
	return 14 + 20 + options + 20;
}

static void guard_lets_answers_pass_and_nothing_that_begins(void **state)
{
	static struct net_guard g = { .router = ROUTER };
	uint8_t p[128];
	uint32_t n;
	(void)state;
	for (uint32_t options = 0; options <= 40; options += 20) {
		n = packet(p, 0x0a000002, ROUTER, 6, 80, 7000, 0x02, options);
		assert_false(net_guard_lets(&g, p, n)); /* SYN */
		p[14 + 6] = 0x1f;                       /* as a fragment: passt does not look */
		assert_false(net_guard_lets(&g, p, n));
		n = packet(p, 0x0a000002, ROUTER, 6, 80, 7000, 0x12, options);
		assert_true(net_guard_lets(&g, p, n));
		assert_false(
		        net_guard_lets(&g, p, 14 + 20 + options + 13)); /* cut before its flags */
		n = packet(p, 0x0a000002, 0xc0000201, 6, 80, 7000, 0x02, options);
		assert_true(net_guard_lets(&g, p, n)); /* others are no business of the guard's */
		uint16_t port = (uint16_t)(40000 + options);
		n = packet(p, 0x0a000002, ROUTER, 17, 53, port, 0, options);
		assert_false(net_guard_lets(&g, p, n));
		n = packet(p, ROUTER, 0x0a000002, 17, port, 53, 0, options);
		net_guard_heard(&g, p, n);
		n = packet(p, 0x0a000002, ROUTER, 17, 53, port, 0, options);
		assert_true(net_guard_lets(&g, p, n));
		n = packet(p, 0x0a000002, ROUTER, 17, 53, (uint16_t)(port + 1), 0, options);
		assert_false(net_guard_lets(&g, p, n));
	}
	/* Somebody else's port does not count. */
	n = packet(p, 0xc0000207, 0x0a000002, 17, 161, 53, 0, 0);
	net_guard_heard(&g, p, n);
	n = packet(p, 0x0a000002, ROUTER, 17, 53, 161, 0, 0);
	assert_false(net_guard_lets(&g, p, n));
	n = packet(p, 0x0a000002, ROUTER, 1, 0, 0, 0, 0);
	assert_true(net_guard_lets(&g, p, n)); /* ICMP */
	for (uint32_t size = 0; size < 34; size++)
		assert_true(net_guard_lets(&g, p, size)); /* no IPv4 */
}

static uint32_t packet6(uint8_t *to, const char *source, const char *destination, uint8_t next,
                        uint16_t from, uint16_t port, uint8_t flags)
{
	uint16_t a = htons(from), b = htons(port);
	memset(to, 0, 14 + 40 + 20);
	to[12] = 0x86;
	to[13] = 0xdd;
	to[14] = 0x60;
	to[14 + 6] = next;
	assert_int_equal(inet_pton(AF_INET6, source, to + 14 + 8), 1);
	assert_int_equal(inet_pton(AF_INET6, destination, to + 14 + 24), 1);
	memcpy(to + 54, &a, 2);
	memcpy(to + 56, &b, 2);
	to[54 + 13] = flags;
	return 14 + 40 + 20;
}

static void guard_lets_answers_of_ipv6_pass(void **state)
{
	static struct net_guard g = { .router = ROUTER, .router6 = { 0xfe, 0x80, [15] = 1 } };
	uint8_t p[128];
	(void)state;
	uint32_t n = packet6(p, "fe80::2", "fe80::1", 6, 80, 7000, 0x02);
	assert_false(net_guard_lets(&g, p, n));
	n = packet6(p, "fe80::2", "fe80::1", 6, 80, 7000, 0x12);
	assert_true(net_guard_lets(&g, p, n));
	assert_false(net_guard_lets(&g, p, 14 + 40 + 13));
	n = packet6(p, "fe80::2", "2001:db8::1", 6, 80, 7000, 0x02);
	assert_true(net_guard_lets(&g, p, n));
	n = packet6(p, "fe80::2", "fe80::1", 17, 53, 40000, 0);
	assert_false(net_guard_lets(&g, p, n));
	n = packet6(p, "fe80::1", "fe80::2", 17, 40000, 53, 0);
	net_guard_heard(&g, p, n);
	n = packet6(p, "fe80::2", "fe80::1", 17, 53, 40000, 0);
	assert_true(net_guard_lets(&g, p, n));
	/* One family's ports are not the other's. */
	n = packet(p, 0x0a000002, ROUTER, 17, 53, 40000, 0, 0);
	assert_false(net_guard_lets(&g, p, n));
	n = packet6(p, "fe80::2", "fe80::1", 58, 0x8700, 0, 0);
	assert_true(net_guard_lets(&g, p, n)); /* who has the router's address? */
	/* With a header between, nobody knows what passt reads. */
	static const uint8_t between[] = { 0, 43, 44, 60 };
	for (unsigned k = 0; k < sizeof between; k++) {
		n = packet6(p, "fe80::2", "fe80::1", between[k], 0x1100, 0, 0);
		assert_false(net_guard_lets(&g, p, n));
	}
}

static void guard_lets_nothing_reach_the_loopback_by_its_name(void **state)
{
	static struct net_guard g; /* as where no port of UDP is published */
	static const char *const names[] = { "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.7",
		                             "::127.0.0.1" };
	static const uint8_t nexts[] = { 6, 17, 58, 0 };
	uint8_t p[128];
	uint32_t n;
	(void)state;
	for (unsigned k = 0; k < sizeof names / sizeof *names; k++)
		for (unsigned j = 0; j < sizeof nexts; j++) {
			n = packet6(p, "fe80::2", names[k], nexts[j], 80, 7000, 0x12);
			assert_false(net_guard_lets(&g, p, n));
		}
	static const uint32_t ip4[] = { 0x7f000001, 0x7fffffff, 0, 0x00000001 };
	for (unsigned k = 0; k < sizeof ip4 / sizeof *ip4; k++)
		for (unsigned j = 0; j < sizeof nexts; j++) {
			n = packet(p, 0x0a000002, ip4[k], nexts[j], 80, 7000, 0x12, 0);
			assert_false(net_guard_lets(&g, p, n));
		}
	n = packet(p, 0x0a000002, ROUTER, 6, 80, 7000, 0x02, 0);
	assert_true(net_guard_lets(&g, p, n));
	n = packet6(p, "fe80::2", "fe80::1", 6, 80, 7000, 0x02);
	assert_true(net_guard_lets(&g, p, n));
}

static void what_the_guard_stops_leaves_the_stream_whole(void **state)
{
	static struct net_guard g = { .router = ROUTER };
	uint8_t p[128];
	(void)state;
	stream->guard = &g;
	uint32_t n = packet(p, 0x0a000002, ROUTER, 6, 80, 7000, 0x02, 0);
	const struct iovec stopped = { p, n }, parts[2] = { { bytes, 30 }, { bytes + 30, 170 } };
	assert_false(net_stream_add(stream, &stopped, 1, n));
	assert_true(net_stream_add(stream, parts, 2, 200));
	assert_false(net_stream_add(stream, &stopped, 1, n));
	net_stream_flush(stream);
	assert_int_equal(read(far, heard, sizeof heard), 204);
	assert_memory_equal(heard + 4, bytes, 200);
}

/* ---- Texts ---- */

static void ports_are_read(void **state)
{
	struct publish p;
	struct defect why;
	(void)state;
	assert_int_equal(publish_parse(&p, "8080:80", &why), 0);
	assert_true(!p.address.family && p.first == 8080 && p.last == 8080 && p.to == 80 && !p.udp);
	assert_int_equal(publish_parse(&p, "127.0.0.1:53:5353/udp", &why), 0);
	assert_true(p.address.family == NET_IP4 && net_ip4_of(p.address.bytes) == 0x7f000001 &&
	            p.first == 53 && p.to == 5353 && p.udp);
	assert_int_equal(publish_parse(&p, "8000-8010:80-90/tcp", &why), 0);
	assert_true(p.first == 8000 && p.last == 8010 && p.to == 80 && !p.udp);
	char text[PUBLISH_ADDRESS_MAX];
	assert_string_equal(publish_address(&p, text), "");
	assert_int_equal(publish_parse(&p, "[2001:db8::7]:8000-8010:80-90/udp", &why), 0);
	assert_true(p.address.family == NET_IP6 && p.first == 8000 && p.to == 80 && p.udp);
	assert_string_equal(publish_address(&p, text), "2001:db8::7");
	assert_int_equal(publish_parse(&p, "[::]:8080:80", &why), 0);
	assert_string_equal(publish_address(&p, text), "::");
	static const char *const wrong[] = { "::1:80:80",
		                             "[::1]80:80",
		                             "[::1]:80",
		                             "[]:80:80",
		                             "[1.2.3.4]:80:80",
		                             "[::1",
		                             "[::1]",
		                             "[fe80::1]:80:80",
		                             "[::ffff:1.2.3.4]:80:80",
		                             "[::1]:80:80]",
		                             "]:80:80",
		                             "",
		                             ":",
		                             "80:",
		                             ":80",
		                             "a:80",
		                             "1:2:3",
		                             "65536:1",
		                             "10-5:10-5",
		                             "1-3:1-2",
		                             "80:80/",
		                             "80:80 ",
		                             "[::]:80",
		                             "1.2.3:80:8",
		                             "8080:80/udp/",
		                             "0:0" };
	for (unsigned k = 0; k < sizeof wrong / sizeof *wrong; k++)
		assert_int_equal(publish_parse(&p, wrong[k], &why), -1);
}

static void words_are_taken_and_the_rest_stays(void **state)
{
	static char text[] =
	        "xdp:eth0,gateway=10.1.0.1,queue=3,address=10.1.2.3/16,resolver=10.1.0.53,mtu=1400,"
	        "route=192.0.2.0/24@10.1.0.9,more";
	struct amp_net_word out[NET_WORDS_EACH];
	struct net_words w = { 0 };
	struct defect why;
	(void)state;
	assert_int_equal(net_words_take(&w, text, &why), 0);
	assert_string_equal(text, "xdp:eth0,queue=3,more");
	assert_int_equal(w.mtu, 1400);
	assert_int_equal(net_ip4_of(net_words_gateway(&w, NET_IP4)->gateway), 0x0a010001);
	assert_null(net_words_gateway(&w, NET_IP6));
	assert_int_equal(net_words_write(&w, 5, out), 4);
	assert_true(out[0].kind == AMP_NET_WORD_ADDRESS && out[0].prefix == 16 &&
	            out[0].device == 5 && net_ip4_of(out[0].address) == 0x0a010203 &&
	            out[0].family == 4);
	assert_true(out[1].kind == AMP_NET_WORD_ROUTE && out[1].prefix == 0);
	assert_true(out[3].kind == AMP_NET_WORD_ROUTE && out[3].prefix == 24 &&
	            net_ip4_of(out[3].address) == 0xc0000200);
}

static void words_are_of_either_family(void **state)
{
	static char text[] =
	        "tap:t,resolver=2001:db8::53,address=10.1.2.3/16,address=fe80::7/"
	        "64,gateway=fe80::1,"
	        "address=2001:db8::7/64,gateway=10.1.0.1,route=2001:db8:1::/48@2001:db8::9";
	static const uint8_t seven[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 7 };
	struct amp_net_word out[NET_WORDS_EACH];
	struct net_words w = { 0 };
	struct defect why;
	(void)state;
	assert_int_equal(net_words_take(&w, text, &why), 0);
	assert_string_equal(text, "tap:t");
	assert_int_equal(net_words_write(&w, 0, out), 7);
	for (unsigned k = 0; k < 3; k++)
		assert_int_equal(out[k].kind, AMP_NET_WORD_ADDRESS);
	assert_true(out[0].family == 4 && out[1].family == 6 && out[1].address[0] == 0xfe);
	/* The link's own does not count as the first. */
	const struct amp_net_word *first = net_words_first(&w, AMP_NET_WORD_ADDRESS, NET_IP6);
	assert_memory_equal(first->address, seven, 16);
	assert_int_equal(first->prefix, 64);
	const struct amp_net_word *gateway = net_words_gateway(&w, NET_IP6);
	assert_true(gateway->gateway[0] == 0xfe && gateway->gateway[15] == 1 && !gateway->prefix);
	assert_true(out[6].kind == AMP_NET_WORD_ROUTE && out[6].prefix == 48 &&
	            out[6].gateway[15] == 9);
	static const char *const wrong[] = {
		",address=::/64",
		",address=::1/128",
		",address=ff02::1/64",
		",address=2001:db8::7",
		",address=2001:db8::7/0",
		",address=::ffff:10.0.0.1/96",
		",address=2001:db8::7/129",
		",gateway=::",
		",gateway=fe80::1%eth0",
		",route=2001:db8::1/64@fe80::1",
		",route=2001:db8::/64@10.0.0.1",
		",resolver=ff02::53",
		",gateway=fe80::1,gateway=fe80::2",
		",address=10.0.0.1/33",
		",address=10.0.0.1/-1",
	};
	for (unsigned k = 0; k < sizeof wrong / sizeof *wrong; k++) {
		char copy[64];
		w.count = 0;
		assert_int_equal(net_words_take(&w, strcpy(copy, wrong[k]), &why), -1);
	}
}

static void servers_are_read_from_resolv_conf(void **state)
{
	static const char *const none[] = {
		"",
		"\n",
		"nameserver\n",
		"nameserver10.0.0.1\n",
		"options nameserver 10.0.0.1\n",
		"#nameserver 10.0.0.1\n",
		"nameserver 127.0.0.53\n",
		"nameserver ::1\n",
		"nameserver fe80::1%eth0\n",
		"nameserver fe80::1\n",
		"nameserver ff02::1\n",
	};
	struct net_words w = { 0 };
	(void)state;
	for (unsigned k = 0; k < sizeof none / sizeof *none; k++)
		assert_false(net_words_resolver_line(&w, none[k]));
	assert_int_equal(w.count, 0);
	assert_true(net_words_resolver_line(&w, "nameserver 10.0.0.1\n"));
	assert_true(net_words_resolver_line(&w, "nameserver \t2001:db8::53 # ours"));
	assert_true(w.count == 2 && w.all[0].family == 4 && w.all[0].prefix == 32 &&
	            w.all[1].family == 6 && w.all[1].prefix == 128 && w.all[1].address[15] == 0x53);
}

static void words_are_bounded(void **state)
{
	char text[1024] = "x";
	struct net_words w = { 0 };
	struct defect why;
	(void)state;
	for (unsigned k = 0; k <= NET_WORDS_EACH; k++)
		strcat(text, ",resolver=10.0.0.1");
	assert_int_equal(net_words_take(&w, text, &why), -1);
	assert_non_null(strstr(why.text, "more than 32"));
}

/* A segment of one of the image's connections. */
static bool add_segment(uint16_t port, uint8_t flags, bool six)
{
	uint8_t f[74] = { [12] = 0x08, [14] = 0x45, [23] = 6, [26] = 10, [30] = 10, [33] = 9 };
	uint32_t at = 34, size = 54;
	if (six) {
		memset(f + 12, 0, sizeof f - 12);
		f[12] = 0x86, f[13] = 0xdd, f[20] = 6, f[38] = 0xfd;
		at = 54, size = 74;
	}
	f[at] = (uint8_t)(port >> 8), f[at + 1] = (uint8_t)port, f[at + 3] = 80;
	f[at + 12] = 0x50, f[at + 13] = flags;
	const struct iovec v = { f, size };
	bool went = net_stream_add(stream, &v, 1, size);
	net_stream_flush(stream);
	return went;
}

static void far_reads(void)
{
	while (read(far, heard, sizeof heard) > 0)
		;
}

/* passt of 2023 turns in a loop otherwise: net_pace.h. */
static void segments_that_begin_or_end_a_connection_are_read_alone(void **state)
{
	enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
	static struct net_guard guard;
	(void)state;
	for (int six = 0; six < 2; six++) {
		struct net_pace pace = { 0 };
		stream->guard = &guard;
		stream->pace = &pace;
		assert_true(add_segment(1, SYN, six));
		assert_false(add_segment(1, SYN, six));
		assert_false(add_segment(1, RST, six));
		assert_true(add_segment(2, SYN | ACK, six));
		assert_false(add_segment(2, SYN | ACK, six));
		far_reads();
		assert_true(add_segment(2, SYN | ACK, six));
		far_reads();
		for (int k = 0; k < 3; k++)
			assert_true(add_segment(2, ACK, six));
		assert_true(add_segment(2, FIN | ACK, six));
		assert_false(add_segment(2, ACK, six));
		far_reads();
		assert_true(add_segment(2, ACK, six));
		assert_false(add_segment(2, RST, six));
		assert_true(add_segment(1, ACK, six));
		far_reads();
		/* The same port again. */
		assert_true(add_segment(2, SYN, six));
		far_reads();
		assert_true(add_segment(2, ACK, six));
		assert_true(add_segment(2, ACK, six));
		far_reads();
	}
	stream->guard = NULL;
	stream->pace = NULL;
}

int main(void)
{
#define STREAM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		        segments_that_begin_or_end_a_connection_are_read_alone, set_up, tear_down),
		STREAM_TEST(reads_frames_in_any_pieces),
		STREAM_TEST(a_frame_is_cut_where_there_is_no_room_and_the_next_is_whole),
		STREAM_TEST(reads_many_large_frames),
		STREAM_TEST(a_length_that_no_frame_has_ends_the_stream),
		STREAM_TEST(the_other_sides_end_is_told),
		STREAM_TEST(frames_to_nobody_are_the_images),
		STREAM_TEST(sends_all_to_a_slow_reader),
		STREAM_TEST(room_is_told_only_where_something_waits),
		STREAM_TEST(what_waits_goes_on_though_the_image_sends_no_more),
		STREAM_TEST(large_segments_come_as_joined_ones),
		STREAM_TEST(a_frame_that_is_too_large_does_not_go),
		cmocka_unit_test(guard_lets_answers_pass_and_nothing_that_begins),
		cmocka_unit_test(guard_lets_answers_of_ipv6_pass),
		cmocka_unit_test(guard_lets_nothing_reach_the_loopback_by_its_name),
		STREAM_TEST(what_the_guard_stops_leaves_the_stream_whole),
		cmocka_unit_test(ports_are_read),
		cmocka_unit_test(words_are_taken_and_the_rest_stays),
		cmocka_unit_test(words_are_of_either_family),
		cmocka_unit_test(servers_are_read_from_resolv_conf),
		cmocka_unit_test(words_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
