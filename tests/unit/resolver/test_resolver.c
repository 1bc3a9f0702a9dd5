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
#include <core/heap.h>
#include <net/resolver.h>
#include <net/resolver/internal.h>

#define SECOND_SERVER 0x0a00000au

static struct query {
	uint16_t id, port;
	uint32_t server;
	uint8_t bytes[512];
	uint32_t size;
	bool edns;
	struct packet packet;
} asked[64];
static uint32_t asked_count;
static void (*answer)(const struct query *);
static uint32_t nested;

static bool serve(uint64_t deadline)
{
	struct packet p, in;
	bool any = false;

	if (nested) { /* another task asks for the same name, and has no time */
		struct net_address to;
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
		q->packet = p;
		q->server = bytes_load_u32(p.bytes + 30);
		q->port = bytes_load_u16(p.bytes + 34);
		q->size = bytes_load_u16(p.bytes + 38) - 8u;
		assert_in_range(q->size, 12, sizeof q->bytes);
		memcpy(q->bytes, p.bytes + 42, q->size);
		q->id = bytes_load_u16(q->bytes);
		q->edns = q->bytes[11];
		if (q->edns) { /* answers repeat the question alone */
			q->size -= RESOLVER_OPT_SIZE;
			q->bytes[11] = 0;
		}
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
	resolver_use((struct net_address[]){ net_ip4(PEER) }, 1);
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
	struct net_address to[8];
	assert_int_equal(resolver_lookup(name, to, 8, world_now() + 60 * SECOND), result);
	if (result == 1)
		assert_int_equal(net_ip4_of(to[0]), TEN);
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
	resolver_use((struct net_address[]){ net_ip4(PEER), net_ip4(SECOND_SERVER) }, 2);
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
	resolver_use((struct net_address[]){ net_ip4(SECOND_SERVER) }, 1);
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
		expect("www.example", ERR_FAILED);
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

static void what_is_remembered_is_bounded_in_bytes_and_the_least_recently_used_goes(void **state)
{
	(void)state;
	enum { NAMES = 10 };
	char name[16];
	struct resolver_key key = { .type = RESOLVER_A };
	struct resolver_set set;
	answer = good;
	ttl_s = 60;
	/* Nine of 66 bytes fit, and a tenth does not. */
	assert_true(resolver_name_parse(&key.name, "n0.example"));
	resolver_set_options(&(struct resolver_options){ .cache_bytes = 650 });
	for (unsigned n = 0; n < NAMES; n++) {
		snprintf(name, sizeof name, "n%u.example", n);
		expect(name, 1);
		expect("n0.example", 1);
	}
	assert_int_equal(asked_count, NAMES);
	assert_int_equal(resolver_cache_get(&key, &set), RESOLVER_FRESH);
	expect("n9.example", 1);
	assert_int_equal(asked_count, NAMES);
	expect("n1.example", 1);
	assert_int_equal(asked_count, NAMES + 1);
	resolver_set_options(&(struct resolver_options){ .cache_bytes = 64u << 10 });
}

static void dead(const struct query *q)
{
	if (q->server != PEER)
		good(q);
}

static void a_dead_first_server_costs_its_time_once_and_not_each_name(void **state)
{
	(void)state;
	resolver_use((struct net_address[]){ net_ip4(PEER), net_ip4(SECOND_SERVER) }, 2);
	answer = dead;
	ttl_s = 60;
	uint64_t start = world_now();
	expect("a.example", 1);
	expect("b.example", 1);
	expect("c.example", 1);
	assert_true(world_now() - start < 2 * SECOND);
	assert_int_equal(asked_count, 4);
	world_advance(31 * SECOND); /* it may have come back */
	asked_count = 0;
	expect("d.example", 1);
	assert_int_equal(asked[0].server, PEER);
}

static void refusal(const struct query *q)
{
	if (q->server != PEER) {
		good(q);
		return;
	}
	begin(q, 0x8185, 0, 0);
	finish(q);
}

static void a_server_that_refuses_is_asked_last(void **state)
{
	(void)state;
	resolver_use((struct net_address[]){ net_ip4(PEER), net_ip4(SECOND_SERVER) }, 2);
	answer = refusal;
	ttl_s = 60;
	expect("a.example", 1);
	expect("b.example", 1);
	assert_int_equal(asked_count, 3);
}

static void no_such_port(const struct query *q)
{
	if (q->server != PEER) {
		good(q);
		return;
	}
	struct packet p = packet_icmp_about(&q->packet, 3, 3);
	assert_true(world_receive(&p));
}

static void a_server_that_is_not_there_costs_no_time_if_its_host_says_so(void **state)
{
	(void)state;
	resolver_use((struct net_address[]){ net_ip4(PEER), net_ip4(SECOND_SERVER) }, 2);
	answer = no_such_port;
	ttl_s = 60;
	uint64_t start = world_now();
	expect("a.example", 1);
	expect("b.example", 1);
	assert_int_equal(asked_count, 3);
	resolver_use((struct net_address[]){ net_ip4(PEER) }, 1);
	expect("c.example", ERR_UNREACHABLE);
	assert_true(world_now() - start < SECOND / 2);
}

static void server_failure(const struct query *);

static void silence_refusal_and_failure_are_told_apart(void **state)
{
	(void)state;
	answer = silent;
	expect("a.example", ERR_TIMEOUT);
	answer = refusal;
	expect("a.example", ERR_REFUSED);
	answer = server_failure;
	expect("a.example", ERR_FAILED);
}

static void without_edns(const struct query *q)
{
	if (!q->edns) {
		good(q);
		return;
	}
	begin(q, 0x8181, 0, 0); /* FORMERR */
	if (q->bytes[13] == 'b') {
		bytes_store_u16(reply + 4, 0); /* a head alone */
		out.at = 12;
	}
	finish(q);
}

static void a_server_that_does_not_know_edns_is_asked_without_and_that_is_remembered(void **state)
{
	(void)state;
	answer = without_edns;
	ttl_s = 60;
	expect("a.example", 1);
	assert_int_equal(asked_count, 2);
	assert_true(asked[0].edns && !asked[1].edns);
	expect("c.example", 1);
	assert_int_equal(asked_count, 3);
	resolver_forget();
	expect("b.example", 1);
	assert_int_equal(asked_count, 5);
}

static void localhost_is_never_asked_for(void **state)
{
	struct resolver_records *r;
	struct net_address to;
	(void)state;
	answer = silent;
	assert_int_equal(resolver_lookup("localhost", &to, 1, 0), 1);
	assert_int_equal(net_ip4_of(to), 0x7f000001);
	assert_int_equal(resolver_lookup("a.LocalHost.", &to, 1, 0), 1);
	assert_int_equal(net_ip4_of(to), 0x7f000001);
	assert_int_equal(resolver_query("localhost", RESOLVER_AAAA, &r, 0), OK);
	assert_int_equal(r->count, 1);
	assert_int_equal(r->at[0].aaaa[15], 1);
	heap_free(r);
	assert_int_equal(resolver_query("localhost", RESOLVER_MX, &r, 0), ERR_ABSENT);
	assert_int_equal(asked_count, 0);
	assert_int_equal(resolver_lookup("xlocalhost", &to, 1, world_now() + 1), ERR_TIMEOUT);
	assert_int_equal(asked_count, 1);
}

static void old_answers_are_better_than_none_within_a_bound(void **state)
{
	(void)state;
	answer = good;
	ttl_s = 60;
	expect("www.example", 1);
	world_advance(61 * SECOND);
	answer = silent;
	uint64_t stale = resolver_counters().stale;
	expect("www.example", 1);
	assert_int_equal(resolver_counters().stale - stale, 1);
	uint32_t before = asked_count; /* and no waiting for a while */
	expect("www.example", 1);
	assert_int_equal(asked_count, before);
	world_advance(86500 * SECOND);
	expect("www.example", ERR_TIMEOUT);
}

static void not_answered(const struct query *q)
{
	begin(q, 0x8183, 0, 0);
	finish(q);
}

static void only_in_domain(const struct query *q)
{
	if (memcmp(q->bytes + 12, "\3www\4corp", 9) == 0)
		good(q);
	else
		not_answered(q);
}

static void names_without_a_dot_are_looked_for_in_dhcps_domain_first(void **state)
{
	(void)state;
	strcpy(world.interface->dhcp.lease.domain_name, "corp.example");
	answer = only_in_domain;
	ttl_s = 60;
	expect("www", 1);
	assert_int_equal(asked_count, 1);
	expect("web", ERR_ABSENT);
	assert_int_equal(asked_count, 3); /* with the domain, then as it is */
	expect("www.", ERR_ABSENT);
	assert_int_equal(asked_count, 4);
}

/* The last byte of the question's type picks what comes. */
static void many_types(const struct query *q)
{
	uint8_t type = q->bytes[q->size - 3], data[64] = { 0 };
	switch (type) {
	case RESOLVER_MX:
		begin(q, 0x8180, 3, 0);
		record(12, 15, 60, "\0\24\2M2\300\14", 7);
		record(12, 15, 60, "\0\12\2m1\0", 6);
		record(12, 15, 60, "\0", 1); /* too short: left away */
		break;
	case RESOLVER_SRV:
		begin(q, 0x8180, 3, 0);
		record(12, 33, 60, "\0\2\0\0\0\65\1b\0", 9);
		record(12, 33, 60, "\0\1\0\7\0\120\1a\300\14", 10);
		record(12, 33, 60, "\0\1\0\0\0\121\1z\0", 9);
		break;
	case RESOLVER_TXT:
		begin(q, 0x8180, 2, 0);
		record(12, 16, 60, "\3v=s\2pf", 7);
		record(12, 16, 60, "\11short", 6); /* its length lies */
		break;
	case RESOLVER_AAAA:
		begin(q, 0x8180, 2, 0);
		data[0] = 0x20, data[15] = 7;
		record(12, 28, 60, data, 16);
		record(12, 28, 60, data, 15);
		break;
	case RESOLVER_PTR:
		assert_memory_equal(q->bytes + 12, "\00210\0012\0010\003192\7in-addr\4arpa", 26);
		begin(q, 0x8180, 1, 0);
		record(12, 12, 60, "\5a.b\\\t\0", 7);
		break;
	}
	finish(q);
}

static void records_of_other_types(void **state)
{
	struct resolver_records *r;
	uint64_t until = world_now() + 10 * SECOND;
	(void)state;
	answer = many_types;
	assert_int_equal(resolver_query("x", RESOLVER_MX, &r, until), OK);
	assert_int_equal(r->count, 2);
	assert_int_equal(r->at[0].preference, 10);
	assert_string_equal(r->at[0].name, "m1");
	assert_string_equal(r->at[1].name, "M2.x");
	heap_free(r);
	unsigned first = 0;
	for (unsigned n = 0; n < 64; n++) {
		assert_int_equal(resolver_query("x", RESOLVER_SRV, &r, until), OK);
		assert_int_equal(r->count, 3);
		first += r->at[0].port == 80;
		assert_int_equal(r->at[0].port + r->at[1].port, 161);
		assert_string_equal(r->at[r->at[0].port == 80 ? 0 : 1].name, "a.x");
		assert_int_equal(r->at[2].port, 53);
		heap_free(r);
	}
	assert_in_range(first, 45, 64); /* seven in eight, as the weights say */
	assert_int_equal(resolver_query("x", RESOLVER_TXT, &r, until), OK);
	assert_int_equal(r->count, 1);
	assert_int_equal(r->at[0].size, 5);
	assert_string_equal(r->at[0].text, "v=spf");
	heap_free(r);
	assert_int_equal(resolver_query("x", RESOLVER_AAAA, &r, until), OK);
	assert_int_equal(r->count, 1);
	assert_int_equal(r->at[0].aaaa[0], 0x20);
	assert_int_equal(r->at[0].aaaa[15], 7);
	heap_free(r);
	assert_int_equal(resolver_query("192.0.2.10", RESOLVER_PTR, &r, until), OK);
	assert_string_equal(r->at[0].name, "a\\.b\\\\\\009");
	heap_free(r);
	assert_int_equal(asked_count, 5); /* each is remembered by its type */
	assert_int_equal(resolver_query("x", 255, &r, until), ERR_INVALID);
	assert_null(r);
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
		T(what_is_remembered_is_bounded_in_bytes_and_the_least_recently_used_goes),
		T(a_dead_first_server_costs_its_time_once_and_not_each_name),
		T(a_server_that_refuses_is_asked_last),
		T(a_server_that_is_not_there_costs_no_time_if_its_host_says_so),
		T(silence_refusal_and_failure_are_told_apart),
		T(a_server_that_does_not_know_edns_is_asked_without_and_that_is_remembered),
		T(localhost_is_never_asked_for),
		T(old_answers_are_better_than_none_within_a_bound),
		T(names_without_a_dot_are_looked_for_in_dhcps_domain_first),
		T(records_of_other_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
