/* SPDX-License-Identifier: ISC */
/*
 * What IPv6's RFCs say that a host must do, a scenario each: neighbours' entries (4861), what routers may change (4861, 4862, 8981),
 * fragments and errors (8200, 4443), listeners (2710, 3810), which source an address gets (6724).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <core/error.h>

#include "six.h"

static struct udp_socket *socket6;

static void ignore(void *context, struct udp_packet *p)
{
	(void)context, (void)p;
}

static int setup(void **state)
{
	(void)state;
	world_open((struct options){ .ip6 = &static_config });
	world_advance(3 * SECOND);
	world_drain();
	greet();
	return udp_open(&socket6, NULL, 7, ignore, NULL);
}

static int setup_auto(void **state)
{
	(void)state;
	world_open((struct options){
	        .ip6 = &auto_config, .no_ip4 = true, .keep_announcements = true });
	return udp_open(&socket6, NULL, 7, ignore, NULL);
}

static int teardown(void **state)
{
	(void)state;
	udp_close(socket6);
	world_drain();
	world_advance(10 * SECOND);
	world_drain();
	world_close();
	return 0;
}

/* ---- Neighbours ---- */

/* Sends to it; is that at once, and to this MAC address? */
static bool goes_to(const uint8_t address[16], const uint8_t mac[6])
{
	struct packet out;
	bool gone = false;
	world_drain();
	assert_int_equal(udp_send(socket6, of(address), 9, "x", 1), OK);
	world_turn();
	while (world_sent(&out))
		gone |= out.bytes[20] == 17 && memcmp(out.bytes, mac, 6) == 0;
	return gone;
}

/* Solicitations within so many ms, those to everybody counted apart. */
static uint32_t solicitations(uint32_t ms, uint32_t *to_all)
{
	struct packet out;
	uint32_t n = 0;
	*to_all = 0;
	for (uint32_t at = 0; at < ms; at += 100) {
		world_advance(100 * MILLI);
		world_turn();
		while (world_sent(&out)) {
			bool is = out.bytes[20] == 58 && body(&out)[0] == 135;
			n += is && out.bytes[0] != 0x33;
			*to_all += is && out.bytes[0] == 0x33;
		}
	}
	return n;
}

static void told(uint8_t flags, const uint8_t *mac)
{
	struct packet in;
	neighbour6(&in, 136, flags, peer6, us6, peer6, mac);
	world_receive(&in);
	world_turn();
}

static void an_old_entry_is_used_and_asked_five_seconds_later(void **state)
{
	(void)state;
	uint32_t all;
	assert_true(goes_to(peer6, peer_mac)); /* STALE, by its question: DELAY */
	assert_int_equal(solicitations(4800, &all), 0);
	assert_int_equal(solicitations(400, &all), 1); /* PROBE */
	told(0x40, NULL);                              /* the answer need not say where it is */
	assert_true(goes_to(peer6, peer_mac));
	assert_int_equal(solicitations(10000, &all), 0);
	world_advance(60 * SECOND); /* REACHABLE no more */
	assert_true(goes_to(peer6, peer_mac));
	assert_int_equal(solicitations(7900, &all), 3);
	assert_int_equal(all, 0);
	solicitations(1000, &all); /* nobody there: everybody is asked */
	assert_int_equal(all, 1);
}

static void advertisements_change_entries_as_they_may(void **state)
{
	(void)state;
	uint32_t all;
	told(0x60, peer_mac);
	told(0x00, other_mac); /* another one, not sure: to be checked, but kept */
	assert_true(goes_to(peer6, peer_mac));
	assert_int_equal(solicitations(5200, &all), 1);
	told(0x40, other_mac); /* a second one is ignored */
	assert_true(goes_to(peer6, peer_mac));
	told(0x60, peer_mac);
	told(0x20, other_mac); /* it overrides, and is to be checked */
	assert_true(goes_to(peer6, other_mac));
	assert_int_equal(solicitations(5200, &all), 1);
	told(0x60, other_mac);
	assert_true(goes_to(peer6, other_mac));
	assert_int_equal(solicitations(6000, &all), 0);
	told(0x20, other_mac); /* nothing new: as sure as before */
	assert_true(goes_to(peer6, other_mac));
	assert_int_equal(solicitations(6000, &all), 0);
	/* Nobody who was not asked for is learned. */
	struct packet in;
	neighbour6(&in, 136, 0x60, new6, us6, new6, other_mac);
	world_receive(&in);
	world_turn();
	assert_false(goes_to(new6, other_mac));
}

static void an_answer_is_not_sent_where_the_question_came_from(void **state)
{
	(void)state;
	struct packet in, out;
	echo6(&in, (struct spec){ .source = new6, .from_mac = other_mac }, 64);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(body(&out)[0], 135); /* who is it? */
	assert_memory_equal(body(&out) + 8, new6, 16);
	neighbour6(&in, 136, 0x60, new6, us6, new6, peer_mac);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(body(&out)[0], 129);
	assert_memory_equal(out.bytes, peer_mac, 6);
}

static int setup_new(void **state)
{
	(void)state;
	world_open((struct options){ .ip6 = &static_config, .keep_announcements = true });
	world_drain();
	return udp_open(&socket6, NULL, 7, ignore, NULL);
}

static void what_is_not_sure_yet_replaces_no_entry(void **state)
{
	(void)state;
	struct packet in, out;
	echo6(&in, (struct spec){ 0 }, 64);
	assert_true(world_exchange(&in, &out));
	while (body(&out)[0] != 135 || memcmp(body(&out) + 8, peer6, 16) != 0)
		assert_true(world_sent(&out));
	assert_int_equal(out.size, 54 + 24); /* no source link-layer address */
}

/* ---- Routers ---- */

static bool reaches_far(void)
{
	int error = udp_send(socket6, of(far6), 9, "x", 1);
	world_drain();
	return error == OK;
}

static void routers_come_and_go(void **state)
{
	(void)state;
	struct packet in;
	uint8_t m[512];
	uint32_t size = add_prefix(m, advertisement(m, 1800), prefix6, 86400, 86400);
	assert_false(reaches_far());
	advertise(m, size);
	assert_true(reaches_far());
	advertise(m, advertisement(m, 0));
	assert_false(reaches_far());
	advertise(m, advertisement(m, 1800));
	assert_true(reaches_far());
	answer6(); /* by the router flag, which answer6's advertisement has not */
	neighbour6(&in, 136, 0xe0, router6, ip6_all_nodes, router6, gateway_mac);
	in.bytes[58] &= 0xbf; /* to a group: not solicited */
	world_receive(&in);
	world_drain();
	advertise(m, advertisement(m, 1800));
	assert_true(reaches_far());
	neighbour6(&in, 136, 0x20, router6, ip6_all_nodes, router6, gateway_mac);
	world_receive(&in);
	world_drain();
	assert_false(reaches_far()); /* it says that it is none any more: §7.2.5 */
}

static void what_routers_say_is_kept_within_bounds(void **state)
{
	(void)state;
	uint8_t m[512];
	struct ip6 *six = world.interface->ip6;
	uint32_t size = advertisement(m, 1800);
	m[4] = 100;
	bytes_store_u32(m + 8, 10000);
	bytes_store_u32(m + 12, 5000);
	advertise(m, size);
	assert_int_equal(six->hops, 100);
	assert_in_range(six->reachable, 5 * SECOND, 15 * SECOND);
	assert_int_equal(six->retransmit, 5 * SECOND);
	m[4] = 1;
	bytes_store_u32(m + 8, 3600001);
	bytes_store_u32(m + 12, 1);
	advertise(m, size);
	bytes_store_u32(m + 12, UINT32_MAX);
	advertise(m, size);
	m[4] = 0;
	advertise(m, size);
	assert_int_equal(six->hops, 100);
	assert_in_range(six->reachable, 5 * SECOND, 15 * SECOND);
	assert_int_equal(six->retransmit, 5 * SECOND);
	static const uint32_t mtus[] = { 0, 68, 1279, 1501, UINT32_MAX };
	for (uint32_t k = 0; k < 5; k++) {
		size = advertisement(m, 1800);
		m[size] = 5;
		m[size + 1] = 1;
		bytes_store_u32(m + size + 4, mtus[k]);
		advertise(m, size + 8);
		assert_int_equal(ip6_mtu(world.interface), 1500);
	}
	bytes_store_u32(m + size + 4, 1280);
	advertise(m, size + 8);
	assert_int_equal(ip6_mtu(world.interface), 1280);
}

static void advertisements_that_are_not_valid_say_nothing(void **state)
{
	(void)state;
	uint8_t m[512];
	uint32_t size = add_prefix(m, advertisement(m, 1800), prefix6, 86400, 86400);
	static const struct {
		const uint8_t *source;
		uint8_t hops, code;
		uint32_t cut;
	} bad[] = { { peer6, 255, 0, 0 },   { router6, 254, 0, 0 },  { router6, 1, 0, 0 },
		    { router6, 255, 1, 0 }, { router6, 255, 0, 40 }, { router6, 255, 0, 15 } };
	uint64_t before = count(COUNT_NDP_BAD);
	for (uint32_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		struct packet in;
		m[1] = bad[k].code;
		packet6(&in,
		        (struct spec){ .source = bad[k].source,
		                       .destination = ip6_all_nodes,
		                       .to_mac = (const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 },
		                       .next = 58,
		                       .hops = bad[k].hops },
		        m, bad[k].cut ? bad[k].cut : size, 2);
		world_receive(&in);
		world_turn();
	}
	m[1] = m[17] = 0; /* an option of no length */
	advertise(m, size);
	assert_int_equal(addresses(), 1);
	assert_false(reaches_far());
	assert_int_equal(count(COUNT_NDP_BAD) - before, 7);
	/* A prefix for the link alone counts though it is none for addresses: preferred longer than valid. */
	advertise(m, add_prefix(m, advertisement(m, 0), prefix6, 100, 200));
	assert_int_equal(addresses(), 1);
	assert_true(ip6_on_link(world.interface->ip6, prefix6));
}

static void a_temporary_address_that_somebody_has_is_made_anew(void **state)
{
	(void)state;
	uint8_t m[512];
	struct packet in;
	uint32_t made = 0;
	struct ip6 *six = world.interface->ip6;
	advertise(m, add_prefix(m, advertisement(m, 1800), prefix6, 86400, 86400));
	for (uint32_t n = 0; n < 10; n++) {
		for (uint32_t k = 0; k < six->own_count; k++) {
			struct ip6_own *o = &six->own[k];
			if (o->kind != IP6_TEMPORARY || o->state != IP6_OPTIMISTIC)
				continue;
			uint8_t address[16];
			memcpy(address, o->address, 16);
			made++;
			neighbour6(&in, 136, 0x20, address, ip6_all_nodes, address, other_mac);
			world_receive(&in);
			world_turn();
			assert_int_equal(o->state, IP6_DUPLICATE);
		}
		world_advance(1200 * MILLI);
		world_drain();
	}
	assert_int_equal(made, 3); /* TEMP_IDGEN_RETRIES */
}

/* ---- Fragments, errors ---- */

static void piece(struct packet *p, uint8_t next, uint32_t at, uint32_t size, bool more)
{
	uint8_t header[8] = { next }, bytes[600] = { 0 };
	bytes_store_u16(header + 2, (uint16_t)(at | more));
	header[7] = 7;
	packet6(p,
	        (struct spec){ .source = peer6,
	                       .destination = us6,
	                       .next = 44,
	                       .before = header,
	                       .before_size = 8 },
	        bytes, size, UINT32_MAX - 2);
}

static void problem(const struct packet *in, uint8_t code, uint32_t pointer)
{
	struct packet out;
	assert_true(world_exchange(in, &out));
	assert_true(right6(&out));
	assert_int_equal(body(&out)[0], 4);
	assert_int_equal(body(&out)[1], code);
	assert_int_equal(bytes_load_u32(body(&out) + 4), pointer);
	assert_memory_equal(body(&out) + 8, in->bytes + 14, 48);
}

static void pieces_that_cannot_be_are_told_about(void **state)
{
	(void)state;
	struct packet in, out;
	piece(&in, 17, 0, 100, true); /* not a multiple of 8 */
	problem(&in, 0, 4);
	piece(&in, 58, 65528, 16, false); /* ends beyond what a length can say */
	problem(&in, 0, 42);
	uint64_t bad = count(COUNT_FRAGMENT_BAD);
	piece(&in, 58, 65528, 7, false);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_FRAGMENT_BAD), bad);
	piece(&in, 6, 0, 16, true); /* the transport's header is cut: RFC 7112 */
	problem(&in, 3, 0);
	piece(&in, 60, 0, 8, true); /* so is the chain of headers */
	problem(&in, 3, 0);
	world_advance(61 * SECOND);
	world_drain();
}

/* How often somebody hears within these seconds that pieces were missing (type 3, code 1). */
static uint32_t time_exceeded(uint32_t seconds)
{
	struct packet out;
	uint32_t n = 0;
	for (uint32_t at = 0; at < seconds; at++) {
		world_advance(SECOND);
		world_turn();
		while (world_sent(&out)) {
			bool is = out.bytes[20] == 58 && body(&out)[0] == 3 && body(&out)[1] == 1;
			assert_true(!is || right6(&out));
			n += is;
		}
	}
	return n;
}

static void pieces_wait_a_minute(void **state)
{
	(void)state;
	struct packet in, out;
	piece(&in, 17, 0, 16, true);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(time_exceeded(59), 0);
	assert_int_equal(time_exceeded(2), 1);
	/* Without the first piece nobody is told. */
	greet();
	piece(&in, 17, 64, 16, true);
	world_exchange(&in, &out);
	assert_int_equal(time_exceeded(62), 0);
	assert_int_equal(count(COUNT_FRAGMENT_TIMEOUT), 2);
}

static void later_pieces_may_name_another_header(void **state)
{
	(void)state;
	struct packet in, out;
	uint8_t whole[32] = { 128, 0, 0, 0, 1, 2, 0, 3 };
	bytes_store_u16(whole + 2, sum6(peer6, us6, 58, whole, sizeof whole));
	piece(&in, 59, 16, 16, false);
	memcpy(in.bytes + 62, whole + 16, 16);
	assert_false(world_exchange(&in, &out));
	piece(&in, 58, 0, 16, true);
	memcpy(in.bytes + 62, whole, 16);
	assert_true(world_exchange(&in, &out));
	assert_true(right6(&out));
	assert_int_equal(body(&out)[0], 129);
}

static void everybody_is_answered_within_the_rate(void **state)
{
	(void)state;
	struct packet in, out;
	uint32_t answers = 0;
	for (uint32_t k = 0; k < 2000; k++) {
		echo6(&in,
		      (struct spec){ .destination = ip6_all_nodes,
		                     .to_mac = (const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 } },
		      64);
		world_receive(&in);
		world_turn();
		while (world_sent(&out)) {
			assert_true(right6(&out));
			assert_memory_equal(out.bytes + 22, us6, 16);
			answers += body(&out)[0] == 129;
		}
	}
	assert_in_range(answers, 1, 1999);
	assert_int_equal(count(COUNT_ICMP_LIMITED), 2000 - answers);
}

/* ---- Listeners ---- */

static const uint8_t listeners_all[6] = { 0x33, 0x33, 0, 0, 0, 1 };

static void listener(uint8_t type, uint32_t size, uint16_t delay, const uint8_t *group)
{
	struct packet in;
	uint8_t m[64] = { type };
	bytes_store_u16(m + 4, delay);
	memcpy(m + 8, group, 16);
	packet6(&in,
	        (struct spec){ .source = router6,
	                       .destination = group[0] ? group : ip6_all_nodes,
	                       .to_mac = group[0] ? (const uint8_t[]){ 0x33, 0x33, group[12],
	                                                               group[13], group[14],
	                                                               group[15] }
	                                          : listeners_all,
	                       .next = 58,
	                       .hops = 1 },
	        m, size, 2);
	world_receive(&in);
	world_turn();
}

/* Messages of this type, in so many ms. */
static uint32_t reports(uint8_t type, uint32_t ms)
{
	struct packet out;
	uint32_t n = 0;
	for (uint32_t at = 0; at < ms; at += 50) {
		world_advance(50 * MILLI);
		world_turn();
		while (world_sent(&out))
			n += out.bytes[20] == 0 && body(&out)[8] == type;
	}
	return n;
}

static void listeners_answer_in_the_routers_version(void **state)
{
	(void)state;
	reports(143, 3000);
	listener(130, 26, 100, ip6_none); /* of no version's length */
	assert_int_equal(reports(143, 500) + reports(131, 500), 0);
	listener(130, 28, 1000, ip6_none); /* version 2; a sooner question, a sooner answer */
	listener(130, 28, 50, ip6_none);
	assert_int_equal(reports(143, 100), 2); /* the link's address, and the static one */
	assert_int_equal(reports(143, 2000), 0);
	listener(130, 24, 1000, ip6_none);
	assert_int_equal(reports(131, 1100), 2);
	/* Of two listeners one is enough (RFC 2710 §4). */
	listener(130, 24, 1000, solicited);
	listener(131, 24, 0, solicited);
	assert_int_equal(reports(131, 1100), 0);
	/* It was not ours to report, nor is its end. */
	struct ip6 *six = world.interface->ip6;
	ip6_own_remove(six, ip6_own_find(six, us6));
	assert_int_equal(reports(132, 3000), 0);
}

static void whoever_reported_last_tells_the_end_once(void **state)
{
	(void)state;
	reports(143, 3000);
	listener(130, 24, 10, ip6_none);
	assert_int_equal(reports(131, 200), 2);
	struct ip6 *six = world.interface->ip6;
	ip6_own_remove(six, ip6_own_find(six, us6));
	assert_int_equal(reports(132, 3000), 1);
}

static void groups_are_told_again_once_the_link_has_an_address(void **state)
{
	(void)state;
	struct packet out;
	uint32_t from_none = 0, from_link = 0;
	for (uint32_t at = 0; at < 4000; at += 50) {
		world_turn();
		while (world_sent(&out)) {
			if (out.bytes[20] || body(&out)[8] != 143)
				continue;
			assert_true(right6(&out));
			*(out.bytes[22] ? &from_link : &from_none) += 1;
		}
		world_advance(50 * MILLI);
	}
	assert_int_equal(from_none, 2);
	assert_int_equal(from_link, 2);
}

/* ---- Redirects ---- */

static const uint8_t router26[16] = { 0xfe, 0x80, [15] = 2 },
                     other6[16] = { 0x20, 1, 0xd, 0xb9, [15] = 7 };

/* The router asks for us, so that we know its MAC address. */
static void router_greets(void)
{
	struct packet in;
	struct net_address us = interface_ip6_at(world.interface, 0);
	neighbour6(&in, 135, 0, router6, us.bytes, us.bytes, gateway_mac);
	assert_true(world_receive(&in));
	world_drain();
}

static void router_is_there(void)
{
	uint8_t m[512];
	world_advance(10 * SECOND);
	advertise(m, add_prefix(m, advertisement(m, 1800), prefix6, 86400, 86400));
	world_advance(3 * SECOND);
	router_greets();
	assert_true(goes_to(far6, gateway_mac));
}

static void redirect(uint8_t hops, const uint8_t *from, const uint8_t *target, const uint8_t *to,
                     const uint8_t *mac)
{
	struct packet in;
	uint8_t m[48] = { 137 };
	struct net_address us = interface_ip6_at(world.interface, 0);
	memcpy(m + 8, target, 16);
	memcpy(m + 24, to, 16);
	m[40] = 2;
	m[41] = 1;
	memcpy(m + 42, mac, 6);
	packet6(&in,
	        (struct spec){ .source = from, .destination = us.bytes, .next = 58, .hops = hops },
	        m, sizeof m, 2);
	world_receive(&in);
	world_drain();
}

static void a_redirect_is_believed_of_the_router_that_is_used(void **state)
{
	(void)state;
	struct packet in, out;
	bool answered = false;
	router_is_there();
	redirect(254, router6, far6, far6, peer_mac);
	redirect(255, router26, far6, far6, peer_mac);
	redirect(255, router6, other6, far6, peer_mac); /* a router by its link's address alone */
	redirect(255, router6, far6, far6, (const uint8_t[]){ 1, 0, 0, 0, 0, 1 });
	redirect(255, router6, router26, ip6_all_nodes, peer_mac);
	assert_true(goes_to(far6, gateway_mac));
	redirect(255, router6, far6, far6, peer_mac);
	assert_true(goes_to(far6, peer_mac));
	assert_true(goes_to(other6, gateway_mac));
	/* It is a neighbour now, which may ask. */
	struct net_address us = interface_ip6_at(world.interface, 0);
	neighbour6(&in, 135, 0, far6, us.bytes, us.bytes, peer_mac);
	world_receive(&in);
	world_turn();
	while (world_sent(&out))
		answered |= out.bytes[20] == 58 && body(&out)[0] == 136;
	assert_true(answered);
	world_advance(601 * SECOND);
	world_drain();
	router_greets();
	assert_true(goes_to(far6, gateway_mac));
}

static void a_redirect_ends_with_whom_it_names_and_who_told_it(void **state)
{
	(void)state;
	uint8_t m[512];
	uint32_t to_all;
	router_is_there();
	redirect(255, router6, router26, far6, peer_mac);
	assert_true(goes_to(far6, peer_mac));
	solicitations(20000, &to_all); /* nobody answers */
	router_greets();
	assert_true(goes_to(far6, gateway_mac));
	redirect(255, router6, router26, far6, peer_mac);
	assert_true(goes_to(far6, peer_mac));
	advertise(m, advertisement(m, 0));
	assert_int_equal(ip6_redirect_hop(world.interface->ip6, far6), 0);
}

static void redirects_take_no_more_than_their_table(void **state)
{
	(void)state;
	uint8_t to[16];
	router_is_there();
	redirect(255, router6, far6, far6, peer_mac);
	memcpy(to, far6, 16);
	for (uint32_t k = 0; k < 50; k++) {
		to[14] = (uint8_t)(k + 1);
		redirect(255, router6, router26, to, peer_mac);
	}
	assert_int_equal(count(COUNT_NDP_LIMIT), 50 - (IP6_REDIRECTS_MAX - 1));
	assert_true(goes_to(far6, peer_mac));
	assert_true(goes_to(to, gateway_mac));
}

static uint32_t router_solicitations(uint32_t ms)
{
	struct packet out;
	uint32_t n = 0;
	for (uint32_t at = 0; at < ms; at += 100) {
		world_advance(100 * MILLI);
		world_turn();
		while (world_sent(&out))
			n += out.bytes[20] == 58 && body(&out)[0] == 133;
	}
	return n;
}

/* Anybody can say so in the router's name: the router itself is asked at once, but not as often as somebody says so. */
static void a_router_that_has_ended_is_asked_for(void **state)
{
	(void)state;
	uint8_t m[512];
	router_is_there();
	assert_int_equal(router_solicitations(20000), 0);
	for (uint32_t k = 0; k < 10; k++) {
		advertise(m, advertisement(m, 1800));
		advertise(m, advertisement(m, 0));
		assert_true(router_solicitations(100) <= (k == 0));
	}
	assert_in_range(router_solicitations(5000), 1, 2);
	advertise(m, add_prefix(m, advertisement(m, 1800), prefix6, 86400, 86400));
	assert_int_equal(router_solicitations(20000), 0);
	advertise(m, add_prefix(m, advertisement(m, 1800), prefix6, 0, 0)); /* or its prefix */
	assert_int_equal(router_solicitations(1000), 1);
}

/* ---- Choices ---- */

static void policies_are_rfc_6724s(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint8_t precedence, label, scope;
	} all[] = { { "::1", 50, 0, 2 },        { "2001:db8::1", 40, 1, 14 },
		    { "192.0.2.1", 35, 4, 14 }, { "169.254.1.1", 35, 4, 2 },
		    { "127.0.0.1", 35, 4, 2 },  { "2002::1", 30, 2, 14 },
		    { "2001::1", 5, 5, 14 },    { "fd00::1", 3, 13, 14 },
		    { "::7", 1, 3, 14 },        { "fec0::1", 1, 11, 5 },
		    { "3ffe::1", 1, 12, 14 },   { "fe80::1", 40, 1, 2 },
		    { "ff05::1", 40, 1, 5 } };
	for (uint32_t k = 0; k < sizeof all / sizeof *all; k++) {
		struct net_address a;
		assert_true(net_address_parse(all[k].text, &a));
		assert_int_equal(ip6_policy(a).precedence, all[k].precedence);
		assert_int_equal(ip6_policy(a).label, all[k].label);
		assert_int_equal(ip6_scope(a), all[k].scope);
	}
}

#define TEST(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
#define AUTO(f_) cmocka_unit_test_setup_teardown(f_, setup_auto, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_old_entry_is_used_and_asked_five_seconds_later),
		TEST(advertisements_change_entries_as_they_may),
		TEST(an_answer_is_not_sent_where_the_question_came_from),
		cmocka_unit_test_setup_teardown(what_is_not_sure_yet_replaces_no_entry, setup_new,
		                                teardown),
		AUTO(routers_come_and_go),
		AUTO(what_routers_say_is_kept_within_bounds),
		AUTO(advertisements_that_are_not_valid_say_nothing),
		AUTO(a_temporary_address_that_somebody_has_is_made_anew),
		TEST(pieces_that_cannot_be_are_told_about),
		TEST(pieces_wait_a_minute),
		TEST(later_pieces_may_name_another_header),
		TEST(everybody_is_answered_within_the_rate),
		TEST(listeners_answer_in_the_routers_version),
		TEST(whoever_reported_last_tells_the_end_once),
		AUTO(groups_are_told_again_once_the_link_has_an_address),
		AUTO(a_redirect_is_believed_of_the_router_that_is_used),
		AUTO(a_redirect_ends_with_whom_it_names_and_who_told_it),
		AUTO(redirects_take_no_more_than_their_table),
		AUTO(a_router_that_has_ended_is_asked_for),
		TEST(policies_are_rfc_6724s),
	};
	return cmocka_run_group_tests_name("net ip6 rfc", tests, NULL, NULL);
}
