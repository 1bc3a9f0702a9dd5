/* SPDX-License-Identifier: ISC */
/* UDP (RFC 768, RFC 1122 §4.1): callbacks, replies in place, sending, blocking sockets. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <core/error.h>

static struct udp_socket *echo_socket;
static struct udp_packet seen;
static uint32_t calls;
static int reply_result;

static void echo(void *context, struct udp_packet *p)
{
	uint32_t *extra = context;
	seen = *p;
	calls++;
	reply_result = udp_reply(p, p->size + (extra ? *extra : 0));
}

static void ignore(void *context, struct udp_packet *p)
{
	(void)context;
	seen = *p;
	calls++;
}

static int setup(void **state)
{
	(void)state;
	world_open((struct options){ 0 });
	calls = 0;
	return udp_open(&echo_socket, NULL, 7, echo, NULL);
}

static int teardown(void **state)
{
	(void)state;
	bool balanced = world_frames_balanced();
	if (echo_socket)
		udp_close(echo_socket);
	echo_socket = NULL;
	world_close();
	return balanced ? 0 : -1;
}

static uint8_t data[65536];

static void a_reply_goes_back_where_the_datagram_came_from(void **state)
{
	(void)state;
	struct packet in, out;
	for (uint32_t n = 0; n <= 1472; n++) {
		memset(data, (int)n, n);
		packet_udp(&in, PEER, US, 5000, 7, data, n);
		assert_true(world_exchange(&in, &out));
		assert_true(packet_is_right(&out));
		assert_int_equal(out.size, n + 42);
		assert_memory_equal(ethernet_of(&out)->destination, peer_mac, 6);
		assert_int_equal(bytes_load_u32(ip_of(&out)->source), US);
		assert_int_equal(bytes_load_u32(ip_of(&out)->destination), PEER);
		assert_int_equal(bytes_load_u16(udp_of(&out)->source), 7);
		assert_int_equal(bytes_load_u16(udp_of(&out)->destination), 5000);
		assert_memory_equal(out.bytes + 42, data, n);
		assert_int_equal(seen.size, n);
		assert_true(seen.room >= n);
	}
	assert_int_equal(count(COUNT_TX_PACKETS), 1473 + 3);
}

static void padding_of_the_link_is_not_payload(void **state)
{
	(void)state;
	struct packet in, out;
	packet_udp(&in, PEER, US, 5000, 7, "abc", 3);
	memset(in.bytes + in.size, 0x55, 60 - in.size);
	in.size = 60;
	assert_true(world_exchange(&in, &out));
	assert_int_equal(seen.size, 3);
	assert_int_equal(out.size, 45);
}

static void a_reply_may_be_longer_than_the_question(void **state)
{
	(void)state;
	struct packet in, out;
	uint32_t extra = 1000;
	struct udp_socket *s;
	assert_int_equal(udp_open(&s, NULL, 8, echo, &extra), 0);
	packet_udp(&in, PEER, US, 5000, 8, "abc", 3);
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	assert_int_equal(out.size, 42 + 1003);
	extra = 1472; /* with the 3 that came, more than an MTU */
	assert_false(world_exchange(&in, &out));
	assert_int_equal(reply_result, ERR_TOO_BIG);
	assert_int_equal(seen.room, 1472);
	udp_close(s);
}

static int second;

static void twice(void *context, struct udp_packet *p)
{
	(void)context;
	udp_reply(p, p->size);
	second = udp_reply(p, p->size);
}

static void replying_twice_is_refused(void **state)
{
	(void)state;
	struct packet in, out;
	struct udp_socket *s;
	assert_int_equal(udp_open(&s, NULL, 8, twice, NULL), 0);
	packet_udp(&in, PEER, US, 5000, 8, "abc", 3);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(second, ERR_INVALID);
	assert_false(world_sent(&out));
	udp_close(s);
}

static void checksum_is_optional_on_receive_and_always_sent(void **state)
{
	(void)state;
	struct packet in, out;
	packet_udp(&in, PEER, US, 5000, 7, "abcd", 4);
	bytes_store_u16(in.bytes + 40, 0);
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	packet_udp(&in, PEER, US, 5000, 7, "abcd", 4);
	in.bytes[44] ^= 1;
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_BAD_CHECKSUM), 1);
	assert_int_equal(calls, 1);
}

static void a_tender_that_vouches_spares_the_checksum(void **state)
{
	(void)state;
	struct packet in, out;
	struct amp_frame_header h = { .flags = 2 };
	world.interface->device.features |= AMP_NET_RX_CHECKSUM;
	packet_udp(&in, PEER, US, 5000, 7, "abcd", 4);
	in.bytes[41] ^= 1;
	struct amp_desc desc = world_place(&in, AMP_FRAME_HEADROOM);
	memcpy((uint8_t *)world.device.frames + desc.addr - sizeof h, &h, sizeof h);
	desc.options = AMP_DESC_METADATA;
	assert_true(world_receive_raw(desc));
	world_turn();
	assert_true(world_sent(&out));
	assert_true(packet_is_right(&out));
	/* A feature that is not there does not count */
	world.interface->device.features = 0;
	desc = world_place(&in, AMP_FRAME_HEADROOM);
	memcpy((uint8_t *)world.device.frames + desc.addr - sizeof h, &h, sizeof h);
	desc.options = AMP_DESC_METADATA;
	assert_true(world_receive_raw(desc));
	world_turn();
	assert_false(world_sent(&out));
	assert_int_equal(count(COUNT_RX_BAD_CHECKSUM), 1);
}

static void bad_lengths_are_counted(void **state)
{
	(void)state;
	struct packet in, out;
	packet_udp(&in, PEER, US, 5000, 7, "abcd", 4);
	bytes_store_u16(in.bytes + 38, 13); /* one more than there is */
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_SHORT), 1);
	bytes_store_u16(in.bytes + 38, 7);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_BAD_HEADER), 1);
	/* UDP's length may be less than IP's (the rest is no part of it) */
	packet_udp(&in, PEER, US, 5000, 7, "abcd", 4);
	bytes_store_u16(in.bytes + 38, 10);
	bytes_store_u16(in.bytes + 40, 0);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(seen.size, 2);
}

static void
a_datagram_to_a_broadcast_reaches_the_socket_and_is_answered_from_our_address(void **state)
{
	(void)state;
	struct packet in, out;
	const uint32_t to[] = { UINT32_MAX, SUBNET };
	for (int k = 0; k < 2; k++) {
		packet_udp(&in, PEER, to[k], 5000, 7, "abcd", 4);
		assert_true(world_exchange(&in, &out));
		assert_true(packet_is_right(&out));
		assert_int_equal(bytes_load_u32(ip_of(&out)->source), US);
	}
}

static void a_reply_off_the_link_goes_through_the_gateway(void **state)
{
	(void)state;
	struct packet in, out;
	packet_udp(&in, FAR, US, 5000, 7, "abcd", 4); /* by the gateway's MAC */
	assert_true(world_exchange(&in, &out));
	/* The gateway is not known yet: asked for, not trusted for having sent something */
	assert_int_equal(bytes_load_u16(ethernet_of(&out)->type), 0x0806);
	assert_int_equal(bytes_load_u32(arp_of(&out)->target_address), GATEWAY);
	struct packet arp;
	packet_arp(&arp, 2, gateway_mac, GATEWAY, US);
	assert_true(world_exchange(&arp, &out));
	assert_true(packet_is_right(&out));
	assert_memory_equal(ethernet_of(&out)->destination, gateway_mac, 6);
	/* Now in place; and what somebody else on the link forwards is answered by the gateway all
	 * the same */
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	memcpy(in.bytes + 6, other_mac, 6);
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	assert_memory_equal(ethernet_of(&out)->destination, gateway_mac, 6);
}

static void sends_to_a_neighbour_when_it_is_known(void **state)
{
	(void)state;
	struct packet out, arp;
	assert_int_equal(udp_send(echo_socket, net_ip4(PEER), 9, "hello", 5), 0);
	world_turn();
	assert_true(world_sent(&out));
	assert_int_equal(bytes_load_u16(ethernet_of(&out)->type), 0x0806);
	packet_arp(&arp, 2, peer_mac, PEER, US);
	assert_true(world_exchange(&arp, &out));
	assert_true(packet_is_right(&out));
	assert_memory_equal(out.bytes + 42, "hello", 5);
	assert_int_equal(bytes_load_u16(udp_of(&out)->source), 7);
	assert_int_equal(udp_send(echo_socket, net_ip4(PEER), 9, "again", 5), 0);
	world_turn();
	assert_true(world_sent(&out));
	assert_true(packet_is_right(&out));
}

static void sends_large_datagrams_in_fragments(void **state)
{
	(void)state;
	struct packet out, arp;
	static uint8_t whole[65536];
	packet_arp(&arp, 1, peer_mac, PEER, US);
	world_exchange(&arp, &out);
	for (uint32_t k = 0; k < sizeof data; k++)
		data[k] = (uint8_t)(k * 31 + (k >> 8));
	const uint32_t sizes[] = { 1473, 1480, 2952, 8000, 60000, 65507 };
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		uint32_t at = 0, pieces = 0, id = 0;
		assert_int_equal(udp_send(echo_socket, net_ip4(PEER), 9, data, sizes[k]), 0);
		world_turn();
		while (world_sent(&out)) {
			assert_true(packet_is_right(&out));
			assert_true(out.size <= 1514);
			uint16_t field = bytes_load_u16(ip_of(&out)->fragment);
			assert_int_equal((field & IP4_OFFSET) * 8, at);
			if (pieces++)
				assert_int_equal(bytes_load_u16(ip_of(&out)->id), id);
			id = bytes_load_u16(ip_of(&out)->id);
			memcpy(whole + at, out.bytes + 34, out.size - 34);
			at += out.size - 34;
			assert_int_equal(!(field & IP4_MF), at == sizes[k] + 8);
		}
		assert_int_equal(at, sizes[k] + 8);
		assert_memory_equal(whole + 8, data, sizes[k]);
		uint32_t start =
		        (PEER >> 16) + (PEER & 0xffff) + (US >> 16) + (US & 0xffff) + 17 + at;
		assert_int_equal(naive_checksum(whole, at, start), 0);
		world_turn();
	}
	assert_int_equal(udp_send(echo_socket, net_ip4(PEER), 9, data, 65508), ERR_TOO_BIG);
	assert_int_equal(count(COUNT_TX_TOO_BIG), 1);
}

static void each_each(const struct packet *p, uint32_t n)
{
	(void)n;
	assert_true(world_receive(p));
	world_turn();
}

static void echoes_reassembled_datagrams_whole(void **state)
{
	(void)state;
	static uint8_t message[65536], back[65536];
	const uint32_t sizes[] = { 1473, 8000, 60000, 65507 };
	for (uint32_t k = 0; k < sizeof data; k++)
		data[k] = (uint8_t)(k * 29 + (k >> 8));
	for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		struct packet out;
		uint32_t n = message_udp(message, PEER, US, 5000, 7, data, sizes[k]), at = 0;
		fragments_of((struct ip_spec){ .protocol = 17, .id = (uint16_t)k }, message, n,
		             1480, each_each);
		assert_int_equal(seen.size, sizes[k]);
		assert_true(seen.room >= sizes[k]);
		while (world_sent(&out)) {
			assert_true(packet_is_right(&out));
			assert_memory_equal(ethernet_of(&out)->destination, peer_mac, 6);
			memcpy(back + (bytes_load_u16(ip_of(&out)->fragment) & IP4_OFFSET) * 8,
			       out.bytes + 34, out.size - 34);
			at += out.size - 34;
		}
		assert_int_equal(at, n);
		assert_memory_equal(back + 8, data, sizes[k]);
		world_turn();
	}
	assert_int_equal(count(COUNT_REASSEMBLED), 4);
}

static void unreachable_destinations_are_refused(void **state)
{
	(void)state;
	world.interface->gateway = 0;
	assert_int_equal(udp_send(echo_socket, net_ip4(FAR), 9, "x", 1), ERR_UNREACHABLE);
	assert_int_equal(udp_send(echo_socket, net_ip4(0x7f000001), 9, "x", 1), ERR_UNREACHABLE);
	assert_int_equal(udp_send(echo_socket, net_ip4(0), 9, "x", 1), ERR_UNREACHABLE);
	assert_int_equal(udp_send(echo_socket, net_ip4(PEER), 0, "x", 1), ERR_INVALID);
	assert_int_equal(count(COUNT_TX_NO_ROUTE), 3);
}

static void exhaustion_is_an_error_for_the_sender(void **state)
{
	(void)state;
	struct packet out, arp;
	packet_arp(&arp, 1, peer_mac, PEER, US);
	world_exchange(&arp, &out);
	world.hold_tx = true;
	int result = 0;
	uint32_t sent = 0;
	for (; sent < 10000 && !(result = udp_send(echo_socket, net_ip4(PEER), 9, "x", 1)); sent++)
		;
	assert_int_equal(result, ERR_MEMORY);
	assert_int_equal(sent, 256); /* the ring's size */
	/* A datagram that does not fit whole is not sent in part */
	world.hold_tx = false;
	for (int k = 0; k < 10; k++)
		world_sent(&out);
	world_turn();
	world_sent(&out);
	assert_int_equal(udp_send(echo_socket, net_ip4(PEER), 9, data, 60000), ERR_MEMORY);
	assert_int_equal(count(COUNT_TX_RING_FULL), 2);
	world_drain();
	assert_int_equal(udp_send(echo_socket, net_ip4(PEER), 9, data, 60000), 0);
}

/* Its address is asked for by a frame that was free when the parts were counted. */
static void a_neighbour_that_is_not_known_may_cost_the_last_frame(void **state)
{
	(void)state;
	struct frames *all = &world.interface->device.frames;
	struct frame *held[1024];
	uint32_t count_held = 0;
	world_drain();
	for (; all->free_count > 2; count_held++)
		held[count_held] = frame_alloc(all);
	assert_int_equal(udp_send(echo_socket, net_ip4(PEER + 7), 9, data, 2000), ERR_MEMORY);
	assert_int_equal(all->free_count, 0);
	while (count_held)
		frame_drop(held[--count_held]);
	world_advance(60 * SECOND);
	world_drain();
}

static void ports_are_taken_once(void **state)
{
	(void)state;
	struct udp_socket *a, *b, *c;
	assert_int_equal(udp_open(&a, NULL, 7, ignore, NULL), ERR_EXISTS);
	assert_int_equal(udp_open(&a, world.interface, 7, ignore, NULL), ERR_EXISTS);
	assert_int_equal(udp_open(&a, world.interface, 9, ignore, NULL), 0);
	assert_int_equal(udp_open(&b, NULL, 9, ignore, NULL), ERR_EXISTS);
	assert_int_equal(udp_open(&b, NULL, 0, ignore, NULL), 0);
	assert_int_equal(udp_open(&c, NULL, 0, ignore, NULL), 0);
	assert_true(udp_port(b) >= 1024 && udp_port(c) >= 1024 && udp_port(b) != udp_port(c));
	udp_close(a);
	assert_int_equal(udp_open(&a, NULL, 9, ignore, NULL), 0);
	udp_close(a);
	udp_close(b);
	udp_close(c);
	world.memory_fails = true;
	assert_int_equal(udp_open(&a, NULL, 9, ignore, NULL), ERR_MEMORY);
	world.memory_fails = false;
}

static struct udp_socket *closing;

static void close_it(void *context, struct udp_packet *p)
{
	(void)context;
	udp_reply(p, p->size);
	udp_close(closing);
}

static void a_callback_may_close_its_socket(void **state)
{
	(void)state;
	struct packet in, out;
	assert_int_equal(udp_open(&closing, NULL, 8, close_it, NULL), 0);
	packet_udp(&in, PEER, US, 5000, 8, "x", 1);
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	assert_true(world_exchange(&in, &out));
	assert_int_equal(icmp_of(&out)->type, 3);
}

static struct udp_socket *reader;

static bool one_arrives(uint64_t deadline)
{
	struct packet in;
	(void)deadline;
	packet_udp(&in, PEER, US, 5000, 9, "later", 5);
	world_receive(&in);
	world_turn();
	return true;
}

static bool it_is_closed(uint64_t deadline)
{
	(void)deadline;
	udp_close(reader);
	return true;
}

static void a_task_receives_what_was_queued_and_waits_for_more(void **state)
{
	(void)state;
	struct packet in, out;
	char to[16] = "";
	struct net_address source;
	uint16_t port;
	assert_int_equal(udp_open(&reader, NULL, 9, NULL, NULL), 0);
	packet_udp(&in, PEER, US, 5000, 9, "first", 5);
	assert_false(world_exchange(&in, &out));
	packet_udp(&in, PEER, US, 5001, 9, "second", 6);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(udp_receive(reader, to, sizeof to, &source, &port, CLOCK_NEVER), 5);
	assert_memory_equal(to, "first", 5);
	assert_int_equal(net_ip4_of(source), PEER);
	assert_int_equal(port, 5000);
	assert_int_equal(udp_receive(reader, to, 2, NULL, NULL, CLOCK_NEVER), 6);
	assert_memory_equal(to, "serst", 5);
	assert_int_equal(udp_receive(reader, to, sizeof to, NULL, NULL, 1), ERR_TIMEOUT);
	world.on_wait = one_arrives;
	assert_int_equal(udp_receive(reader, to, sizeof to, NULL, NULL, CLOCK_NEVER), 5);
	assert_memory_equal(to, "later", 5);
	world.on_wait = it_is_closed;
	assert_int_equal(udp_receive(reader, to, sizeof to, NULL, NULL, CLOCK_NEVER), ERR_CLOSED);
}

static void a_queue_is_bounded(void **state)
{
	(void)state;
	struct packet in, out;
	assert_int_equal(udp_open(&reader, NULL, 9, NULL, NULL), 0);
	packet_udp(&in, PEER, US, 5000, 9, "x", 1);
	for (uint32_t k = 0; k < UDP_QUEUE_MAX + 10; k++)
		assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_QUEUE_FULL), 10);
	char c;
	assert_int_equal(udp_receive(reader, &c, 1, NULL, NULL, 0), 1);
	world.memory_fails = true;
	assert_false(world_exchange(&in, &out));
	world.memory_fails = false;
	assert_int_equal(count(COUNT_RX_QUEUE_FULL), 11);
	udp_close(reader); /* with what is queued */
}

static void port_zero_as_source_gets_no_reply(void **state)
{
	(void)state;
	struct packet in, out;
	packet_udp(&in, PEER, US, 0, 7, "x", 1); /* RFC 768: no reply is wanted */
	assert_false(world_exchange(&in, &out));
	assert_int_equal(calls, 1);
}

static void sends_broadcasts(void **state)
{
	(void)state;
	struct packet out;
	const uint32_t to[] = { UINT32_MAX, SUBNET };
	for (int k = 0; k < 2; k++) {
		assert_int_equal(udp_send(echo_socket, net_ip4(to[k]), 9, "x", 1), 0);
		world_turn();
		assert_true(world_sent(&out));
		assert_true(packet_is_right(&out));
		assert_memory_equal(ethernet_of(&out)->destination, all_mac, 6);
	}
	assert_int_equal(udp_send(echo_socket, net_ip4(0xe00000fb), 9, "x", 1),
	                 0); /* RFC 1112 §6.4 */
	world_turn();
	assert_true(world_sent(&out));
	assert_memory_equal(ethernet_of(&out)->destination, "\x01\x00\x5e\x00\x00\xfb", 6);
}

static struct udp_socket *hearing;
static struct packet *hook;
static uint32_t told_error_address, tells;
static uint16_t told_port;
static int told_error;

static void tell(void *context, int error, struct net_address address, uint16_t port)
{
	assert_null(context);
	told_error = error;
	told_error_address = net_ip4_of(address);
	told_port = port;
	tells++;
}

/* What a peer says about the packet that came out last. */
static struct packet sent_by(struct udp_socket *s)
{
	struct packet in, out;
	packet_arp(&in, 1, peer_mac, PEER, US);
	world_exchange(&in, &out);
	assert_int_equal(udp_send(s, net_ip4(PEER), 53, "x", 1), 0);
	world_turn();
	assert_true(world_sent(&out));
	assert_true(packet_is_right(&out));
	return out;
}

static bool refused_meanwhile(uint64_t deadline)
{
	(void)deadline;
	struct packet out, in = *hook;
	world_exchange(&in, &out);
	return true;
}

/* Regression: a name server that refuses cost two seconds a name. */
static void what_icmp_says_is_heard_by_who_sent_it(void **state)
{
	(void)state;
	struct packet in, out, ours;
	struct net_address peer = net_ip4(0);
	uint16_t port = 0;
	uint8_t to[8];
	const struct {
		uint8_t type, code;
		int error;
	} cases[] = { { 3, 3, ERR_REFUSED },
		      { 3, 2, ERR_REFUSED },
		      { 3, 1, ERR_UNREACHABLE },
		      { 3, 13, ERR_UNREACHABLE },
		      { 11, 0, ERR_UNREACHABLE } };
	assert_int_equal(udp_open(&hearing, NULL, 0, NULL, NULL), 0);
	ours = sent_by(hearing);
	in = packet_icmp_about(&ours, 3, 3); /* it has not asked */
	world_exchange(&in, &out);
	assert_int_equal(udp_receive(hearing, to, sizeof to, &peer, &port, 1), ERR_TIMEOUT);
	udp_hear(hearing, NULL);
	ours = sent_by(hearing);
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		in = packet_icmp_about(&ours, cases[k].type, cases[k].code);
		hook = &in;
		world.on_wait = refused_meanwhile; /* while it waits, or before */
		if (k % 2)
			world_exchange(&in, &out);
		assert_int_equal(udp_receive(hearing, to, sizeof to, &peer, &port, CLOCK_NEVER),
		                 cases[k].error);
		assert_int_equal(net_ip4_of(peer), PEER);
		assert_int_equal(port, 53);
	}
	world.on_wait = NULL;
	/* Not of other peers, ports, or sizes that are no errors */
	in = packet_icmp_about(&ours, 3, 4);
	world_exchange(&in, &out);
	ours.bytes[37] ^= 1;
	in = packet_icmp_about(&ours, 3, 3);
	world_exchange(&in, &out);
	ours.bytes[37] ^= 1, ours.bytes[33] ^= 1;
	in = packet_icmp_about(&ours, 3, 3);
	world_exchange(&in, &out);
	assert_int_equal(udp_receive(hearing, to, sizeof to, NULL, NULL, 1), ERR_TIMEOUT);
	udp_close(hearing);
}

static void a_handler_hears_of_errors_and_of_neighbours_that_do_not_answer(void **state)
{
	(void)state;
	struct packet in, out, ours;
	tells = 0;
	assert_int_equal(udp_open(&hearing, NULL, 0, ignore, NULL), 0);
	udp_hear(hearing, tell);
	ours = sent_by(hearing);
	in = packet_icmp_about(&ours, 3, 3);
	world_exchange(&in, &out);
	assert_int_equal(tells, 1);
	assert_int_equal(told_error, ERR_REFUSED);
	assert_int_equal(told_port, 53);
	assert_int_equal(udp_send(hearing, net_ip4(FAR), 54, "x", 1),
	                 0); /* by the gateway, which is silent */
	world_advance(3 * SECOND + MILLI);
	assert_int_equal(tells, 2);
	assert_int_equal(told_error, ERR_UNREACHABLE);
	assert_int_equal(told_error_address, FAR);
	assert_int_equal(told_port, 54);
	world_drain();
	udp_close(hearing);
}

static bool address_goes(uint64_t deadline)
{
	(void)deadline;
	interface_clear_address(world.interface);
	return true;
}

/* Regression: a task waited for its deadline, or for ever, for an answer to an address that was gone. */
static void who_waits_hears_that_the_address_has_gone(void **state)
{
	(void)state;
	struct net_address peer = net_ip4(1);
	uint8_t to[8];
	struct udp_socket *handler;
	tells = 0;
	assert_int_equal(udp_open(&hearing, world.interface, 0, NULL, NULL), 0);
	assert_int_equal(udp_open(&handler, NULL, 0, ignore, NULL), 0);
	udp_hear(handler, tell);
	world.on_wait = address_goes;
	assert_int_equal(udp_receive(hearing, to, sizeof to, &peer, NULL, CLOCK_NEVER),
	                 ERR_UNREACHABLE);
	assert_true(net_address_none(peer));
	assert_int_equal(tells, 1);
	assert_int_equal(told_error, ERR_UNREACHABLE);
	assert_int_equal(told_error_address, 0);
	world.on_wait = NULL;
	assert_int_equal(udp_receive(hearing, to, sizeof to, &peer, NULL, 1), ERR_TIMEOUT);
	interface_set_address(world.interface, US, 24, GATEWAY);
	interface_set_address(world.interface, US + 1, 24,
	                      GATEWAY); /* when nobody waits: at the next call */
	assert_int_equal(udp_receive(hearing, to, sizeof to, &peer, NULL, 1), ERR_UNREACHABLE);
	assert_int_equal(udp_receive(hearing, to, sizeof to, &peer, NULL, 1), ERR_TIMEOUT);
	udp_close(hearing);
	udp_close(handler);
	world_drain();
}

#define TEST(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_reply_goes_back_where_the_datagram_came_from),
		TEST(padding_of_the_link_is_not_payload),
		TEST(a_reply_may_be_longer_than_the_question),
		TEST(replying_twice_is_refused),
		TEST(checksum_is_optional_on_receive_and_always_sent),
		TEST(a_tender_that_vouches_spares_the_checksum),
		TEST(bad_lengths_are_counted),
		TEST(a_datagram_to_a_broadcast_reaches_the_socket_and_is_answered_from_our_address),
		TEST(a_reply_off_the_link_goes_through_the_gateway),
		TEST(sends_to_a_neighbour_when_it_is_known),
		TEST(sends_large_datagrams_in_fragments),
		TEST(echoes_reassembled_datagrams_whole),
		TEST(unreachable_destinations_are_refused),
		TEST(exhaustion_is_an_error_for_the_sender),
		TEST(a_neighbour_that_is_not_known_may_cost_the_last_frame),
		TEST(ports_are_taken_once),
		TEST(a_callback_may_close_its_socket),
		TEST(a_task_receives_what_was_queued_and_waits_for_more),
		TEST(a_queue_is_bounded),
		TEST(port_zero_as_source_gets_no_reply),
		TEST(sends_broadcasts),
		TEST(what_icmp_says_is_heard_by_who_sent_it),
		TEST(a_handler_hears_of_errors_and_of_neighbours_that_do_not_answer),
		TEST(who_waits_hears_that_the_address_has_gone),
	};
	return cmocka_run_group_tests_name("net udp", tests, NULL, NULL);
}
