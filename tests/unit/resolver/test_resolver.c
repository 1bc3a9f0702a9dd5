/* SPDX-License-Identifier: ISC */
/* The resolver against a server of the test's own, which sees each query and answers whatever the
 * case wants. */
#include "../net/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <core/bytes.h>
#include <core/clock.h>
#include <core/error.h>
#include <net/resolver.h>
#include <net/resolver_internal.h>

#define SECOND_SERVER 0x0a00000au

static struct query {
	uint16_t id, port;
	uint32_t server;
	uint8_t bytes[512];
	uint32_t size;
} asked[64];
static uint32_t asked_count;
static void (*answer)(const struct query *);
static uint32_t nested;

static bool serve(uint64_t deadline)
{
	struct packet p, in;
	bool any = false;

	if (nested) { /* another task asks for the same name, and has no time */
		uint32_t to;
		nested = 0;
		assert_int_equal(resolver_lookup("www.example", &to, 1, world_now()), ERR_TIMEOUT);
	}
	world_turn();
	while (world_sent(&p)) {
		if (bytes_load_u16(p.bytes + 12) == 0x0806) {
			packet_arp(&in, 2, peer_mac, bytes_load_u32(p.bytes + 38), US);
			any |= world_receive(&in);
			continue;
		}
		struct query *q = &asked[asked_count++ % 64];
		q->server = bytes_load_u32(p.bytes + 30);
		q->port = bytes_load_u16(p.bytes + 34);
		q->size = bytes_load_u16(p.bytes + 38) - 8u;
		assert_in_range(q->size, 12, sizeof q->bytes);
		memcpy(q->bytes, p.bytes + 42, q->size);
		q->id = bytes_load_u16(q->bytes);
		assert_int_equal(bytes_load_u16(p.bytes + 36), 53);
		uint64_t before = count(COUNT_RX_PACKETS);
		answer(q);
		world_turn();
		any |= count(COUNT_RX_PACKETS) != before;
	}
	world_turn();
	if (!any && deadline != CLOCK_NEVER && deadline > world_now())
		world_advance(deadline - world_now());
	return any;
}

static void open_with(struct options o)
{
	world_open(o);
	world.on_wait = serve;
}

static int setup(void **state)
{
	(void)state;
	open_with((struct options){ 0 });
	asked_count = nested = 0;
	resolver_use(&(uint32_t){ PEER }, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	resolver_forget();
	resolver_use(NULL, 0);
	world_close();
	return 0;
}

/* ---- Answers ---- */

static uint8_t reply[512];
static struct bytes_out out;

static void begin(const struct query *q, uint16_t flags, uint16_t answers, uint16_t authorities)
{
	out = bytes_out(reply, sizeof reply);
	bytes_put_copy(&out, q->bytes, q->size);
	bytes_store_u16(reply + 2, flags);
	bytes_store_u16(reply + 6, answers);
	bytes_store_u16(reply + 8, authorities);
}

/* Owner: a pointer to that offset. */
static void record(uint16_t owner, uint16_t type, uint32_t ttl, const void *data, uint16_t size)
{
	bytes_put_u16(&out, 0xc000 | owner);
	bytes_put_u16(&out, type);
	bytes_put_u16(&out, 1);
	bytes_put_u32(&out, ttl);
	bytes_put_u16(&out, size);
	bytes_put_copy(&out, data, size);
}

static void send_from(const struct query *q, uint32_t source, uint16_t port)
{
	struct packet p;
	packet_udp(&p, source, US, port, q->port, reply, out.at);
	assert_true(world_receive(&p));
}

static void finish(const struct query *q)
{
	send_from(q, q->server, 53);
}

static const uint8_t ten[4] = { 192, 0, 2, 10 }, bad_address[4] = { 6, 6, 6, 6 };
#define TEN 0xc000020au
static uint32_t ttl_s;

static void good(const struct query *q)
{
	begin(q, 0x8180, 1, 0);
	record(12, 1, ttl_s, ten, 4);
	finish(q);
}

static void silent(const struct query *q)
{
	(void)q;
}

static void expect(const char *name, int result)
{
	uint32_t to[8] = { 0 };
	assert_int_equal(resolver_lookup(name, to, 8, world_now() + 60 * SECOND), result);
	if (result == 1)
		assert_int_equal(to[0], TEN);
}

/* ---- Cases ---- */

static void a_name_is_asked_for_once_while_its_ttl_lasts(void **state)
{
	(void)state;
	answer = good;
	ttl_s = 60;
	expect("www.example", 1);
	expect("WWW.Example.", 1);
	assert_int_equal(asked_count, 1);
	world_advance(61 * SECOND);
	expect("www.example", 1);
	assert_int_equal(asked_count, 2);
	assert_int_not_equal(asked[0].port, asked[1].port);
	assert_int_not_equal(asked[0].id, asked[1].id);
}

static void giant_ttls_are_bounded(void **state)
{
	(void)state;
	answer = good;
	ttl_s = INT32_MAX;
	expect("www.example", 1);
	world_advance((RESOLVER_TTL_MAX_S + 1) * SECOND);
	expect("www.example", 1);
	assert_int_equal(asked_count, 2);
	ttl_s = UINT32_MAX; /* RFC 2181: none */
	resolver_forget();
	expect("www.example", 1);
	expect("www.example", 1);
	assert_int_equal(asked_count, 4);
}

static void texts_that_are_no_names_are_refused_and_quads_are_not_asked_for(void **state)
{
	(void)state;
	char label[70], longest[300];
	answer = silent;
	expect("192.0.2.10", 1);
	const char *bad[] = { "",      ".",         "a..b",      ".a",       "a b",
		              "1.2.3", "1.2.3.256", "1.2.3.4.5", "1.2.3.4.", "4294967297" };
	for (size_t n = 0; n < sizeof bad / sizeof *bad; n++)
		expect(bad[n], ERR_MALFORMED);
	memset(label, 'a', 64);
	label[64] = 0;
	expect(label, ERR_MALFORMED);
	for (unsigned n = 0; n < 254; n++)
		longest[n] = n % 2 ? '.' : 'a';
	longest[254] = 'a';
	longest[255] = 0;
	expect(longest, ERR_MALFORMED);
	assert_int_equal(asked_count, 0);
}

static void the_next_server_is_asked_and_all_of_them_twice(void **state)
{
	(void)state;
	resolver_use((uint32_t[]){ PEER, SECOND_SERVER }, 2);
	answer = silent;
	expect("www.example", ERR_TIMEOUT);
	assert_int_equal(asked_count, 4);
	assert_int_equal(asked[0].server, PEER);
	assert_int_equal(asked[1].server, SECOND_SERVER);
	assert_int_equal(asked[2].server, PEER);
}

static void without_servers_nobody_can_be_asked(void **state)
{
	(void)state;
	resolver_use(NULL, 0);
	expect("www.example", ERR_UNREACHABLE);
	world.interface->resolvers[0] = PEER;
	answer = good;
	expect("www.example", 1);
}

static void the_manifests_servers_come_before_dhcps(void **state)
{
	(void)state;
	resolver_use(NULL, 0);
	world_close();
	open_with((struct options){ .resolvers = { PEER, SECOND_SERVER } });
	world.interface->resolvers[0] = GATEWAY;
	answer = silent;
	expect("www.example", ERR_TIMEOUT);
	assert_int_equal(asked_count, 4);
	assert_int_equal(asked[0].server, PEER);
	assert_int_equal(asked[1].server, SECOND_SERVER);
	assert_int_equal(asked[2].server, PEER);
	world_close();
	open_with((struct options){ .resolvers = { 0, PEER } }); /* 0.0.0.0: none */
	expect("www.example", ERR_TIMEOUT);
	assert_int_equal(asked_count, 6);
	assert_int_equal(asked[5].server, PEER);
	resolver_use(&(uint32_t){ SECOND_SERVER }, 1);
	expect("www.example", ERR_TIMEOUT);
	assert_int_equal(asked[7].server, SECOND_SERVER);
	resolver_use(NULL, 0);
	world_close();
	open_with((struct options){ 0 });
	world.interface->resolvers[0] = SECOND_SERVER;
	expect("www.example", ERR_TIMEOUT);
	assert_int_equal(asked_count, 10);
	assert_int_equal(asked[9].server, SECOND_SERVER);
}

static void forged(const struct query *q)
{
	begin(q, 0x8180, 1, 0);
	record(12, 1, 60, bad_address, 4);
	reply[1] ^= 1; /* ID */
	finish(q);
	reply[1] ^= 1;
	send_from(q, SECOND_SERVER, 53);
	send_from(q, q->server, 54);
	reply[13] ^= 2; /* question */
	finish(q);
	reply[13] ^= 2;
	reply[2] = 0; /* not an answer */
	finish(q);
	good(q);
}

static void answers_that_nobody_asked_for_are_overlooked(void **state)
{
	(void)state;
	uint64_t bad = resolver_counters().bad;
	answer = forged;
	ttl_s = 60;
	expect("www.example", 1);
	assert_int_equal(asked_count, 1);
	assert_int_equal(resolver_counters().bad - bad, 5);
}

static uint32_t soa_ttl;
static void negative(const struct query *q)
{
	uint8_t soa[22] = { 0 };
	bytes_store_u32(soa + 18, soa_ttl);
	begin(q, 0x8183, 0, 1);
	record(12, 6, 100000, soa, sizeof soa);
	finish(q);
}

static void absent_names_are_remembered_for_a_bounded_time(void **state)
{
	(void)state;
	answer = negative;
	soa_ttl = 10;
	expect("no.example", ERR_ABSENT);
	expect("no.example", ERR_ABSENT);
	assert_int_equal(asked_count, 1);
	world_advance(11 * SECOND);
	soa_ttl = 1000000;
	expect("no.example", ERR_ABSENT);
	world_advance((RESOLVER_NEGATIVE_MAX_S + 1) * SECOND);
	expect("no.example", ERR_ABSENT);
	assert_int_equal(asked_count, 3);
}

static void alias_to_x(const struct query *q)
{
	if (q->bytes[12] == 1) { /* "x": the target */
		good(q);
		return;
	}
	begin(q, 0x8180, 2, 0);
	record(12, 5, 60, "\1x", 3);
	record(12, 1, 60, bad_address, 0); /* an address of no size says nothing */
	finish(q);
}

static void alias_to_itself(const struct query *q)
{
	begin(q, 0x8180, 1, 0);
	record(12, 5, 60, "\xc0\x0c", 2);
	finish(q);
}

static void chains_are_followed_and_loops_end(void **state)
{
	(void)state;
	ttl_s = 60;
	answer = alias_to_x;
	expect("www.example", 1);
	assert_int_equal(asked_count, 2);
	answer = alias_to_itself;
	expect("loop.example", ERR_ABSENT);
	assert_int_equal(asked_count, 3);
}

static void pointer_loop(const struct query *q)
{
	begin(q, 0x8180, 1, 0);
	record((uint16_t)out.at, 1, 60, ten, 4);
	finish(q);
}

static void too_short(const struct query *q)
{
	begin(q, 0x8180, 9, 0);
	record(12, 1, 60, ten, 4);
	finish(q);
}

static void server_failure(const struct query *q)
{
	begin(q, 0x8182, 0, 0);
	finish(q);
}

static void what_does_not_parse_or_says_no_leads_to_the_next_server(void **state)
{
	(void)state;
	void (*const all[])(const struct query *) = { pointer_loop, too_short, server_failure };
	for (unsigned n = 0; n < 3; n++) {
		asked_count = 0;
		answer = all[n];
		uint64_t start = world_now();
		expect("www.example", ERR_TIMEOUT);
		assert_int_equal(asked_count, 2);
		assert_true(world_now() - start < SECOND);
	}
}

static void tasks_that_ask_for_one_name_share_the_query(void **state)
{
	(void)state;
	nested = 1;
	ttl_s = 60;
	answer = good;
	expect("www.example", 1);
	assert_int_equal(asked_count, 1);
}

static void the_least_recently_used_of_256_names_goes(void **state)
{
	(void)state;
	char name[16];
	answer = good;
	ttl_s = 60;
	for (unsigned n = 0; n <= RESOLVER_CACHE_MAX; n++) {
		snprintf(name, sizeof name, "n%u.example", n);
		expect(name, 1);
		expect("n0.example", 1);
	}
	assert_int_equal(asked_count, RESOLVER_CACHE_MAX + 1);
	expect("n2.example", 1);
	assert_int_equal(asked_count, RESOLVER_CACHE_MAX + 1);
	expect("n1.example", 1);
	assert_int_equal(asked_count, RESOLVER_CACHE_MAX + 2);
}

int main(void)
{
#define T(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_name_is_asked_for_once_while_its_ttl_lasts),
		T(giant_ttls_are_bounded),
		T(texts_that_are_no_names_are_refused_and_quads_are_not_asked_for),
		T(the_next_server_is_asked_and_all_of_them_twice),
		T(without_servers_nobody_can_be_asked),
		T(the_manifests_servers_come_before_dhcps),
		T(answers_that_nobody_asked_for_are_overlooked),
		T(absent_names_are_remembered_for_a_bounded_time),
		T(chains_are_followed_and_loops_end),
		T(what_does_not_parse_or_says_no_leads_to_the_next_server),
		T(tasks_that_ask_for_one_name_share_the_query),
		T(the_least_recently_used_of_256_names_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
