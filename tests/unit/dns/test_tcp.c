/* SPDX-License-Identifier: ISC */
/* DNS over TCP, over the TCP of HTTP's tests (fake.h): order, cuts, bounds, idle time,
 * back-pressure, transfers. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/bytes.h>
#include <core/error.h>

#include <app/dns/tcp.h>

#include "../http/fake.h"

#define FRIEND    0x0a000001u
#define STRANGER  0x0a000102u
#define TRANSFERS DNS_TCP_TRANSFERS /* at once */
#define OUT_ROOM  70000u            /* a whole answer must fit before a query is taken */
#define SOA       "AN e. 60 SOA ns.e. h.e. 1 2 3 4 5\n"

static struct world w;
static struct dns_counters counters;
static bool opened;

static const char small[] =
        "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.2\n";

/* The server lives as long as an image does: one for all tests, each of which leaves it without
 * connections. */
static void open_server(void)
{
	const struct dns_policy policy = { 0 };
	struct dns_allow allow;
	size_t room = 1 << 20, at = sizeof small - 1;
	char *zone = malloc(room);

	assert_non_null(zone);
	memcpy(zone, small, sizeof small);
	for (unsigned n = 0; n < 12000; n++)
		at += (size_t)snprintf(zone + at, room - at, "h%u A 10.1.%u.%u\n", n, n / 250,
		                       n % 250);
	world_open(&w, (const char *const[]){ "e.", small, "big.", zone, NULL });
	free(zone);
	fake_start();
	assert_true(dns_allow_parse(&allow, "10.0.0.0/24"));
	assert_int_equal(dns_tcp_serve(&w.db, &policy, &allow, &counters, NULL, 1, NULL, NULL),
	                 ERR_EXISTS);
	assert_int_equal(fake.allocated, 0);
	assert_int_equal(dns_tcp_serve(&w.db, &policy, &allow, &counters, NULL, 53, NULL, NULL),
	                 OK);
	opened = true;
}

static long before;

static int setup(void **state)
{
	(void)state;
	if (!opened)
		open_server();
	memset(&counters, 0, sizeof counters);
	before = fake.allocated;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake.memory_fails = false;
	fake_advance(60 * SECOND); /* whoever is still there is idle */
	if (fake.allocated != before) {
		fprintf(stderr, "%ld blocks are left\n", fake.allocated - before);
		return -1;
	}
	return 0;
}

static uint32_t put_query(uint8_t *to, const char *query)
{
	uint32_t size = world_query(to + 2, query);
	bytes_store_u16(to, (uint16_t)size);
	return size + 2;
}

static void ask(struct tcp_connection *c, const char *query)
{
	uint8_t bytes[600];
	fake_queue(c, bytes, put_query(bytes, query));
}

/* The n-th message that came out, as text. Null: there are not so many. */
static const char *answered(const struct tcp_connection *c, uint32_t n)
{
	static char text[1 << 20];
	const uint8_t *out = (const uint8_t *)c->out;
	uint64_t at = 0;

	for (;; n--) {
		if (c->out_size - at < 2 || c->out_size - at - 2 < bytes_load_u16(out + at))
			return NULL;
		uint32_t size = bytes_load_u16(out + at);
		if (n == 0) {
			world_render(text, sizeof text, out + at + 2, size);
			return text;
		}
		at += 2u + size;
	}
}

static uint32_t answers(const struct tcp_connection *c)
{
	const uint8_t *out = (const uint8_t *)c->out;
	uint32_t n = 0;
	for (uint64_t at = 0; at < c->out_size; n++) {
		at += 2u + bytes_load_u16(out + at);
		assert_true(at <= c->out_size);
	}
	return n;
}

/* Records in all messages that came out. */
static uint32_t records(const struct tcp_connection *c)
{
	const uint8_t *out = (const uint8_t *)c->out;
	uint32_t n = 0;
	for (uint64_t at = 0; at < c->out_size; at += 2u + bytes_load_u16(out + at))
		n += bytes_load_u16(out + at + 2 + 6);
	return n;
}

#define BIG_RECORDS (12000u + 5u)

/* ---- Queries ---- */

static void queries_are_answered_in_their_order_however_they_are_cut(void **state)
{
	(void)state;
	static const char *const queries[] = { "www.e. A",  "ns.e. A edns=1232", "none.e. A",
		                               "e. SOA",    "other. A",          "e. NS edns=4096",
		                               "h17.big. A" };
	static uint8_t stream[300 * 80], response[4096];
	uint64_t seed = 11;
	for (unsigned round = 0; round < 12; round++) {
		struct tcp_connection *c = fake_accept();
		uint32_t size = 0, at = 0;
		for (unsigned n = 0; n < 200; n++)
			size += put_query(stream + size, queries[n % 7]);
		while (at < size) {
			uint32_t n = 1 + world_random(&seed) % (round == 0  ? 1
			                                        : round % 2 ? 9
			                                                    : 700);
			n = n < size - at ? n : size - at;
			fake_queue(c, stream + at, n);
			at += n;
		}
		fake_run(c);
		assert_int_equal(answers(c), 200);
		w.responder.policy.stream = true;
		const uint8_t *out = (const uint8_t *)c->out;
		for (unsigned n = 0; n < 200; n++) {
			uint32_t length = world_ask(&w, queries[n % 7], response);
			assert_int_equal(bytes_load_u16(out), length);
			assert_memory_equal(out + 2, response, length);
			out += 2 + length;
		}
		fake_queue_fin(c);
		fake_run(c);
	}
	assert_int_equal(counters.queries, 12 * 200);
}

static void what_is_no_query_gets_no_answer(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept();
	fake_queue(c, "\0\0\0\1x\0\14\0\1\200\0\0\1\0\0\0\0\0\0",
	           19); /* empty; one byte; a response */
	ask(c, "www.e. A");
	fake_run(c);
	assert_int_equal(answers(c), 1);
	assert_int_equal(counters.dropped, 3);
	assert_true(fake_open(c));
}

static void queries_that_are_too_long_end_the_connection(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept();
	fake_queue(c, "\5\335", 2); /* 1501 */
	fake_run(c);
	assert_true(c->aborted);
	assert_int_equal(answers(c), 0);
}

static void the_clients_end_comes_after_its_answers(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept();
	ask(c, "www.e. A");
	ask(c, "ns.e. A");
	fake_queue_fin(c);
	fake_run(c);
	assert_int_equal(answers(c), 2);
	assert_true(c->closed);
}

/* ---- Bounds ---- */

static void idle_connections_are_closed(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept();
	fake_advance(DNS_TCP_IDLE_NS - SECOND);
	ask(c, "www.e. A");
	fake_run(c);
	fake_advance(DNS_TCP_IDLE_NS - SECOND);
	assert_true(fake_open(c));
	fake_advance(2 * SECOND);
	assert_true(c->closed);
}

static void single_bytes_do_not_keep_a_connection(void **state)
{
	(void)state;
	uint8_t bytes[600];
	struct tcp_connection *c = fake_accept();
	put_query(bytes, "www.e. A");
	for (unsigned n = 0; n < 11 && !c->aborted; n++) {
		fake_queue(c, bytes + n, 1);
		fake_run(c);
		fake_advance(SECOND);
	}
	assert_true(c->aborted);
}

static void an_address_has_16_connections_and_all_have_256(void **state)
{
	(void)state;
	struct tcp_connection *first = NULL;
	for (uint32_t n = 0; n < DNS_TCP_CONNECTIONS; n++) {
		struct tcp_connection *c = fake_accept_from(STRANGER + n / DNS_TCP_PER_ADDRESS);
		assert_non_null(c);
		fake_queue(c, "", 1); /* a query begins */
		fake_run(c);
		first = first ? first : c;
		if (n == DNS_TCP_PER_ADDRESS)
			assert_null(fake_accept_from(STRANGER));
	}
	assert_null(fake_accept_from(FRIEND));
	fake_queue_fin(first);
	fake_run(first);
	first = fake_accept_from(STRANGER);
	assert_non_null(first);
	fake_queue(first, "", 1);
	fake_run(first);
	assert_null(fake_accept_from(FRIEND));
}

/* RFC 7766 §6.2.3. Of one address, too. */
static void idle_connections_do_not_keep_others_out(void **state)
{
	(void)state;
	struct tcp_connection *c[DNS_TCP_CONNECTIONS];
	for (uint32_t n = 0; n < DNS_TCP_CONNECTIONS; n++)
		c[n] = fake_accept_from(STRANGER + n / DNS_TCP_PER_ADDRESS);
	ask(c[0], "www.e. A");
	fake_run(c[0]);
	struct tcp_connection *friend = fake_accept_from(FRIEND);
	assert_non_null(friend);
	ask(friend, "www.e. A");
	fake_run(friend);
	assert_int_equal(answers(friend), 1);
	assert_true(c[1]->aborted && fake_open(c[0]) && fake_open(c[2])); /* c[0] has asked */
	struct tcp_connection *same = fake_accept_from(STRANGER + 3);
	assert_non_null(same);
	assert_true(c[3 * DNS_TCP_PER_ADDRESS]->aborted && fake_open(c[2]));
}

static void without_memory_connections_are_refused(void **state)
{
	(void)state;
	fake.memory_fails = true;
	assert_null(fake_accept());
}

static void who_does_not_read_is_not_read_from(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept(), *other = fake_accept();
	c->out_room = 4 * 65537;
	c->stalled = true;
	for (unsigned n = 0; n < 6000; n++)
		ask(c, "e. NS");
	fake_run(c);
	uint32_t got = answers(c);
	assert_true(got > 1000 && got < 6000);
	assert_true(c->out_size <= c->out_room);
	ask(other, "www.e. A"); /* the others are served */
	fake_run(other);
	assert_int_equal(answers(other), 1);
	c->stalled = false;
	fake_run(c);
	assert_int_equal(answers(c), 6000);
}

static void who_never_reads_is_cut_off(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept();
	c->out_room = 4 * 65537;
	c->stalled = true;
	for (unsigned n = 0; n < 6000; n++)
		ask(c, "e. NS");
	fake_run(c);
	fake_advance(DNS_TCP_IDLE_NS + SECOND);
	assert_true(c->aborted);
}

/* ---- Transfers ---- */

static void strangers_are_refused_zones(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(STRANGER);
	ask(c, "e. AXFR");
	ask(c, "www.e. A");
	fake_run(c);
	assert_string_equal(answered(c, 0), "REFUSED\n");
	assert_int_equal(answers(c), 2);
	assert_int_equal(counters.rcodes[5], 1);
	assert_int_equal(counters.transfers, 0);
}

static void friends_get_zones_and_nothing_else_that_is_none(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(FRIEND);
	ask(c, "e. AXFR");
	ask(c, "www.e. AXFR");
	ask(c, "elsewhere. AXFR");
	ask(c, "e. IXFR");
	ask(c, "e. AXFR CH");
	fake_run(c);
	assert_string_equal(
	        answered(c, 0),
	        "NOERROR aa\n" SOA
	        "AN e. 60 NS ns.e.\nAN ns.e. 60 A 192.0.2.1\nAN www.e. 60 A 192.0.2.2\n" SOA);
	assert_string_equal(answered(c, 1), "RCODE9\n");
	assert_string_equal(answered(c, 2), "RCODE9\n");
	assert_string_equal(answered(c, 3), "REFUSED\n");
	assert_string_equal(answered(c, 4), "REFUSED\n");
	assert_int_equal(counters.transfers, 1);
	assert_int_equal(counters.rcodes[9], 2);
}

static void queries_behind_a_transfer_wait_for_its_end(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(FRIEND);
	c->out_room = OUT_ROOM;
	ask(c, "big. AXFR");
	ask(c, "www.e. A");
	ask(c, "e. AXFR");
	ask(c, "ns.e. A");
	fake_run(c);
	assert_int_equal(records(c), BIG_RECORDS + 1 + 5 + 1);
	assert_int_equal(counters.transfers, 2);
	assert_int_equal(counters.failed, 0);
	fake_queue_fin(c);
	fake_run(c);
	assert_true(c->closed);
}

static void a_transfer_is_made_as_it_is_read(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(FRIEND), *other = fake_accept_from(FRIEND);
	c->out_room = OUT_ROOM;
	c->stalled = true;
	ask(c, "big. AXFR");
	fake_run(c);
	assert_int_equal(c->out_size, OUT_ROOM); /* and a message beside: no more is there of it */
	ask(other, "www.e. A");
	ask(other, "e. AXFR");
	fake_run(other);
	assert_int_equal(records(other), 1 + 5);
	assert_int_equal(c->out_size, OUT_ROOM);
	uint64_t most = 0;
	c->stalled = false;
	while (counters.transfers < 2) { /* a turn at a time: never more than TCP's room */
		uint64_t size = c->out_size;
		fake_turn();
		most = c->out_size - size > most ? c->out_size - size : most;
		assert_true(c->out_size > size || counters.transfers == 2);
	}
	assert_true(most <= OUT_ROOM);
	assert_int_equal(records(c), BIG_RECORDS);
}

static void a_query_amid_a_transfer_waits_though_there_is_room(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(FRIEND);
	c->out_room = 2 * OUT_ROOM;
	c->stalled = true;
	ask(c, "big. AXFR");
	fake_run(c);
	assert_int_equal(c->out_size, 2 * OUT_ROOM); /* within a message */
	c->acknowledged = OUT_ROOM;
	ask(c, "www.e. A");
	fake_run(c);
	assert_int_equal(c->out_size, 2 * OUT_ROOM);
	c->stalled = false;
	fake_run(c);
	assert_int_equal(records(c), BIG_RECORDS + 1);
}

static void who_stops_reading_a_transfer_is_cut_off(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(FRIEND);
	c->out_room = OUT_ROOM;
	c->stalled = true;
	ask(c, "big. AXFR");
	fake_run(c);
	fake_advance(DNS_TCP_IDLE_NS + SECOND);
	assert_true(c->aborted);
	assert_int_equal(counters.transfers, 0);
}

static void who_reads_a_transfer_slowly_is_not(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(FRIEND);
	c->out_room = OUT_ROOM;
	c->stalled = true;
	ask(c, "big. AXFR");
	fake_run(c);
	for (unsigned n = 0; n < 100 && !counters.transfers; n++) {
		fake_advance(DNS_TCP_IDLE_NS - SECOND);
		assert_true(fake_open(c));
		c->stalled = false;
		fake_turn();
		c->stalled = true;
	}
	assert_int_equal(records(c), BIG_RECORDS);
}

/* Each acknowledges something in time, and so would keep its turn from others for ever. */
static void who_reads_a_transfer_byte_by_byte_does_not_keep_its_turn(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(FRIEND);
	c->out_room = OUT_ROOM;
	c->rate = 1;
	ask(c, "big. AXFR");
	fake_run(c);
	for (unsigned n = 0; n < 60 && fake_open(c); n++)
		fake_advance(DNS_TCP_IDLE_NS - SECOND);
	assert_true(c->aborted);
	assert_int_equal(counters.transfers, 0);
}

static void a_client_may_end_its_side_during_a_transfer(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(FRIEND);
	c->out_room = OUT_ROOM;
	ask(c, "big. AXFR");
	fake_queue_fin(c);
	fake_run(c);
	assert_int_equal(records(c), BIG_RECORDS);
	assert_true(c->closed);
}

static void a_reset_ends_a_transfer(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(FRIEND);
	c->out_room = OUT_ROOM;
	c->stalled = true;
	ask(c, "big. AXFR");
	fake_run(c);
	fake_queue_reset(c);
	fake_run(c);
	assert_int_equal(fake.allocated, before);
}

/* Clients that do not read theirs take all turns; then one more comes. */
static struct tcp_connection *take_all_turns(struct tcp_connection *c[TRANSFERS])
{
	for (uint32_t n = 0; n < TRANSFERS; n++) {
		c[n] = fake_accept_from(FRIEND + n);
		c[n]->out_room = OUT_ROOM;
		c[n]->stalled = true;
		ask(c[n], "big. AXFR");
		fake_run(c[n]);
	}
	struct tcp_connection *last = fake_accept_from(FRIEND + TRANSFERS);
	last->out_room = OUT_ROOM;
	return last;
}

static void the_fifth_transfer_at_once_waits_for_its_turn(void **state)
{
	(void)state;
	struct tcp_connection *c[TRANSFERS], *last = take_all_turns(c), *next;
	ask(last, "e. AXFR");
	ask(last, "www.e. A");
	fake_run(last);
	next = fake_accept_from(FRIEND + 10);
	ask(next, "nothing. AXFR");
	ask(next, "www.e. A");
	fake_run(next);
	assert_int_equal(answers(last), 0);
	assert_int_equal(answers(next), 0);
	c[0]->stalled = false;
	fake_run(c[0]);
	fake_advance(1);
	fake_run(last);
	fake_run(next);
	assert_int_equal(counters.transfers, 2);
	assert_int_equal(answers(last), 2);
	assert_non_null(strstr(answered(last, 0), SOA));
	assert_non_null(strstr(answered(last, 1), "AN www.e. 60 A 192.0.2.2\n"));
	assert_string_equal(answered(next, 0), "RCODE9\n");
	assert_int_equal(answers(next), 2);
	assert_int_equal(counters.queries, TRANSFERS + 4);
}

static void who_waits_for_a_turn_is_not_idle(void **state)
{
	(void)state;
	struct tcp_connection *c[TRANSFERS], *last = take_all_turns(c);
	ask(last, "e. AXFR");
	fake_run(last);
	fake_advance(6 * SECOND);
	for (uint32_t n = 0; n < TRANSFERS; n++) { /* they read on, a little */
		c[n]->out_room += OUT_ROOM;
		c[n]->stalled = false;
		fake_run(c[n]);
	}
	fake_advance(6 * SECOND);
	assert_true(fake_open(last));
	fake_advance(30 * SECOND); /* they stop, and are cut off: there is room */
	fake_run(last);
	assert_non_null(strstr(answered(last, 0), SOA));
}

static void who_waits_for_a_turn_may_go(void **state)
{
	(void)state;
	struct tcp_connection *c[TRANSFERS], *last = take_all_turns(c);
	ask(last, "e. AXFR");
	fake_queue_fin(last);
	fake_run(last);
	assert_true(fake_open(last)); /* it has ended its side alone */
	struct tcp_connection *reset = fake_accept_from(FRIEND + 20);
	ask(reset, "e. AXFR");
	fake_queue_reset(reset);
	fake_run(reset);
	c[0]->stalled = false;
	fake_run(c[0]);
	fake_advance(1);
	fake_run(last);
	assert_non_null(strstr(answered(last, 0), SOA));
	assert_false(fake_open(last));
	assert_int_equal(counters.transfers, 2);
}

static void tells_how_long_a_connection_may_be_idle(void **state) /* RFC 7828 */
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(STRANGER);
	ask(c, "www.e. A edns=1232 keepalive");
	fake_run(c);
	assert_non_null(strstr(answered(c, 0), "AR OPT 1232 ext=0 version=0 000b00020064\n"));
}

static void without_memory_a_transfer_fails_and_the_connection_stays(void **state)
{
	(void)state;
	struct tcp_connection *c = fake_accept_from(FRIEND);
	fake.memory_fails = true;
	ask(c, "e. AXFR");
	ask(c, "www.e. A");
	fake_run(c);
	fake.memory_fails = false;
	assert_string_equal(answered(c, 0), "SERVFAIL\n");
	assert_int_equal(answers(c), 2);
	assert_true(fake_open(c));
}

int main(void)
{
#define T(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(queries_are_answered_in_their_order_however_they_are_cut),
		T(what_is_no_query_gets_no_answer),
		T(queries_that_are_too_long_end_the_connection),
		T(the_clients_end_comes_after_its_answers),
		T(idle_connections_are_closed),
		T(single_bytes_do_not_keep_a_connection),
		T(an_address_has_16_connections_and_all_have_256),
		T(idle_connections_do_not_keep_others_out),
		T(without_memory_connections_are_refused),
		T(who_does_not_read_is_not_read_from),
		T(who_never_reads_is_cut_off),
		T(strangers_are_refused_zones),
		T(friends_get_zones_and_nothing_else_that_is_none),
		T(queries_behind_a_transfer_wait_for_its_end),
		T(a_transfer_is_made_as_it_is_read),
		T(a_query_amid_a_transfer_waits_though_there_is_room),
		T(who_stops_reading_a_transfer_is_cut_off),
		T(who_reads_a_transfer_slowly_is_not),
		T(who_reads_a_transfer_byte_by_byte_does_not_keep_its_turn),
		T(a_client_may_end_its_side_during_a_transfer),
		T(a_reset_ends_a_transfer),
		T(the_fifth_transfer_at_once_waits_for_its_turn),
		T(who_waits_for_a_turn_is_not_idle),
		T(who_waits_for_a_turn_may_go),
		T(tells_how_long_a_connection_may_be_idle),
		T(without_memory_a_transfer_fails_and_the_connection_stays),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (opened)
		world_close(&w);
	fake_stop();
	return failed;
}
