/* SPDX-License-Identifier: ISC */
/*
 * IPv6 packet by packet: echo, UDP and its replies, neighbour discovery and duplicates, routers' advertisements, extension
 * headers and fragments within bounds, and what a hostile network sends. Packets and checksums are built here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <core/error.h>
#include <net/ip6/internal.h>

#include "six.h"

static uint32_t received_count;
static struct udp_socket *echo_socket;
static void echo_back(void *context, struct udp_packet *p)
{
	(void)context;
	received_count++;
	udp_reply(p, p->size);
}

static int setup(void **state)
{
	(void)state;
	received_count = 0;
	world_open((struct options){ .ip6 = &static_config });
	world_advance(3 * SECOND);
	world_drain();
	greet();
	return udp_open(&echo_socket, NULL, 7, echo_back, NULL);
}

static int setup_auto(void **state)
{
	(void)state;
	world_open((struct options){
	        .ip6 = &auto_config, .no_ip4 = true, .keep_announcements = true });
	return udp_open(&echo_socket, NULL, 7, echo_back, NULL);
}

static int teardown(void **state)
{
	(void)state;
	udp_close(echo_socket);
	world_drain();
	world_advance(10 * SECOND);
	world_drain();
	world_close();
	return 0;
}

static void echo_is_answered_in_place(void **state)
{
	(void)state;
	struct packet in, out;
	echo6(&in, (struct spec){ 0 }, 64);
	assert_true(world_exchange(&in, &out));
	assert_true(right6(&out));
	assert_int_equal(body(&out)[0], 129);
	assert_memory_equal(out.bytes + 22, us6, 16);
	assert_memory_equal(out.bytes + 38, peer6, 16);
	assert_memory_equal(body(&out) + 4, in.bytes + 58, 60);
	echo6(&in, (struct spec){ .bad_sum = true }, 64);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_BAD_CHECKSUM), 1);
}

static void a_datagram_is_answered_and_a_closed_port_refused(void **state)
{
	(void)state;
	struct packet in, out;
	udp6(&in, (struct spec){ 0 }, 7, "hello");
	assert_true(world_exchange(&in, &out));
	assert_true(right6(&out));
	assert_int_equal(out.bytes[20], 17);
	assert_memory_equal(body(&out) + 8, "hello", 5);
	udp6(&in, (struct spec){ 0 }, 9, "hello");
	assert_true(world_exchange(&in, &out));
	assert_true(right6(&out));
	assert_int_equal(body(&out)[0], 1);
	assert_int_equal(body(&out)[1], 4);
	assert_memory_equal(body(&out) + 8, in.bytes + 14, 53);
	udp6(&in, (struct spec){ 0 }, 7, "hello");
	bytes_store_u16(in.bytes + 60, 0); /* RFC 8200 §8.1 */
	assert_false(world_exchange(&in, &out));
	assert_int_equal(received_count, 1);
}

static void sends_to_a_neighbour_when_it_is_known(void **state)
{
	(void)state;
	struct packet out;
	struct net_address to = of(new6);
	assert_int_equal(udp_send(echo_socket, to, 9, "hello", 5), OK);
	world_turn();
	assert_true(world_sent(&out));
	assert_true(right6(&out));
	assert_int_equal(body(&out)[0], 135);
	assert_memory_equal(body(&out) + 8, new6, 16);
	struct packet in;
	neighbour6(&in, 136, 0x60, new6, us6, new6, peer_mac);
	assert_true(world_exchange(&in, &out));
	assert_true(right6(&out));
	assert_memory_equal(body(&out) + 8, "hello", 5);
	assert_memory_equal(out.bytes, peer_mac, 6);
	memcpy(to.bytes, far6, 16);
	assert_int_equal(udp_send(echo_socket, to, 9, "x", 1), ERR_UNREACHABLE);
	memcpy(to.bytes, us6, 16);
	assert_int_equal(udp_send(echo_socket, to, 9, "x", 1), ERR_UNREACHABLE);
}

/* As in test_udp. */
static void a_neighbour_that_is_not_known_may_cost_the_last_frame(void **state)
{
	(void)state;
	static const uint8_t many[2000];
	struct frames *all = &world.interface->device.frames;
	struct frame *held[1024];
	uint32_t count_held = 0;
	world_drain();
	for (; all->free_count > 2; count_held++)
		held[count_held] = frame_alloc(all);
	assert_int_equal(udp_send(echo_socket, of(new6), 9, many, sizeof many), ERR_MEMORY);
	assert_int_equal(all->free_count, 0);
	while (count_held)
		frame_drop(held[--count_held]);
	world_advance(60 * SECOND);
	world_drain();
}

static void neighbours_are_told_our_address(void **state)
{
	(void)state;
	struct packet in, out;
	neighbour6(&in, 135, 0, peer6, solicited, us6, peer_mac);
	assert_true(world_exchange(&in, &out));
	assert_true(right6(&out));
	assert_int_equal(body(&out)[0], 136);
	assert_int_equal(body(&out)[4] & 0x60, 0x60);
	assert_memory_equal(body(&out) + 26, us_mac, 6);
	/* Not of messages that were forwarded, nor of those with an extension header, nor for others. */
	neighbour6(&in, 135, 0, peer6, solicited, us6, peer_mac);
	in.bytes[21] = 254;
	assert_false(world_exchange(&in, &out));
	neighbour6(&in, 135, 0, peer6, solicited, peer6, peer_mac);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_NDP_BAD), 1);
	/* Who is of another network is answered where it says that it is, and is no neighbour for that. */
	neighbour6(&in, 135, 0, far6, solicited, us6, NULL);
	assert_false(world_exchange(&in, &out));
	neighbour6(&in, 135, 0, far6, solicited, us6, peer_mac);
	assert_true(world_exchange(&in, &out));
	assert_true(right6(&out));
	assert_int_equal(body(&out)[0], 136);
	assert_memory_equal(out.bytes, peer_mac, 6);
	assert_int_equal(ip6_number_known(far6, world.interface), 0);
}

static void a_moved_clone_says_where_its_addresses_are_now(void **state)
{
	(void)state;
	static const uint8_t new_mac[6] = { 2, 0, 0, 0, 0, 0x77 };
	struct packet out;
	bool told = false;
	world_move(new_mac);
	while (world_sent(&out))
		told |= out.bytes[20] == 58 && body(&out)[0] == 136 &&
		        !memcmp(body(&out) + 8, us6, 16) && !memcmp(body(&out) + 26, new_mac, 6) &&
		        body(&out)[4] & 0x20; /* override */
	assert_true(told);
}

static void an_address_that_somebody_has_is_not_used_until_it_is_free(void **state)
{
	(void)state;
	struct packet in, out;
	world_open((struct options){ .ip6 = &static_config, .keep_announcements = true });
	assert_int_equal(udp_open(&echo_socket, NULL, 7, echo_back, NULL), OK);
	world_drain();
	neighbour6(&in, 136, 0x20, us6, ip6_all_nodes, us6, other_mac);
	world_exchange(&in, &out);
	world_drain();
	assert_int_equal(count(COUNT_NDP_CONFLICT), 1);
	echo6(&in, (struct spec){ 0 }, 64);
	assert_false(world_exchange(&in, &out));
	world_advance(IP6_DAD_AGAIN_NS + IP6_RETRANSMIT_NS + SECOND);
	world_drain();
	greet();
	echo6(&in, (struct spec){ 0 }, 64);
	assert_true(world_exchange(&in, &out));
	/* From now on it is ours, whatever anybody says. */
	neighbour6(&in, 136, 0x20, us6, ip6_all_nodes, us6, other_mac);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(body(&out)[0], 136);
	echo6(&in, (struct spec){ 0 }, 64);
	assert_true(world_exchange(&in, &out));
}

/* ---- Routers ---- */

static void routers_are_asked_and_their_prefixes_make_addresses(void **state)
{
	(void)state;
	struct packet out;
	bool asked = false;
	while (world_sent(&out))
		asked |= out.bytes[20] == 58 && body(&out)[0] == 133;
	assert_true(asked);
	assert_int_equal(addresses(), 1); /* the link's */
	uint8_t m[512];
	uint32_t size = add_prefix(m, advertisement(m, 1800), prefix6, 7200 * 2, 3600);
	advertise(m, size);
	assert_int_equal(addresses(), 3); /* a stable one and a temporary one */
	struct net_address stable = interface_ip6_at(world.interface, 1);
	assert_memory_equal(stable.bytes, prefix6, 8);
	/* The same after a restart, and not of the MAC address. */
	assert_memory_not_equal(stable.bytes + 13, us_mac + 3, 3);
	udp_close(echo_socket);
	world_drain();
	world_close();
	setup_auto(state);
	advertise(m, size);
	assert_true(net_address_same(stable, interface_ip6_at(world.interface, 1)));
	/* Out: from the temporary one, by the router. */
	struct net_address to;
	memcpy(to.bytes, far6, 16);
	world_drain();
	assert_int_equal(udp_send(echo_socket, to, 9, "x", 1), OK);
	world_turn();
	answer6();
	bool came = false;
	while (world_sent(&out))
		came |= out.bytes[20] == 17;
	assert_true(came);
	/* What has had its time is gone. */
	world_advance(4 * 3600 * SECOND);
	world_drain();
	assert_int_equal(addresses(), 1);
	assert_int_equal(udp_send(echo_socket, to, 9, "x", 1), ERR_UNREACHABLE);
}

static void a_message_takes_no_address_away_at_once(void **state)
{
	(void)state;
	uint8_t m[512];
	advertise(m, add_prefix(m, advertisement(m, 1800), prefix6, 86400, 86400));
	assert_int_equal(addresses(), 3);
	advertise(m, add_prefix(m, advertisement(m, 1800), prefix6, 1, 1));
	world_advance(7100 * SECOND);
	assert_int_equal(addresses() > 1, 1);
	world_advance(200 * SECOND);
	assert_int_equal(addresses(), 1);
}

static void a_storm_of_prefixes_routers_and_routes_is_bounded(void **state)
{
	(void)state;
	uint8_t m[512], prefix[16];
	memcpy(prefix, prefix6, 16);
	advertise(m, add_prefix(m, advertisement(m, 1800), prefix6, 86400, 86400));
	struct net_address first = interface_ip6_at(world.interface, 1);
	for (uint32_t k = 0; k < 2000; k++) {
		bytes_store_u32(prefix + 4, k * 2654435761u);
		uint32_t at = add_prefix(m, advertisement(m, 9000), prefix, UINT32_MAX, UINT32_MAX);
		m[at] = 24; /* a route */
		m[at + 1] = 2;
		m[at + 2] = 64;
		bytes_store_u32(m + at + 4, UINT32_MAX);
		bytes_store_u32(m + at + 8, k * 40503u);
		struct packet in;
		uint8_t router[16] = { 0xfe, 0x80 };
		bytes_store_u32(router + 12, k + 5);
		packet6(&in,
		        (struct spec){ .source = router,
		                       .destination = ip6_all_nodes,
		                       .to_mac = (const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 },
		                       .next = 58,
		                       .hops = 255 },
		        m, at + 16, 2);
		world_receive(&in);
		world_turn();
		world_drain();
	}
	assert_true(addresses() <= 1 + IP6_AUTO_MAX);
	assert_true(ip6_number_total() < 600);
	assert_true(count(COUNT_NDP_LIMIT) > 1000);
	assert_true(net_address_same(first, interface_ip6_at(world.interface, 1)));
}

/* ---- Extension headers and fragments ---- */

static void extension_headers_are_walked_within_bounds(void **state)
{
	(void)state;
	struct packet in, out;
	uint8_t options[256] = { 58, 0, 1, 4 }; /* PadN */
	struct spec s = { .next = 60, .before = options, .before_size = 8 };
	echo6(&in, s, 64);
	assert_true(world_exchange(&in, &out));
	assert_true(right6(&out));
	assert_int_equal(out.bytes[20], 58);
	options[2] = 0xc5; /* unknown, and whoever sends it wants to know */
	options[3] = 4;
	echo6(&in, s, 64);
	assert_true(world_exchange(&in, &out));
	assert_true(right6(&out));
	assert_int_equal(body(&out)[0], 4);
	assert_int_equal(body(&out)[1], 2);
	assert_int_equal(bytes_load_u32(body(&out) + 4), 42);
	/* Nine headers, and one that is too long. */
	uint8_t chain[9 * 8];
	for (uint32_t k = 0; k < 9; k++)
		memcpy(chain + 8 * k, (const uint8_t[8]){ k == 8 ? 58 : 60, 0, 1, 4 }, 8);
	echo6(&in, (struct spec){ .next = 60, .before = chain, .before_size = sizeof chain }, 64);
	assert_false(world_exchange(&in, &out));
	uint8_t long_one[256] = { 58, 31, 1, 250 };
	echo6(&in, (struct spec){ .next = 60, .before = long_one, .before_size = 256 }, 64);
	assert_false(world_exchange(&in, &out));
	/* A route to somewhere else is nobody's business here (RFC 5095). */
	uint8_t routing[8] = { 58, 0, 0, 1 };
	echo6(&in, (struct spec){ .next = 43, .before = routing, .before_size = 8 }, 64);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(body(&out)[0], 4);
	assert_int_equal(body(&out)[1], 0);
	/* A header that nobody knows. */
	echo6(&in, (struct spec){ .next = 51, .before = options, .before_size = 8 }, 64);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(body(&out)[1], 1);
	assert_int_equal(bytes_load_u32(body(&out) + 4), 6);
}

/* A piece of an echo request of 2,008 bytes: from, size in bytes. */
static void piece(struct packet *p, uint32_t from, uint32_t size, bool more, uint32_t id)
{
	uint8_t whole[2008] = { 128, 0, 0, 0, 1, 2, 0, 3 }, header[8] = { 58 };
	for (uint32_t k = 8; k < sizeof whole; k++)
		whole[k] = (uint8_t)(k * 7);
	bytes_store_u16(whole + 2, sum6(peer6, us6, 58, whole, sizeof whole));
	bytes_store_u16(header + 2, (uint16_t)(from | more));
	bytes_store_u32(header + 4, id);
	packet6(p,
	        (struct spec){ .source = peer6,
	                       .destination = us6,
	                       .next = 44,
	                       .before = header,
	                       .before_size = 8,
	                       .last = 58 },
	        whole + from, size, UINT32_MAX - 2);
}

static void fragments_are_put_together_and_overlaps_dropped(void **state)
{
	(void)state;
	struct packet in, out;
	piece(&in, 1000, 1008, false, 1);
	assert_false(world_exchange(&in, &out));
	piece(&in, 0, 1000, true, 1);
	assert_true(world_exchange(&in, &out)); /* in fragments, too: more than 1,280 bytes */
	assert_int_equal(out.bytes[20], 44);
	world_drain();
	piece(&in, 0, 1000, true, 2);
	assert_false(world_exchange(&in, &out));
	piece(&in, 992, 1016, false, 2);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_FRAGMENT_BAD), 1);
	/* A first piece that hides the transport's header (RFC 7112). */
	piece(&in, 0, 0, true, 3);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_FRAGMENT_BAD), 2);
	/* An atomic one is whole (RFC 6946). */
	uint8_t header[8] = { 58 };
	echo6(&in, (struct spec){ .next = 44, .before = header, .before_size = 8 }, 64);
	assert_true(world_exchange(&in, &out));
	world_advance(61 * SECOND);
	world_drain();
}

static void neighbours_made_up_by_a_storm_move_no_real_one(void **state)
{
	(void)state;
	struct packet in, out;
	struct net_address to;
	memcpy(to.bytes, peer6, 16);
	assert_int_equal(udp_send(echo_socket, to, 9, "x", 1), OK);
	world_turn();
	world_drain();
	neighbour6(&in, 136, 0x60, peer6, us6, peer6, peer_mac);
	world_exchange(&in, &out);
	for (uint32_t k = 0; k < 4000; k++) {
		bytes_store_u32(to.bytes + 8, k + 1);
		udp_send(echo_socket, to, 9, "x", 1);
		world_turn();
		world_drain();
	}
	assert_true(ip6_number_total() < 400);
	memcpy(to.bytes, peer6, 16);
	assert_int_equal(udp_send(echo_socket, to, 9, "x", 1), OK);
	world_turn();
	assert_true(world_sent(&out));
	assert_int_equal(out.bytes[20], 17);
	world_advance(20 * SECOND);
	world_drain();
}

static void addresses_are_read_and_printed(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} good[] = { { "::", "::" },
		     { "::1", "::1" },
		     { "1::", "1::" },
		     { "2001:DB8:0:0:0:0:0:2", "2001:db8::2" },
		     { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		     { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		     { "2001:db8::1:0:0:1", "2001:db8::1:0:0:1" },
		     { "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
		     { "192.0.2.1", "192.0.2.1" } };
	static const char *const bad[] = { "",
		                           ":",
		                           ":::",
		                           "1:2:3:4:5:6:7",
		                           "1:2:3:4:5:6:7:8:9",
		                           "1::2::3",
		                           "g::",
		                           "12345::",
		                           "::1.2.3",
		                           "1.2.3",
		                           "1.2.3.256",
		                           "::ffff:1.2.3.4",
		                           "1:2:3:4:5:6:7::8:9",
		                           "1:",
		                           "::1:" };
	struct net_address a;
	char text[NET_ADDRESS_TEXT_MAX];
	for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
		assert_true(net_address_parse(good[k].in, &a));
		assert_int_equal(net_address_print(text, a), strlen(good[k].out));
		assert_string_equal(text, good[k].out);
	}
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		if (net_address_parse(bad[k], &a))
			fail_msg("%s is taken", bad[k]);
}

/* Packets of every kind with random damage: nothing but counters moves, and what is held is given back. */
static void damaged_packets_do_no_harm(void **state)
{
	(void)state;
	struct packet in, out;
	uint32_t x = 12345;
	for (uint32_t k = 0; k < 20000; k++) {
		uint8_t header[16] = { 58, 0, 1, 4 };
		switch (k % 6) {
		case 0:
			echo6(&in, (struct spec){ 0 }, 64);
			break;
		case 1:
			udp6(&in, (struct spec){ 0 }, 7, "damaged");
			break;
		case 2:
			neighbour6(&in, 135, 0, peer6, solicited, us6, peer_mac);
			break;
		case 3:
			neighbour6(&in, 136, 0x60, peer6, us6, us6, other_mac);
			break;
		case 4:
			piece(&in, k % 2 ? 0 : 1000, 1000, k % 2, k / 12);
			break;
		default:
			echo6(&in,
			      (struct spec){
			              .next = k % 4 ? 60 : 0, .before = header, .before_size = 8 },
			      64);
		}
		for (uint32_t n = 0; n < 1 + k % 3; n++) {
			x = x * 1664525u + 1013904223u;
			in.bytes[12 + (x >> 8) % (in.size - 12)] ^= (uint8_t)(1u << (x >> 29));
		}
		world_receive(&in);
		world_turn();
		while (world_sent(&out))
			;
	}
	world_advance(40 * SECOND);
	world_drain();
	greet();
	echo6(&in, (struct spec){ 0 }, 64);
	assert_true(world_exchange(&in, &out));
}

#define TEST(f_)  cmocka_unit_test_setup_teardown(f_, setup, teardown)
#define AUTO(f_)  cmocka_unit_test_setup_teardown(f_, setup_auto, teardown)
#define PLAIN(f_) cmocka_unit_test_teardown(f_, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(echo_is_answered_in_place),
		TEST(a_datagram_is_answered_and_a_closed_port_refused),
		TEST(sends_to_a_neighbour_when_it_is_known),
		TEST(a_neighbour_that_is_not_known_may_cost_the_last_frame),
		TEST(neighbours_are_told_our_address),
		TEST(a_moved_clone_says_where_its_addresses_are_now),
		PLAIN(an_address_that_somebody_has_is_not_used_until_it_is_free),
		AUTO(routers_are_asked_and_their_prefixes_make_addresses),
		AUTO(a_message_takes_no_address_away_at_once),
		AUTO(a_storm_of_prefixes_routers_and_routes_is_bounded),
		TEST(extension_headers_are_walked_within_bounds),
		TEST(fragments_are_put_together_and_overlaps_dropped),
		TEST(neighbours_made_up_by_a_storm_move_no_real_one),
		TEST(damaged_packets_do_no_harm),
		cmocka_unit_test(addresses_are_read_and_printed),
	};
	return cmocka_run_group_tests_name("net ip6", tests, NULL, NULL);
}
