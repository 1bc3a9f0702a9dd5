/* SPDX-License-Identifier: ISC */
/* The DHCP client (RFC 2131) against a server that the tests write message by message. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <core/error.h>

#define SERVER     GATEWAY
#define OFFERED    0x0a000050u
#define MESSAGE_AT 42u
#define OPTIONS_AT (MESSAGE_AT + 240u)

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE };

static struct packet last; /* what the client sent last */

static int setup(void **state)
{
	(void)state;
	world_open((struct options){ .dhcp = true, .keep_announcements = true });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arp_clear(world.interface);
	bool balanced = world_frames_balanced();
	world_close();
	return balanced ? 0 : -1;
}

/* ---- The server's side ---- */

static const uint8_t *option(const struct packet *p, uint8_t wanted, uint8_t *size)
{
	uint32_t at = OPTIONS_AT;
	while (at + 1 < p->size && p->bytes[at] != 255) {
		if (p->bytes[at] == wanted) {
			*size = p->bytes[at + 1];
			return p->bytes + at + 2;
		}
		at += p->bytes[at] ? 2u + p->bytes[at + 1] : 1;
	}
	return NULL;
}

static uint32_t option_u32(const struct packet *p, uint8_t wanted)
{
	uint8_t size;
	const uint8_t *v = option(p, wanted, &size);
	return v && size == 4 ? bytes_load_u32(v) : 0;
}

/* The next DHCP message that the client sent, ARP skipped, into `last`: its type, 0 if there is
 * none. */
static uint8_t client_sent(void)
{
	while (world_sent(&last)) {
		uint8_t size;
		if (bytes_load_u16(ethernet_of(&last)->type) != 0x0800)
			continue;
		assert_true(packet_is_right(&last));
		assert_int_equal(bytes_load_u16(udp_of(&last)->source), 68);
		assert_int_equal(bytes_load_u16(udp_of(&last)->destination), 67);
		assert_true(last.size >= 42 + 300);
		assert_int_equal(last.bytes[MESSAGE_AT], 1);
		assert_memory_equal(last.bytes + MESSAGE_AT + 28, us_mac, 6);
		const uint8_t *type = option(&last, 53, &size);
		assert_non_null(type);
		/* RFC 2131 table 5, RFC 2132 §9.14 */
		const uint8_t *id = option(&last, 61, &size);
		assert_int_equal(size, 7);
		assert_memory_equal(id, "\1\2\0\0\0\0\2", 7);
		return *type;
	}
	return 0;
}

struct reply {
	uint8_t type;
	uint32_t address, server, mask, lease, t1, t2;
	const void *more; /* raw options */
	uint32_t more_size;
	bool unicast;
	uint32_t xid_change;
};

static struct packet make(struct reply r)
{
	uint8_t m[600] = { 2, 1, 6 };
	uint32_t n = 240;
	memcpy(m + 4, last.bytes + MESSAGE_AT + 4, 4);
	bytes_store_u32(m + 4, bytes_load_u32(m + 4) + r.xid_change);
	bytes_store_u32(m + 16, r.type == NAK ? 0 : r.address ? r.address : OFFERED);
	memcpy(m + 28, us_mac, 6);
	bytes_store_u32(m + 236, 0x63825363);
	m[n++] = 53, m[n++] = 1, m[n++] = r.type;
	const struct {
		uint8_t code;
		uint32_t value;
	} options[] = { { 54, r.server ? r.server : SERVER },
		        { 1, r.mask ? r.mask : 0xffffff00 },
		        { 51, r.lease ? r.lease : 3600 },
		        { 58, r.t1 },
		        { 59, r.t2 },
		        { 3, GATEWAY } };
	for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
		if (!options[k].value)
			continue;
		m[n] = options[k].code, m[n + 1] = 4;
		bytes_store_u32(m + n + 2, options[k].value);
		n += 6;
	}
	if (r.more_size)
		memcpy(m + n, r.more, r.more_size);
	n += r.more_size;
	m[n++] = 255;
	struct packet p;
	packet_udp(&p, SERVER, r.unicast ? (r.address ? r.address : OFFERED) : UINT32_MAX, 67, 68,
	           m, n);
	return p;
}

static void server_says(struct reply r)
{
	struct packet p = make(r);
	assert_true(world_receive(&p));
	world_turn();
}

static void get_lease(struct reply ack)
{
	assert_int_equal(client_sent(), DISCOVER);
	server_says((struct reply){ .type = OFFER, .lease = ack.lease });
	assert_int_equal(client_sent(), REQUEST);
	ack.type = ACK;
	server_says(ack);
	world_advance(SECOND);
	assert_int_equal(interface_address(world.interface), ack.address ? ack.address : OFFERED);
	world_drain();
}

/* The server asks for the client, so that the client knows where it is. */
static void server_shows_itself(void)
{
	struct packet arp;
	packet_arp(&arp, 1, gateway_mac, SERVER, OFFERED);
	world_receive(&arp);
	world_turn();
}

/* ---- Tests ---- */

static void gets_a_lease(void **state)
{
	(void)state;
	uint8_t size;
	assert_int_equal(client_sent(), DISCOVER);
	assert_int_equal(bytes_load_u32(ip_of(&last)->source), 0);
	assert_int_equal(bytes_load_u32(ip_of(&last)->destination), UINT32_MAX);
	assert_memory_equal(ethernet_of(&last)->destination, all_mac, 6);
	assert_int_equal(bytes_load_u16(last.bytes + MESSAGE_AT + 10),
	                 0); /* unicast answers will do */
	const uint8_t *wanted = option(&last, 55, &size);
	assert_non_null(wanted);
	assert_memory_equal(wanted, "\1\171\3\6\14\17\32\52", 8);
	const uint8_t *most = option(&last, 57, &size);
	assert_non_null(most);
	assert_int_equal(bytes_load_u16(most), 1500);

	server_says((struct reply){ .type = OFFER, .unicast = true });
	assert_int_equal(client_sent(), REQUEST);
	assert_int_equal(option_u32(&last, 50), OFFERED);
	assert_int_equal(option_u32(&last, 54), SERVER);
	assert_int_equal(bytes_load_u32(last.bytes + MESSAGE_AT + 12), 0); /* ciaddr */
	assert_int_equal(bytes_load_u32(ip_of(&last)->destination), UINT32_MAX);

	server_says((struct reply){ .type = ACK,
	                            .unicast = true,
	                            .more = "\6\10\12\0\0\1\12\0\0\3\32\2\2\106",
	                            .more_size = 14 });
	assert_int_equal(interface_address(world.interface), 0); /* not before ARP has been asked */
	world_advance(SECOND);
	assert_int_equal(interface_address(world.interface), OFFERED);
	assert_int_equal(interface_prefix(world.interface), 24);
	assert_int_equal(interface_gateway(world.interface), GATEWAY);
	assert_int_equal(world.interface->resolvers[0], 0x0a000001);
	assert_int_equal(world.interface->resolvers[1], 0x0a000003);
	assert_int_equal(interface_mtu(world.interface), 582);
	assert_int_equal(count(COUNT_DHCP_BAD), 0);
}

static void probes_the_address_before_use(void **state)
{
	(void)state;
	struct packet out;
	uint32_t probes = 0, announcements = 0;
	client_sent();
	server_says((struct reply){ .type = OFFER });
	client_sent();
	server_says((struct reply){ .type = ACK });
	world_advance(10 * SECOND);
	while (world_sent(&out)) {
		assert_int_equal(bytes_load_u16(ethernet_of(&out)->type), 0x0806);
		assert_int_equal(bytes_load_u32(arp_of(&out)->target_address), OFFERED);
		if (bytes_load_u32(arp_of(&out)->sender_address))
			announcements++;
		else
			probes++;
	}
	assert_int_equal(probes, DHCP_PROBES + 1);
	assert_int_equal(announcements, 2);
}

static void declines_an_address_that_somebody_has(void **state)
{
	(void)state;
	struct packet arp;
	client_sent();
	server_says((struct reply){ .type = OFFER });
	client_sent();
	server_says((struct reply){ .type = ACK });
	packet_arp(&arp, 2, other_mac, OFFERED, 0);
	world_receive(&arp);
	world_turn();
	assert_int_equal(client_sent(), DECLINE); /* RFC 2131 §3.1(5) */
	assert_int_equal(option_u32(&last, 50), OFFERED);
	assert_int_equal(option_u32(&last, 54), SERVER);
	assert_int_equal(count(COUNT_ARP_CONFLICT), 1);
	assert_int_equal(world.warnings, 1);
	world_advance(9 * SECOND);
	assert_int_equal(client_sent(), 0);
	world_advance(2 * SECOND);
	assert_int_equal(client_sent(), DISCOVER);
	assert_int_equal(interface_address(world.interface), 0);
}

static void somebody_else_probing_for_it_is_a_conflict_too(void **state)
{
	(void)state;
	struct packet arp;
	client_sent();
	server_says((struct reply){ .type = OFFER });
	client_sent();
	server_says((struct reply){ .type = ACK });
	packet_arp(&arp, 1, other_mac, 0, OFFERED);
	world_receive(&arp);
	world_turn();
	assert_int_equal(client_sent(), DECLINE);
}

static void discovers_again_with_back_off_and_jitter(void **state)
{
	(void)state;
	const uint32_t seconds[] = { 4, 8, 16, 32, 64, 64 }; /* RFC 2131 §4.1 */
	assert_int_equal(client_sent(), DISCOVER);
	uint32_t xid = bytes_load_u32(last.bytes + MESSAGE_AT + 4);
	for (size_t k = 0; k < sizeof seconds / sizeof *seconds; k++) {
		world_advance((seconds[k] - 1) * SECOND - MILLI);
		assert_int_equal(client_sent(), 0);
		uint32_t waited = 0;
		while (!client_sent()) {
			world_advance(MILLI);
			assert_true(waited++ < 2002);
		}
		assert_int_equal(bytes_load_u32(last.bytes + MESSAGE_AT + 4), xid);
		/* Later ones ask for broadcasts, in case unicasts do not reach us */
		assert_int_equal(bytes_load_u16(last.bytes + MESSAGE_AT + 10), k ? 0x8000 : 0);
	}
}

static void an_offer_without_ack_is_given_up(void **state)
{
	(void)state;
	client_sent();
	server_says((struct reply){ .type = OFFER });
	for (uint32_t k = 0; k < DHCP_REQUESTS_MAX; k++) {
		assert_int_equal(client_sent(), REQUEST);
		world_advance(((uint64_t)DHCP_RETRY_FIRST_S << k) * SECOND + SECOND);
	}
	assert_int_equal(client_sent(), DISCOVER);
}

static void a_nak_starts_again(void **state)
{
	(void)state;
	client_sent();
	server_says((struct reply){ .type = OFFER });
	client_sent();
	server_says(
	        (struct reply){ .type = NAK, .server = PEER }); /* another server's means nothing */
	world_advance(2 * SECOND);
	assert_int_equal(client_sent(), 0);
	server_says((struct reply){ .type = NAK });
	world_advance(2 * SECOND);
	assert_int_equal(client_sent(), DISCOVER);
}

static void renews_at_half_time_by_unicast(void **state)
{
	(void)state;
	get_lease((struct reply){ .lease = 3600 });
	server_shows_itself();
	world_drain();
	world_advance(1797 * SECOND);
	assert_int_equal(client_sent(), 0);
	world_advance(4 * SECOND);
	assert_int_equal(client_sent(), REQUEST); /* RFC 2131 §4.4.5 */
	assert_int_equal(bytes_load_u32(ip_of(&last)->destination), SERVER);
	assert_int_equal(bytes_load_u32(ip_of(&last)->source), OFFERED);
	assert_int_equal(bytes_load_u32(last.bytes + MESSAGE_AT + 12), OFFERED); /* ciaddr */
	assert_int_equal(option_u32(&last, 50), 0); /* MUST NOT: table 5 */
	assert_int_equal(option_u32(&last, 54), 0);
	assert_int_equal(world.interface->dhcp.state, DHCP_RENEWING);
	server_says((struct reply){ .type = ACK, .unicast = true });
	assert_int_equal(world.interface->dhcp.state, DHCP_BOUND);
	world_advance(1790 * SECOND);
	assert_int_equal(client_sent(), 0);
	server_shows_itself();
	world_advance(20 * SECOND);
	assert_int_equal(client_sent(), REQUEST);
	assert_int_equal(interface_address(world.interface), OFFERED);
}

static void rebinds_by_broadcast_and_loses_the_address_at_the_end(void **state)
{
	(void)state;
	get_lease((struct reply){ .lease = 3600 });
	server_shows_itself();
	world_drain();
	world_advance(1801 * SECOND);
	assert_int_equal(client_sent(), REQUEST);
	world_advance(600 * SECOND);
	server_shows_itself();
	world_advance(75 * SECOND); /* half of what is left to T2 */
	assert_int_equal(client_sent(), REQUEST);
	assert_int_equal(world.interface->dhcp.state, DHCP_RENEWING);
	world_advance(675 * SECOND);
	uint8_t type;
	bool broadcast = false;
	while ((type = client_sent())) {
		assert_int_equal(type, REQUEST);
		broadcast = bytes_load_u32(ip_of(&last)->destination) == UINT32_MAX;
	}
	assert_true(broadcast);
	assert_int_equal(bytes_load_u32(ip_of(&last)->source), OFFERED);
	assert_int_equal(world.interface->dhcp.state, DHCP_REBINDING);
	world_advance(440 * SECOND);
	assert_int_equal(interface_address(world.interface), OFFERED);
	while (client_sent())
		;
	world_advance(11 * SECOND); /* 3600 s since the request */
	assert_int_equal(interface_address(world.interface), 0);
	assert_int_equal(world.warnings, 1);
	assert_int_equal(client_sent(), DISCOVER);
	assert_int_equal(bytes_load_u32(ip_of(&last)->source), 0);
}

static void any_server_may_rebind(void **state)
{
	(void)state;
	get_lease((struct reply){ .lease = 3600 });
	world_advance(3200 * SECOND);
	while (client_sent())
		;
	assert_int_equal(world.interface->dhcp.state, DHCP_REBINDING);
	server_says((struct reply){ .type = ACK, .server = PEER, .unicast = true });
	assert_int_equal(world.interface->dhcp.state, DHCP_BOUND);
	assert_int_equal(world.interface->dhcp.lease.server, PEER);
}

/* Regression: with a lease of a second T1 and T2 were now, so each ACK was answered by two requests
 * at once, for as long as the server went on. */
static void a_lease_of_a_second_is_no_offer(void **state)
{
	(void)state;
	assert_int_equal(client_sent(), DISCOVER);
	server_says((struct reply){ .type = OFFER, .lease = 1 });
	assert_int_equal(client_sent(), 0);
	assert_int_equal(count(COUNT_DHCP_BAD), 1);
	server_says((struct reply){ .type = OFFER, .lease = 2 });
	assert_int_equal(client_sent(), REQUEST);
}

/* Regression: everything off the link then waited for an ARP answer of our own. */
static void is_not_its_own_gateway(void **state)
{
	(void)state;
	assert_int_equal(client_sent(), DISCOVER);
	server_says((struct reply){ .type = OFFER, .address = GATEWAY, .server = PEER });
	assert_int_equal(client_sent(), REQUEST);
	assert_int_equal(world.interface->dhcp.lease.gateway, 0);
}

static void a_refused_renewal_drops_the_address(void **state)
{
	(void)state;
	get_lease((struct reply){ .lease = 3600 });
	world_advance(3200 * SECOND);
	while (client_sent())
		;
	server_says((struct reply){ .type = NAK });
	assert_int_equal(interface_address(world.interface), 0);
	world_advance(2 * SECOND);
	assert_int_equal(client_sent(), DISCOVER);
}

static void a_short_lease_is_renewed_in_time(void **state)
{
	(void)state;
	get_lease((struct reply){ .lease = 10 });
	for (int k = 0; k < 20; k++) {
		bool asked = false;
		server_shows_itself();
		world_advance(5 * SECOND);
		while (client_sent())
			asked = true;
		if (asked)
			server_says((struct reply){ .type = ACK, .lease = 10 });
		assert_int_equal(interface_address(world.interface), OFFERED);
	}
	world_advance(11 * SECOND);
	assert_int_equal(interface_address(world.interface), 0);
}

static void an_endless_lease_is_not_renewed(void **state)
{
	(void)state;
	get_lease((struct reply){ .lease = UINT32_MAX });
	world_advance(4 * SECOND);
	world_drain();
	world_advance(10000000 * SECOND);
	assert_int_equal(client_sent(), 0);
	assert_int_equal(interface_address(world.interface), OFFERED);
}

static void t1_and_t2_are_the_servers_where_they_make_sense(void **state)
{
	(void)state;
	get_lease((struct reply){ .lease = 3600, .t1 = 100, .t2 = 200 });
	assert_int_equal(world.interface->dhcp.lease.t1, 100);
	assert_int_equal(world.interface->dhcp.lease.t2, 200);
	world_advance(201 * SECOND);
	while (client_sent())
		;
	server_says((struct reply){ .type = ACK, .lease = 3600, .t1 = 5000, .t2 = 9000 });
	assert_int_equal(world.interface->dhcp.lease.t1, 1800);
	assert_int_equal(world.interface->dhcp.lease.t2, 3150);
}

static void a_host_that_takes_the_leased_address_twice_has_it(void **state)
{
	(void)state;
	struct packet arp;
	get_lease((struct reply){ .lease = 3600 });
	packet_arp(&arp, 2, other_mac, OFFERED, 0);
	world_receive(&arp);
	world_turn();
	assert_int_equal(interface_address(world.interface),
	                 OFFERED); /* RFC 5227 §2.4(b): defended once */
	world_advance(5 * SECOND);
	world_receive(&arp);
	world_turn();
	assert_int_equal(interface_address(world.interface), 0);
	assert_int_equal(client_sent(), DECLINE);
}

static void options_may_overflow_into_file_and_name(void **state)
{
	(void)state;
	client_sent();
	server_says((struct reply){ .type = OFFER });
	client_sent();
	struct packet p = make((struct reply){
	        .type = ACK, .more = "\64\1\3", .more_size = 3 }); /* RFC 2132 §9.3 */
	memcpy(p.bytes + MESSAGE_AT + 108, "\6\4\12\0\0\7\377", 7);
	memcpy(p.bytes + MESSAGE_AT + 44, "\17\7example\377", 10);
	bytes_store_u16(p.bytes + 40, 0);
	world_receive(&p);
	world_turn();
	world_advance(SECOND);
	assert_int_equal(world.interface->resolvers[0], 0x0a000007);
	assert_string_equal(world.interface->dhcp.lease.domain_name, "example");
}

static void messages_that_are_wrong_are_counted_and_ignored(void **state)
{
	(void)state;
	const struct reply bad[] = {
		{ .type = OFFER, .xid_change = 1 },
		{ .type = OFFER, .address = 0x7f000001 },
		{ .type = OFFER, .address = 0x0a0000ff },
		{ .type = OFFER, .address = 0xe0000001 },
		{ .type = OFFER, .mask = 0xff00ff00 },
		{ .type = OFFER, .server = 0xffffffff },
		{ .type = OFFER, .more = "\1\3\377\377\377", .more_size = 5 },
		{ .type = OFFER, .more = "\63\1\1", .more_size = 3 },
		{ .type = OFFER, .more = "\66\0", .more_size = 2, .server = 0x7f000001 },
		{ .type = OFFER, .more = "\64\1\4", .more_size = 3 },
		{ .type = OFFER, .more = "\64\0", .more_size = 2 },
		{ .type = OFFER, .more = "\75\7\1\2\0\0\0\0\3", .more_size = 9 }, /* RFC 6842 */
		{ .type = REQUEST },
		{ .type = 0 },
	};
	uint32_t n = 0;
	assert_int_equal(client_sent(), DISCOVER);
	for (; n < sizeof bad / sizeof *bad; n++) {
		server_says(bad[n]);
		if (count(COUNT_DHCP_BAD) != n + 1)
			fail_msg("case %u is not counted", n);
	}
	struct packet good = make((struct reply){ .type = OFFER });
	for (uint32_t size = good.size - 1; size > 42; size--) {
		struct packet p = good;
		p.size = size;
		bytes_store_u16(p.bytes + 16, (uint16_t)(size - 14));
		bytes_store_u16(p.bytes + 24, 0);
		bytes_store_u16(p.bytes + 24, naive_checksum(p.bytes + 14, 20, 0));
		bytes_store_u16(p.bytes + 38, (uint16_t)(size - 34));
		bytes_store_u16(p.bytes + 40, 0);
		world_receive(&p);
		world_turn();
		if (client_sent()) { /* cut in the end mark, or in the router, which are not missed */
			assert_true(size >= good.size - 7);
			world_close();
			setup(NULL);
			client_sent();
			good = make((struct reply){ .type = OFFER });
		}
	}
	/* An ACK is no offer, and a lease that was not asked for is not taken */
	server_says((struct reply){ .type = ACK });
	world_advance(SECOND);
	assert_int_equal(interface_address(world.interface), 0);
}

static void other_traffic_waits_until_there_is_an_address(void **state)
{
	(void)state;
	struct packet in, out;
	client_sent();
	packet_echo(&in, PEER, OFFERED, 1, 8);
	assert_false(world_exchange(&in, &out));
	packet_udp(&in, PEER, OFFERED, 5000, 7, "x", 1);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_OTHER_ADDRESS), 1);
	packet_arp(&in, 1, peer_mac, PEER, 0);
	assert_false(world_exchange(&in, &out));
}

static bool lease_arrives(uint64_t deadline)
{
	(void)deadline;
	get_lease((struct reply){ 0 });
	return true;
}

static void a_task_can_wait_for_the_address(void **state)
{
	(void)state;
	assert_int_equal(interface_wait_address(world.interface, 5), ERR_TIMEOUT);
	world.on_wait = lease_arrives;
	assert_int_equal(interface_wait_address(world.interface, CLOCK_NEVER), 0);
	assert_int_equal(interface_address(world.interface), OFFERED);
}

/* Regression: after a pause past the lease's end, what waited in the ring was answered first, and announced. */
static void after_a_pause_the_ring_is_not_answered_from_a_lost_address(void **state)
{
	(void)state;
	struct packet in, out;
	get_lease((struct reply){ .lease = 60 });
	server_shows_itself();
	world_drain();
	arp_announce(world.interface); /* one is still to come */
	world_drain();
	packet_echo(&in, GATEWAY, OFFERED, 1, 8);
	assert_true(world_receive(&in));
	packet_arp(&in, 1, gateway_mac, SERVER, OFFERED);
	assert_true(world_receive(&in));
	world_pause(61 * SECOND);
	world_turn();
	assert_false(world_sent(&out));
	assert_int_equal(interface_address(world.interface), 0);
	world_advance(10 * SECOND);
	while (world_sent(&out)) {
		assert_int_equal(bytes_load_u16(ethernet_of(&out)->type), 0x0800);
		assert_int_equal(bytes_load_u32(ip_of(&out)->source), 0);
	}
}

static void a_new_address_ends_the_old_one(void **state)
{
	(void)state;
	struct packet out;
	get_lease((struct reply){ .lease = 60 });
	server_shows_itself();
	world_drain();
	world_advance(31 * SECOND);
	assert_int_equal(client_sent(), REQUEST);
	server_says((struct reply){ .type = NAK, .unicast = true });
	world_turn();
	assert_int_equal(interface_address(world.interface), 0);
	world_advance(2 * SECOND);
	assert_int_equal(client_sent(), DISCOVER);
	server_says((struct reply){ .type = OFFER, .address = OFFERED + 7 });
	assert_int_equal(client_sent(), REQUEST);
	server_says((struct reply){ .type = ACK, .address = OFFERED + 7 });
	world_advance(10 * SECOND);
	assert_int_equal(interface_address(world.interface), OFFERED + 7);
	while (world_sent(&out)) {
		if (bytes_load_u16(ethernet_of(&out)->type) == 0x0806)
			assert_int_not_equal(bytes_load_u32(arp_of(&out)->sender_address), OFFERED);
		else
			assert_int_not_equal(bytes_load_u32(ip_of(&out)->source), OFFERED);
	}
}

/* Regression: one optional option of a wrong length, and the client discovered for ever. */
static void an_optional_option_that_is_wrong_costs_itself_alone(void **state)
{
	(void)state;
	const struct {
		const char *bytes;
		uint32_t size;
	} options[] = {
		{ "\14\0", 2 },
		{ "\17\0", 2 },
		{ "\6\0", 2 },
		{ "\3\0", 2 },
		{ "\3\5\12\0\0\1\1", 7 },
		{ "\6\5\12\0\0\1\1", 7 },
		{ "\32\4\0\0\2\106", 6 },
		{ "\32\0", 2 },
		{ "\72\1\1", 3 },
		{ "\73\3\1\1\1", 5 },
		{ "\52\3\1\1\1", 5 },
		{ "\171\2\40\1", 4 },
		{ "\171\5\41\1\1\1\1", 7 },
		{ "\75\1\1", 3 },
		{ "\6\310\1", 3 },
		{ "\364\0", 2 },
	};
	for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
		assert_int_equal(client_sent(), DISCOVER);
		server_says((struct reply){
		        .type = OFFER, .more = options[k].bytes, .more_size = options[k].size });
		if (client_sent() != REQUEST)
			fail_msg("offer %zu is not taken", k);
		server_says((struct reply){
		        .type = ACK, .more = options[k].bytes, .more_size = options[k].size });
		world_advance(SECOND);
		assert_int_equal(interface_address(world.interface), OFFERED);
		assert_int_equal(interface_mtu(world.interface), 1500);
		/* Beside a good router, a bad one in a second part spoils both: they are one option */
		assert_int_equal(interface_gateway(world.interface), k == 4 ? 0 : GATEWAY);
		assert_int_equal(world.interface->dhcp.lease.t1, 1800);
		assert_int_equal(count(COUNT_DHCP_BAD), 0);
		world_drain();
		world_close();
		setup(NULL);
	}
}

/* Regression: of an option in several parts the last one counted (RFC 3396). */
static void an_option_in_several_parts_is_one(void **state)
{
	(void)state;
	client_sent();
	server_says((struct reply){ .type = OFFER });
	client_sent();
	struct packet p = make(
	        (struct reply){ .type = ACK,
	                        .more = "\6\6\12\0\0\1\12\0\6\2\0\3\17\3exa\64\1\1\52\4\12\0\0\11",
	                        .more_size = 26 });
	memcpy(p.bytes + MESSAGE_AT + 108, "\17\4mple\6\4\12\0\0\7\377", 13);
	bytes_store_u16(p.bytes + 40, 0);
	world_receive(&p);
	world_turn();
	world_advance(SECOND);
	assert_int_equal(world.interface->resolvers[0], 0x0a000001);
	assert_int_equal(world.interface->resolvers[1], 0x0a000003);
	assert_int_equal(world.interface->resolvers[2], 0x0a000007);
	assert_string_equal(world.interface->dhcp.lease.domain_name, "example");
	assert_int_equal(interface_time_server(world.interface, 0), 0x0a000009);
	assert_int_equal(interface_time_server(world.interface, 1), 0);
	assert_int_equal(interface_time_server(world.interface, 3), 0);
}

static void classless_routes_are_used_before_the_router(void **state)
{
	(void)state;
	/* 192.0.2.0/24 by 10.0.0.3, 172.16.5.5/32 on the link, all else by 10.0.0.4: RFC 3442 */
	static const uint8_t routes[] = { 121, 22, 24, 192, 0, 2, 10, 0, 0,  3, 32, 172,
		                          16,  5,  5,  0,   0, 0, 0,  0, 10, 0, 0,  4 };
	get_lease((struct reply){ .more = routes, .more_size = sizeof routes });
	struct interface *i = world.interface;
	assert_int_equal(interface_gateway(i), 0x0a000004);
	assert_int_equal(interface_next_hop(i, FAR), 0x0a000003);
	assert_int_equal(interface_next_hop(i, 0xac100505), 0xac100505);
	assert_int_equal(interface_next_hop(i, 0xac100506), 0x0a000004);
	assert_int_equal(interface_next_hop(i, PEER), PEER);
	assert_int_equal(i->route_count, 2);
	interface_clear_address(i);
	assert_int_equal(i->route_count, 0);
}

static void says_the_host_name_and_asks_for_time_servers(void **state)
{
	(void)state;
	uint8_t size;
	assert_int_equal(client_sent(), DISCOVER);
	for (int k = 0; k < 2; k++) {
		const uint8_t *name = option(&last, 12, &size);
		assert_non_null(name);
		assert_int_equal(size, 9);
		assert_memory_equal(name, "test-host", 9);
		assert_non_null(memchr(option(&last, 55, &size), 42, size));
		server_says((struct reply){ .type = OFFER });
		if (!k)
			assert_int_equal(client_sent(), REQUEST);
	}
}

static void releases_the_address_at_the_end(void **state)
{
	(void)state;
	dhcp_release(world.interface); /* there is none yet */
	get_lease((struct reply){ .lease = 3600 });
	arp_clear(world.interface);
	dhcp_release(world.interface);
	assert_int_equal(client_sent(),
	                 RELEASE); /* without a turn of the loop, or an answer of ARP */
	assert_memory_equal(ethernet_of(&last)->destination, peer_mac, 6);
	assert_int_equal(bytes_load_u32(ip_of(&last)->destination), SERVER);
	assert_int_equal(bytes_load_u32(ip_of(&last)->source), OFFERED);
	assert_int_equal(bytes_load_u32(last.bytes + MESSAGE_AT + 12), OFFERED);
	assert_int_equal(option_u32(&last, 54), SERVER);
	assert_int_equal(option_u32(&last, 50), 0);
	assert_int_equal(interface_address(world.interface), 0);
	dhcp_release(world.interface);
	world_advance(100000 * SECOND);
	assert_int_equal(client_sent(), 0); /* and asks for none again */
}

#define TEST(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gets_a_lease),
		TEST(probes_the_address_before_use),
		TEST(declines_an_address_that_somebody_has),
		TEST(somebody_else_probing_for_it_is_a_conflict_too),
		TEST(discovers_again_with_back_off_and_jitter),
		TEST(an_offer_without_ack_is_given_up),
		TEST(a_nak_starts_again),
		TEST(renews_at_half_time_by_unicast),
		TEST(rebinds_by_broadcast_and_loses_the_address_at_the_end),
		TEST(any_server_may_rebind),
		TEST(a_lease_of_a_second_is_no_offer),
		TEST(is_not_its_own_gateway),
		TEST(a_refused_renewal_drops_the_address),
		TEST(a_short_lease_is_renewed_in_time),
		TEST(an_endless_lease_is_not_renewed),
		TEST(t1_and_t2_are_the_servers_where_they_make_sense),
		TEST(a_host_that_takes_the_leased_address_twice_has_it),
		TEST(options_may_overflow_into_file_and_name),
		TEST(messages_that_are_wrong_are_counted_and_ignored),
		TEST(other_traffic_waits_until_there_is_an_address),
		TEST(a_task_can_wait_for_the_address),
		TEST(after_a_pause_the_ring_is_not_answered_from_a_lost_address),
		TEST(a_new_address_ends_the_old_one),
		TEST(an_optional_option_that_is_wrong_costs_itself_alone),
		TEST(an_option_in_several_parts_is_one),
		TEST(classless_routes_are_used_before_the_router),
		TEST(says_the_host_name_and_asks_for_time_servers),
		TEST(releases_the_address_at_the_end),
	};
	return cmocka_run_group_tests_name("net dhcp", tests, NULL, NULL);
}
