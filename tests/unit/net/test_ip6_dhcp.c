/* SPDX-License-Identifier: ISC */
/* DHCPv6's client, message by message (RFC 8415): what it asks, whom it takes, and what it does with refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "six.h"

static const struct interface_ip6_config config = { .automatic = true };
static const uint8_t lease6[16] = { 0x20, 1, 0xd, 0xb8, 0, 8, [15] = 0x77 };

/* The client's message that came out last. */
static struct asked {
	uint8_t kind;
	uint32_t id, total; /* total: of this kind so far */
	uint8_t server;     /* of its identifier, the last byte; 0: none */
	uint16_t wanted[8];
	uint32_t wanted_count;
	bool address;
} last;

static void parse_client(const uint8_t *m, uint32_t size)
{
	struct bytes_in in = bytes_in(m, size);
	uint32_t head = bytes_get_u32(&in);
	last = (struct asked){ .kind = (uint8_t)(head >> 24),
		               .id = head & 0xffffff,
		               .total = last.kind == head >> 24 ? last.total + 1 : 1 };
	while (bytes_left(&in)) {
		uint16_t type = bytes_get_u16(&in), n = bytes_get_u16(&in);
		struct bytes_in value = bytes_slice(&in, n);
		assert_false(in.failed);
		if (type == 2)
			last.server = value.base[value.at + n - 1];
		if (type == 3)
			last.address =
			        n > 12 && memcmp(value.base + value.at + 16, lease6, 16) == 0;
		while (type == 6 && bytes_left(&value))
			last.wanted[last.wanted_count++] = bytes_get_u16(&value);
	}
}

/* Time passes; is a message of this kind the last that came? */
static bool asks(uint8_t kind, uint32_t ms)
{
	struct packet out;
	last.kind = 0;
	for (uint32_t at = 0; at <= ms; at += 20) {
		world_turn();
		while (world_sent(&out)) {
			if (out.bytes[20] == 17 && bytes_load_u16(body(&out) + 2) == 547) {
				assert_true(right6(&out));
				parse_client(body(&out) + 8, out.size - 62);
			}
		}
		if (last.kind == kind)
			return true;
		world_advance(20 * MILLI);
	}
	return false;
}

static bool wants(uint16_t option)
{
	for (uint32_t k = 0; k < last.wanted_count; k++) {
		if (last.wanted[k] == option)
			return true;
	}
	return false;
}

struct says {
	uint8_t kind, server;
	int preference; /* 0: none is said */
	uint32_t t1, t2, preferred, valid;
	uint16_t status; /* of the addresses */
	uint32_t most;   /* SOL_MAX_RT */
	bool no_address, wrong_id;
};

static void server(struct says s)
{
	uint8_t m[256] = { 0 };
	struct bytes_out o = bytes_out(m, sizeof m);
	struct packet in;
	struct net_address us = interface_ip6_at(world.interface, 0);
	bytes_put_u16(&o, 547);
	bytes_put_u16(&o, 546);
	bytes_put_u32(&o, 0);
	bytes_put_u32(&o, (uint32_t)s.kind << 24 | (last.id ^ s.wrong_id));
	static const uint8_t client[8] = { 0, 1, 0, 10, 0, 3, 0, 1 },
	                     identifier[8] = { 0, 2, 0, 5, 0, 3, 0, 1 };
	bytes_put_copy(&o, client, 8);
	bytes_put_copy(&o, us_mac, 6);
	bytes_put_copy(&o, identifier, 8);
	bytes_put_u8(&o, s.server);
	if (s.preference) {
		bytes_put_u16(&o, 7);
		bytes_put_u16(&o, 1);
		bytes_put_u8(&o, (uint8_t)s.preference);
	}
	if (s.most) {
		bytes_put_u16(&o, 82);
		bytes_put_u16(&o, 4);
		bytes_put_u32(&o, s.most);
	}
	bytes_put_u16(&o, 3);
	bytes_put_u16(&o, (uint16_t)(12 + (s.no_address ? 0 : 28) + (s.status ? 6 : 0)));
	bytes_put_u32(&o, 1);
	bytes_put_u32(&o, s.t1);
	bytes_put_u32(&o, s.t2);
	if (!s.no_address) {
		bytes_put_u16(&o, 5);
		bytes_put_u16(&o, 24);
		bytes_put_copy(&o, lease6, 16);
		bytes_put_u32(&o, s.preferred);
		bytes_put_u32(&o, s.valid);
	}
	if (s.status) {
		bytes_put_u16(&o, 13);
		bytes_put_u16(&o, 2);
		bytes_put_u16(&o, s.status);
	}
	assert_false(o.failed);
	bytes_store_u16(m + 4, (uint16_t)o.at);
	packet6(&in, (struct spec){ .source = router6, .destination = us.bytes, .next = 17 }, m,
	        o.at, 6);
	world_receive(&in);
	world_turn();
}

static bool leased(void)
{
	const struct ip6_own *o = ip6_own_find(world.interface->ip6, lease6);
	return o && ip6_own_usable(o);
}

static void open_with(uint8_t flags)
{
	uint8_t m[512];
	world_open((struct options){ .ip6 = &config, .no_ip4 = true, .keep_announcements = true });
	last = (struct asked){ 0 };
	world_advance(2 * SECOND);
	world_drain();
	uint32_t size = advertisement(m, 1800);
	m[5] = flags;
	advertise(m, size);
}

static int teardown(void **state)
{
	(void)state;
	world_drain();
	world_close();
	return 0;
}

#define LEASE .t1 = 1000, .t2 = 2000, .preferred = 3000, .valid = 4000

static void take_lease(void)
{
	open_with(0x80);
	assert_true(asks(1, 100));
	server((struct says){ .kind = 2, .server = 1, .preference = 255, LEASE });
	assert_true(asks(3, 100));
	server((struct says){ .kind = 7, .server = 1, LEASE });
	assert_true(leased());
}

static void offers_are_compared_for_a_second(void **state)
{
	(void)state;
	open_with(0x80);
	assert_true(asks(1, 100));
	assert_true(wants(23) && wants(82) && !wants(32));
	server((struct says){ .kind = 2, .server = 1, LEASE });
	server((struct says){ .kind = 2, .server = 2, .preference = 9, LEASE });
	server((struct says){ .kind = 2, .server = 3, .preference = 200, LEASE, .wrong_id = true });
	server((struct says){ .kind = 2, .server = 4, .preference = 8, LEASE });
	server((struct says){
	        .kind = 2, .server = 5, .preference = 250, .no_address = true, .status = 2 });
	assert_false(asks(3, 900));
	assert_true(asks(3, 300));
	assert_int_equal(last.server, 2);
	assert_true(last.address && wants(82) && !wants(32));
	server((struct says){ .kind = 7, .server = 2, LEASE });
	assert_true(leased());
}

static void the_best_and_the_late_are_taken_at_once(void **state)
{
	(void)state;
	open_with(0x80);
	assert_true(asks(1, 100));
	server((struct says){ .kind = 2, .server = 1, .preference = 255, LEASE });
	assert_true(asks(3, 20));
	assert_int_equal(last.server, 1);
	for (uint32_t n = 1; n < 10; n++)
		assert_true(asks(3, 34000)); /* at most 30 s apart, ten in all */
	assert_true(asks(1, 34000));
	assert_true(asks(1, 1200)); /* the first second is over */
	server((struct says){ .kind = 2, .server = 7, LEASE });
	assert_true(asks(3, 20));
	assert_int_equal(last.server, 7);
}

static void a_lease_is_renewed_rebound_and_ends(void **state)
{
	(void)state;
	take_lease();
	assert_false(asks(5, 999000));
	assert_true(asks(5, 1500));
	assert_int_equal(last.server, 1);
	assert_false(asks(5, 8900)); /* REN_TIMEOUT: 10 s */
	assert_true(asks(5, 2200));
	assert_true(asks(6, 1000000)); /* at T2, to all */
	assert_int_equal(last.server, 0);
	server((struct says){ .kind = 7, .server = 3, LEASE });
	assert_true(asks(5, 1001500));
	assert_int_equal(last.server, 3); /* it is that one's now */
	assert_true(asks(6, 1100000));
	assert_true(asks(1, 2100000));
	assert_false(leased());
}

static void what_is_refused_begins_anew_but_not_at_once(void **state)
{
	(void)state;
	take_lease();
	assert_true(asks(5, 1001500));
	server((struct says){
	        .kind = 7, .server = 1, .no_address = true, .status = 3 }); /* NoBinding */
	assert_true(asks(3, 20));
	assert_true(last.address && leased());
	server((struct says){ .kind = 7, .server = 1, .no_address = true, .status = 2 });
	assert_false(asks(5, 900));
	assert_true(asks(5, 1200));
	server((struct says){ .kind = 7, .server = 1 }); /* a lifetime of 0 */
	assert_false(leased());
	assert_false(asks(1, 900));
	assert_true(asks(1, 1200));
	/* T1 beyond T2, and preferred longer than valid, are no leases. */
	server((struct says){ .kind = 2,
	                      .server = 1,
	                      .preference = 255,
	                      .t1 = 9,
	                      .t2 = 8,
	                      .preferred = 10,
	                      .valid = 20 });
	server((struct says){
	        .kind = 2, .server = 1, .preference = 255, .preferred = 30, .valid = 20 });
	assert_false(asks(3, 500));
}

static void an_address_that_somebody_has_is_declined(void **state)
{
	(void)state;
	struct packet in;
	take_lease();
	neighbour6(&in, 136, 0x20, lease6, ip6_all_nodes, lease6, other_mac);
	world_receive(&in);
	assert_true(asks(9, 2000));
	assert_false(leased());
	assert_int_equal(last.server, 1);
	assert_true(last.address && !last.wanted_count);
	server((struct says){ .kind = 7, .server = 1, .no_address = true });
	assert_true(asks(1, 2500));
}

static void information_is_asked_for_after_a_while(void **state)
{
	(void)state;
	open_with(0x40);
	assert_true(asks(11, 1100));
	assert_true(wants(23) && wants(83) && wants(32) && !wants(82));
	assert_false(last.address);
}

static void a_server_may_have_us_ask_less(void **state)
{
	(void)state;
	open_with(0x80);
	assert_true(asks(1, 100));
	server((struct says){
	        .kind = 2, .server = 1, .no_address = true, .status = 2, .most = 60 });
	server((struct says){
	        .kind = 2, .server = 1, .no_address = true, .status = 2, .most = 59 });
	server((struct says){
	        .kind = 2, .server = 1, .no_address = true, .status = 2, .most = 86401 });
	for (uint32_t n = 0; n < 12; n++)
		assert_true(asks(1, 66100));
}

#define TEST(f_) cmocka_unit_test_teardown(f_, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(offers_are_compared_for_a_second),
		TEST(the_best_and_the_late_are_taken_at_once),
		TEST(a_lease_is_renewed_rebound_and_ends),
		TEST(what_is_refused_begins_anew_but_not_at_once),
		TEST(an_address_that_somebody_has_is_declined),
		TEST(information_is_asked_for_after_a_while),
		TEST(a_server_may_have_us_ask_less),
	};
	return cmocka_run_group_tests_name("net ip6 dhcp", tests, NULL, NULL);
}
