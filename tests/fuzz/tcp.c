/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes TCP: an input is a program of what the peer sends, what the application does, and how time
 * passes. Segments are aimed: their numbers are offsets from what would be right, so that most get
 * past the first checks. After each step the parts of the connection say whether they are valid;
 * bytes that the application is shown have to be those that the peer sent at that place; at the end
 * everything is closed, and no frame or memory may be left. Each program runs twice: with a device that does nothing
 * by itself, and with one that sums up, cuts, and delivers segments of up to 61,200 bytes.
 */
#include "world.h"

#include <stdio.h>

#include <net/tcp/internal.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define PEERS 2u

enum { OPEN, SEGMENT, TIME, APPLICATION, RAW, REPORT, DRAIN, STEPS };
enum {
	WRITE,
	WRITE_STATIC,
	SHUTDOWN,
	CLOSE,
	ABORT,
	RESUME,
	TAKE_LESS,
	TAKE_ALL,
	CONNECT,
	UNWATCH,
	CHANGE,
	MOVE,
	VANISH,
	ACTIONS
};

static struct side {
	struct tcp_connection *c;
	uint32_t iss, irs, sent,
	        heard;        /* the peer's ISS, ours; its next; what it has heard of ours */
	uint32_t shown;       /* bytes that the application was shown */
	uint32_t value, echo; /* its clock; ours, as last heard */
	uint16_t us, peer;
} sides[PEERS];

static struct tcp_listener *listener;
static uint32_t take;
static bool offloads;

static uint8_t pattern(uint32_t at)
{
	return (uint8_t)(at * 31 + at / 253);
}

static const uint8_t fixed[1 << 16] = { 1, 2, 3 };

static void check(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "fuzz tcp: %s\n", what);
		abort();
	}
}

/* ---- The application ---- */

static uint32_t received(void *context, struct tcp_connection *c, const uint8_t *bytes,
                         uint32_t size)
{
	struct side *s = context;
	uint32_t n = size < take ? size : take;
	uint32_t at = c->irs + s->shown - s->iss; /* the SYN may have come with any number */
	for (uint32_t k = 0; k < n; k++)
		check(bytes[k] == pattern(at + k),
		      "the application is shown another byte than was sent");
	s->shown += n;
	return n;
}

static void closed(void *context, struct tcp_connection *c, int reason)
{
	struct side *s = context;
	(void)c, (void)reason;
	s->c = NULL;
}

static const struct tcp_handlers handlers = { .received = received, .closed = closed };

static bool accepted(void *context, struct tcp_connection *c)
{
	struct tcp_info i;
	(void)context;
	tcp_info(c, &i);
	struct side *s = &sides[i.remote_port & (PEERS - 1)];
	if (s->c)
		return false;
	s->c = c;
	s->shown = 0;
	tcp_watch(c, &handlers, s);
	return true;
}

static void change(struct tcp_connection *c, uint16_t n)
{
	uint32_t bytes = 1u << (n >> 3 & 31);
	switch (n & 7) {
	case 0:
		tcp_set_no_delay(c, n & 8);
		break;
	case 1:
		tcp_set_keep_alive(c, (uint64_t)bytes * MILLI);
		break;
	case 2:
		tcp_set_user_timeout(c, (uint64_t)bytes * MILLI);
		break;
	case 3:
		tcp_set_dscp(c, (uint8_t)(n >> 3));
		break;
	case 4:
		tcp_set_send_max(c, bytes);
		break;
	case 5:
		tcp_set_receive_max(c, bytes);
		break;
	default:
		tcp_set_unsent_max(c, n & 8 ? bytes : 0);
	}
}

static void listen_to_it(void);

/* The image's address goes, for a while or for good; what is under way is not to be seen. */
static void move(uint16_t n)
{
	listen_to_it();
	if (n & 1)
		interface_clear_address(world.interface);
	interface_set_address(world.interface, US + 1, 24, GATEWAY);
	world_turn();
	listen_to_it();
	for (uint32_t k = 0; k < PEERS; k++) /* those that a handler watches have ended */
		check(!sides[k].c || sides[k].c->detached, "it has outlived its address");
	interface_set_address(world.interface, US, 24, GATEWAY);
}

static void act(struct side *s, uint8_t action, uint16_t n)
{
	static const struct tcp_options to = { .local_port = 50000 };
	if (action % ACTIONS == CONNECT && !s->c) {
		if (tcp_connect_watch(&s->c, net_ip4(PEER), s->peer, s == sides ? &to : NULL,
		                      &handlers, s) == OK) {
			struct tcp_info i;
			tcp_info(s->c, &i);
			s->us = i.local_port;
			s->shown = 0;
		}
		return;
	}
	if (action % ACTIONS == MOVE)
		move(n);
	if (action % ACTIONS == VANISH)
		ip4_unreachable(world.interface, n & 1 ? PEER : GATEWAY);
	if (!s->c)
		return;
	switch (action % ACTIONS) {
	case CHANGE:
		change(s->c, n);
		break;
	case WRITE: {
		uint8_t bytes[2048] = { 0 };
		for (uint32_t left = n; left; left -= left < sizeof bytes ? left : sizeof bytes)
			tcp_write_some(s->c, bytes, left < sizeof bytes ? left : sizeof bytes);
		break;
	}
	case WRITE_STATIC:
		tcp_write_static(s->c, fixed, n);
		break;
	case SHUTDOWN:
		tcp_shutdown(s->c);
		break;
	case CLOSE:
		tcp_close(s->c);
		s->c = NULL;
		break;
	case ABORT:
		tcp_abort(s->c);
		s->c = NULL;
		break;
	case RESUME:
		tcp_resume(s->c);
		break;
	case TAKE_LESS:
		take = n;
		break;
	case TAKE_ALL:
		take = UINT32_MAX;
		break;
	case UNWATCH:
		tcp_watch(s->c, n & 1 ? &handlers : NULL, s);
		break;
	default:
		break;
	}
}

/* ---- The peer ---- */

static void put(uint8_t protocol, uint8_t *message, uint32_t size, uint8_t tos)
{
	struct packet p;
	if (protocol == 6 && offloads) {
		static uint8_t large[AMP_PACKET_MAX];
		struct amp_frame_header h = { .flags = 1, .gso_type = 1, .gso_size = 1448 };
		packet_start(&p, us_mac, peer_mac, 0x0800);
		packet_ip(&p, (struct ip_spec){ .source = PEER, .destination = US, .protocol = 6 },
		          message, 20);
		p.bytes[15] = tos;
		bytes_store_u16(p.bytes + 16, (uint16_t)(20 + size));
		bytes_store_u16(p.bytes + 24, 0);
		bytes_store_u16(p.bytes + 24, naive_checksum(p.bytes + 14, 20, 0));
		memcpy(large, p.bytes, 34);
		memcpy(large + 34, message, size);
		world_receive_large(large, 34 + size, &h);
		world_turn();
		return;
	}
	if (protocol == 6) {
		uint32_t sum =
		        (PEER >> 16) + (PEER & 0xffff) + (US >> 16) + (US & 0xffff) + 6 + size;
		bytes_store_u16(message + 16, 0);
		bytes_store_u16(message + 16, naive_checksum(message, size, sum));
	} else {
		bytes_store_u16(message + 2, 0);
		bytes_store_u16(message + 2, naive_checksum(message, size, 0));
	}
	packet_start(&p, us_mac, peer_mac, 0x0800);
	packet_ip(&p, (struct ip_spec){ .source = PEER, .destination = US, .protocol = protocol },
	          message, size);
	p.bytes[15] = tos;
	bytes_store_u16(p.bytes + 24, 0);
	bytes_store_u16(p.bytes + 24, naive_checksum(p.bytes + 14, 20, 0));
	world_receive(&p);
	world_turn();
}

static void segment(struct side *s, struct bytes_in *in)
{
	static uint8_t m[AMP_PACKET_MAX];
	uint8_t flags = bytes_get_u8(in), options = bytes_get_u8(in);
	int16_t seq_off = (int16_t)bytes_get_u16(in), ack_off = (int16_t)bytes_get_u16(in);
	uint16_t window = bytes_get_u16(in);
	uint32_t size = (uint32_t)bytes_get_u8(in) * (offloads ? 240 : 6);
	memset(m, 0, 80);
	struct bytes_out o = bytes_out(m + 20, 40);
	if (flags & TCP_SYN && !s->c)
		s->sent = s->iss;
	uint32_t seq = s->sent + (uint32_t)(int32_t)seq_off,
	         ack = s->heard + (uint32_t)(int32_t)ack_off;
	if (options & 1)
		bytes_put_u32(&o, 0x02040000u | (options & 16 ? 1460 : window));
	if (options & 2)
		bytes_put_u32(&o, 0x01030300u | (window & 15));
	if (options & 4)
		bytes_put_u32(&o, 0x01010402);
	if (options & 8) {
		bytes_put_u32(&o, 0x0101080a);
		bytes_put_u32(&o, s->value);
		bytes_put_u32(&o, s->echo);
	}
	for (uint32_t k = 0; options & 32 && k < 2 && bytes_room(&o) >= 12; k++) {
		bytes_put_u32(&o, 0x0101050a);
		bytes_put_u32(&o, ack + bytes_get_u16(in));
		bytes_put_u32(&o, ack + bytes_get_u16(in));
	}
	uint32_t header = 20 + o.at;
	bytes_store_u16(m, s->peer);
	bytes_store_u16(m + 2, s->us);
	bytes_store_u32(m + 4, seq);
	bytes_store_u32(m + 8, flags & TCP_ACK ? ack : 0);
	m[12] = (uint8_t)(header / 4 << 4);
	m[13] = flags;
	bytes_store_u16(m + 14, window);
	/* Bytes are what belongs at their place: the first after the SYN is pattern(0). */
	for (uint32_t k = 0; k < size; k++)
		m[header + k] = pattern(seq + k - s->iss - 1 + ((flags & TCP_SYN) != 0));
	if (!seq_off && !(flags & TCP_RST))
		s->sent += size + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0);
	put(6, m, header + size, options >> 6);
}

/* Learns from what comes out. */
static void listen_to_it(void)
{
	struct packet p;
	while (world_sent(&p)) {
		if (bytes_load_u16(p.bytes + 12) == 0x0806 && p.bytes[21] == 1 &&
		    bytes_load_u32(p.bytes + 38) == PEER) {
			packet_arp(&p, 2, peer_mac, PEER, US);
			world_receive(&p);
			world_turn();
			continue;
		}
		if (p.size < 54 || p.bytes[23] != 6)
			continue;
		check(bytes_load_u32(p.bytes + 26) == interface_address(world.interface),
		      "it is from an address that is gone");
		check(packet_is_right(&p), "a packet that came out is wrong");
		const uint8_t *t = p.bytes + 34;
		const struct tcp_connection *c = tcp_table_find(&(struct tcp_address){
		        US, PEER, bytes_load_u16(t), bytes_load_u16(t + 2) });
		check(!c || !tcp_connection_synchronized(c) || t[13] & TCP_SYN ||
		              bytes_load_u16(p.bytes + 16) <= 40u + c->peer_mss,
		      "a segment is larger than its peer takes");
		for (uint32_t k = 0; k < PEERS; k++) {
			struct side *s = &sides[k];
			if (bytes_load_u16(t + 2) != s->peer || bytes_load_u16(t) != s->us)
				continue;
			uint32_t end =
			        bytes_load_u32(t + 4) + p.size - 34 - (uint32_t)(t[12] >> 4) * 4;
			if (t[13] & TCP_SYN)
				s->irs = s->heard = bytes_load_u32(t + 4) + 1;
			else if (seq_lt(s->heard, end + (t[13] & TCP_FIN)))
				s->heard = end + (t[13] & TCP_FIN);
			if (t[12] >> 4 >= 8 && t[20] == 1 && t[22] == 8)
				s->echo = bytes_load_u32(t + 24);
		}
	}
}

static void valid(void)
{
	for (uint32_t k = 0; k < PEERS; k++) {
		struct tcp_address a = { US, PEER, sides[k].us, sides[k].peer };
		const struct tcp_connection *c = tcp_table_find(&a);
		if (!c)
			continue;
		check(tcp_receive_is_valid(&c->receive), "the receiver is not valid");
		check(tcp_queue_is_valid(&c->queue), "the send queue is not valid");
		if (!tcp_recovery_is_valid(&c->recovery)) {
			struct recovery_figures f;
			tcp_recovery_figures(&c->recovery, &f);
			fprintf(stderr,
			        "%s, una %u, next %u, pipe %u, lost %u, sacked %u, window %u, mss "
			        "%u, %u records\n",
			        tcp_state_name(c->state), f.una, f.next, c->recovery.pipe,
			        c->recovery.lost, c->recovery.sacked, c->recovery.congestion.window,
			        c->recovery.mss, c->recovery.count);
			check(false, "recovery is not valid");
		}
		check(c->recovery.next - c->queue_seq <= c->queue.total + 1 ||
		              c->recovery.next == c->iss,
		      "more was sent than was written");
	}
}

static void run(const uint8_t *data, size_t size)
{
	struct bytes_in in = bytes_in(data, size);
	uint8_t options = bytes_get_u8(&in);
	struct packet arp;
	world_open((struct options){ .ring = 64,
	                             .frames = options & 1 ? 64 : 256,
	                             .features = offloads ? ALL_OFFLOADS : AMP_NET_RX_CHECKSUM });
	world.heap_total = options & 2 ? 32 << 10 : 1 << 20;
	packet_arp(&arp, 1, peer_mac, PEER, US);
	world_receive(&arp);
	world_turn();
	take = UINT32_MAX;
	for (uint32_t k = 0; k < PEERS; k++)
		sides[k] = (struct side){ .iss = 1000 + 0x7ffff000u * k,
			                  .us = 80,
			                  .peer = (uint16_t)(4000 + k),
			                  .value = 1 };
	for (uint32_t k = 0; k < PEERS; k++)
		sides[k].sent = sides[k].iss;
	check(tcp_listen(&listener, NULL, 80,
	                 &(struct tcp_options){ .backlog = 4,
	                                        .receive_max = options & 4 ? 4096 : 0,
	                                        .send_max = options & 8 ? 4096 : 0,
	                                        .keep_alive_ns = options & 16 ? 5 * SECOND : 0,
	                                        .no_delay = options & 32,
	                                        .congestion =
	                                                options & 64 ? &tcp_newreno : NULL }) == OK,
	      "no listener");
	tcp_listen_watch(listener, accepted, NULL);
	for (uint32_t steps = 0; bytes_left(&in) && !in.failed && steps < 512; steps++) {
		uint8_t what = bytes_get_u8(&in);
		struct side *s = &sides[what >> 7];
		switch ((what & 127) % STEPS) {
		case OPEN: {
			uint8_t bare[] = { TCP_SYN, 0x1f, 0, 0, 0, 0, 0xff, 0x07, 0 };
			uint8_t ack[] = { TCP_ACK, 0x08, 0, 0, 0, 0, 0xff, 0x07, 0 };
			struct bytes_in one = bytes_in(bare, sizeof bare),
			                two = bytes_in(ack, sizeof ack);
			if (s->c)
				break;
			s->us = 80;
			segment(s, &one);
			listen_to_it();
			segment(s, &two);
			break;
		}
		case SEGMENT:
			segment(s, &in);
			break;
		case TIME: {
			uint16_t n = bytes_get_u16(&in);
			uint64_t ms = (uint64_t)(n & 1023) << (n >> 13);
			s->value += (uint32_t)ms;
			world_advance(ms * MILLI);
			break;
		}
		case APPLICATION: {
			uint8_t action = bytes_get_u8(&in);
			act(s, action, bytes_get_u16(&in));
			world_turn();
			break;
		}
		case RAW: {
			uint8_t m[300] = { 0 };
			uint32_t n = bytes_get_u8(&in);
			n = n < bytes_left(&in) ? n : bytes_left(&in);
			bytes_copy(&in, m, n);
			bytes_store_u16(m, s->peer);
			bytes_store_u16(m + 2, s->us);
			put(6, m, n < 20 ? 20 : n, 0);
			break;
		}
		case REPORT: {
			uint8_t m[36] = { 3, 4 };
			m[1] = bytes_get_u8(&in);
			bytes_store_u16(m + 6, bytes_get_u16(&in));
			m[8] = 0x45;
			m[17] = 6;
			bytes_store_u32(m + 20, US);
			bytes_store_u32(m + 24, PEER);
			bytes_store_u16(m + 28, s->us);
			bytes_store_u16(m + 30, s->peer);
			bytes_store_u32(m + 32,
			                s->heard + (uint32_t)(int32_t)(int8_t)bytes_get_u8(&in));
			put(1, m, sizeof m, 0);
			break;
		}
		default:
			break;
		}
		listen_to_it();
		world.memory_fails = false;
		if (options & 128 && (steps & 7) == 7)
			world.memory_fails = true;
		valid();
	}
	world.memory_fails = false;
	for (uint32_t k = 0; k < PEERS; k++) {
		if (sides[k].c)
			tcp_close(sides[k].c);
		sides[k].c = NULL;
	}
	tcp_listener_close(listener);
	tcp_stop();
	world_close();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (uint32_t k = 0; k < 2; k++) {
		offloads = k;
		run(data, size);
	}
	return 0;
}
