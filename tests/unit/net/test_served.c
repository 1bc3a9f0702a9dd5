/* SPDX-License-Identifier: ISC */
/* Served connections over the TCP of HTTP's tests (../http/fake.h): a protocol of single bytes, whose tests act through
 * tcp_served.h as a protocol would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <core/clock.h>
#include <core/error.h>
#include <net/tcp_served.h>

#include "../http/fake.h"

struct client {
	struct tcp_served served;
	bool crowded_speaks;
};

static struct tcp_server server;
static struct client *newest;
static uint32_t births, ends, told_stopping, expirations, reports, left;
static char got[64];

static struct client *of(struct tcp_served *c)
{
	return container_of(c, struct client, served);
}

static bool opened(struct tcp_served *c)
{
	newest = of(c);
	births++;
	return true;
}

/* d: drop; e: end; c: close; s: drop soon; b: busy for 5 s; o: 10 bytes a second owed after 3 s, which are all that follow;
 * i: idle; a: answers "a"; B: 100,000 bytes. */
static uint32_t received(struct tcp_served *c, const uint8_t *bytes, uint32_t size)
{
	static char big[100000];
	uint32_t at = 0;
	while (at < size && c->tcp && c->state != TCP_SERVED_LINGER) {
		if (c->rate) {
			c->got += size - at;
			return size;
		}
		if (tcp_served_full(c))
			return at;
		char b = (char)bytes[at++];
		size_t n = strlen(got);
		if (n + 1 < sizeof got)
			got[n] = b;
		if (b == 'd')
			tcp_served_drop(c);
		else if (b == 'e')
			tcp_served_end(c);
		else if (b == 'c')
			tcp_served_close(c);
		else if (b == 's')
			tcp_served_drop_soon(c);
		else if (b == 'b')
			tcp_served_busy(c, 5 * SECOND);
		else if (b == 'o')
			tcp_served_owed(c, 3 * SECOND, 10);
		else if (b == 'i')
			tcp_served_idle(c);
		else if (b == 'a')
			assert_int_equal(tcp_served_write(c, "a", 1), OK);
		else if (b == 'B' && tcp_served_write(c, big, sizeof big))
			assert_int_equal(tcp_served_write(c, "no", 2), OK);
	}
	return at;
}

static void expired(struct tcp_served *c)
{
	expirations++;
	tcp_served_drop(c);
}

static void crowded(struct tcp_served *c)
{
	if (of(c)->crowded_speaks) {
		tcp_served_write(c, "sorry", 5);
		tcp_served_end(c);
	}
}

static void stopping(struct tcp_served *c)
{
	(void)c;
	told_stopping++;
}

static void ended(struct tcp_served *c)
{
	assert_null(c->tcp);
	ends++;
}

static const struct tcp_served_protocol protocol = { .size = sizeof(struct client),
	                                             .opened = opened,
	                                             .received = received,
	                                             .expired = expired,
	                                             .crowded = crowded,
	                                             .stopping = stopping,
	                                             .ended = ended };

static void stopped(void *context, uint32_t n)
{
	assert_ptr_equal(context, &server);
	reports++;
	left = n;
}

static void start(const struct tcp_server_limits *l)
{
	assert_int_equal(tcp_server_open(&server, &protocol, NULL, 7, NULL, l), OK);
}

static int set_up(void **state)
{
	(void)state;
	fake_start();
	births = ends = told_stopping = expirations = reports = left = 0;
	memset(got, 0, sizeof got);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (!server.stopping)
		tcp_server_stop(&server, clock_now(), NULL, NULL);
	fake_advance(10 * SECOND);
	bool clean = !fake.allocated && births == ends && !server.counters.now && !server.charged;
	fake_stop();
	return clean ? 0 : -1;
}

static void say(struct tcp_connection *c, const char *text)
{
	fake_queue(c, text, strlen(text));
	fake_run(c);
}

static struct tcp_connection *come(const char *text)
{
	struct tcp_connection *c = fake_accept();
	assert_non_null(c);
	say(c, text);
	return c;
}

/* ---- Bounds ---- */

static void who_idles_for_longest_makes_room(void **state)
{
	(void)state;
	start(&(struct tcp_server_limits){ .connections_max = 3 });
	struct tcp_connection *a = come("b"), *b = come(""), *c = come("");
	say(b, "bi"); /* c is idle for longer now */
	struct tcp_connection *d = come("b");
	assert_true(c->aborted && fake_open(a) && fake_open(b) && fake_open(d));
	assert_int_equal(server.counters.made_room, 1);
	say(b, "b");
	assert_null(fake_accept()); /* all are busy */
	assert_int_equal(server.counters.refused, 1);
	assert_int_equal(server.counters.now, 3);
}

static void who_still_gets_his_answer_is_not_the_first_to_go(void **state)
{
	(void)state;
	start(&(struct tcp_server_limits){ .connections_max = 3 });
	struct tcp_connection *a = fake_accept();
	a->stalled = true;
	say(a, "a");
	struct tcp_connection *b = come("a"), *c = come("a");
	assert_non_null(fake_accept());
	assert_true(fake_open(a) && b->aborted && fake_open(c));
}

static void an_address_has_its_bound(void **state)
{
	(void)state;
	start(&(struct tcp_server_limits){ .per_address_max = 2 });
	struct tcp_connection *other = fake_accept_from(9), *a = fake_accept_from(1),
	                      *b = fake_accept_from(1);
	assert_non_null(fake_accept_from(1));
	assert_true(a->aborted && fake_open(b) && fake_open(other));
	say(b, "b");
	struct tcp_connection *c = fake_accept_from(1);
	assert_non_null(c);
	say(c, "b");
	assert_null(fake_accept_from(1));
	assert_non_null(fake_accept_from(2));
}

static void without_memory_who_comes_is_refused_and_counted(void **state)
{
	(void)state;
	start(NULL);
	fake.memory_fails = true;
	assert_null(fake_accept());
	fake.memory_fails = false;
	assert_int_equal(server.counters.refused, 1);
	assert_int_equal(server.counters.connections, 0);
}

/* ---- Times ---- */

static void who_idles_gets_fin_after_the_time_for_it(void **state)
{
	(void)state;
	start(&(struct tcp_server_limits){ .idle_ns = 20 * SECOND });
	struct tcp_connection *a = come("");
	fake_advance(19 * SECOND);
	say(a, "bi");
	fake_advance(19 * SECOND);
	assert_true(fake_open(a));
	fake_advance(2 * SECOND);
	assert_true(a->closed);
	assert_int_equal(server.counters.idled, 1);
}

static void idling_may_be_without_end(void **state)
{
	(void)state;
	start(&(struct tcp_server_limits){ .idle_ns = CLOCK_NEVER });
	struct tcp_connection *a = come("aa");
	fake_advance(100000 * SECOND);
	assert_true(fake_open(a));
	a->stalled = true; /* it is watched all the same */
	say(a, "a");
	fake_advance(121 * SECOND);
	assert_true(a->aborted);
}

static void who_is_busy_has_a_deadline(void **state)
{
	(void)state;
	start(NULL);
	struct tcp_connection *a = come("b");
	fake_advance(4 * SECOND);
	assert_int_equal(expirations, 0);
	fake_advance(2 * SECOND);
	assert_int_equal(expirations, 1);
	assert_true(a->aborted);
}

static void what_is_owed_has_to_come_at_its_rate(void **state)
{
	(void)state;
	start(NULL);
	struct tcp_connection *a = come("o"), *b = come("o");
	for (int k = 0; k < 60; k++) {
		say(a, "12345");
		if (k % 2)
			say(b, "1234");
		fake_advance(SECOND / 2);
		assert_true(fake_open(a));
	}
	assert_true(b->aborted);
	assert_int_equal(expirations, 1);
}

static void who_acknowledges_nothing_is_reset(void **state)
{
	(void)state;
	start(&(struct tcp_server_limits){ .stall_ns = 10 * SECOND });
	struct tcp_connection *a = fake_accept();
	a->stalled = true;
	say(a, "a");
	fake_advance(9 * SECOND);
	assert_true(fake_open(a));
	fake_advance(2 * SECOND);
	assert_true(a->aborted);
	assert_int_equal(server.counters.stalled, 1);
}

static void who_stops_after_a_while_is_reset_within_twice_the_time(void **state)
{
	(void)state;
	start(&(struct tcp_server_limits){ .stall_ns = 10 * SECOND });
	struct tcp_connection *a = fake_accept();
	a->stalled = true;
	say(a, "B");
	for (int k = 0; k < 50; k++) {
		fake_advance(4 * SECOND);
		a->acknowledged++;
		assert_true(fake_open(a));
	}
	fake_advance(9 * SECOND);
	assert_true(fake_open(a));
	fake_advance(11 * SECOND);
	assert_true(a->aborted);
}

static void a_steady_reader_has_all_the_time_it_needs(void **state)
{
	(void)state;
	static char bytes[3000000];
	start(&(struct tcp_server_limits){ .stall_ns = 10 * SECOND, .idle_ns = 5 * SECOND });
	struct tcp_connection *a = fake_accept();
	a->rate = 30000;
	a->out_room = 200000;
	for (uint32_t k = 0; k < sizeof bytes; k++)
		bytes[k] = (char)(k * 7 + k / 1000);
	assert_int_equal(tcp_served_write(&newest->served, bytes, sizeof bytes), OK);
	for (int k = 0; k < 1010; k++) {
		assert_true(fake_open(a));
		fake_advance(SECOND / 10);
	}
	assert_int_equal(a->out_size, sizeof bytes);
	assert_memory_equal(a->out, bytes, sizeof bytes);
	fake_advance(5 * SECOND);
	assert_true(a->closed); /* its time to idle began when it had everything */
}

/* ---- Answers ---- */

static void held_answers_keep_their_order(void **state)
{
	(void)state;
	start(NULL);
	struct tcp_connection *a = fake_accept();
	a->out_room = 10;
	a->stalled = true;
	struct tcp_served *c = &newest->served;
	assert_int_equal(tcp_served_write(c, "0123456789abc", 13), OK);
	assert_int_equal(tcp_served_write_static(c, "static", 6), OK);
	assert_int_equal(tcp_served_write(c, "last", 4), OK);
	assert_string_equal(a->out, "0123456789");
	assert_int_equal(server.charged, 17);
	tcp_served_end(c);
	fake_turn();
	assert_false(a->shut); /* FIN follows what is held */
	a->stalled = false;
	fake_run(a);
	assert_string_equal(a->out, "0123456789abcstaticlast");
	assert_true(a->shut);
	assert_int_equal(server.charged, 0);
}

static void who_does_not_read_is_not_read_from(void **state)
{
	(void)state;
	start(NULL);
	struct tcp_connection *a = fake_accept();
	a->stalled = true;
	say(a, "BBBBB");
	assert_string_equal(got, "B");
	a->stalled = false;
	fake_run(a);
	assert_string_equal(got, "BBBBB");
	assert_int_equal(a->out_size, 500000);
}

static void who_would_hold_memory_for_longest_goes_first(void **state)
{
	(void)state;
	start(&(struct tcp_server_limits){ .buffers_max = 350000 });
	struct tcp_connection *steady = fake_accept(), *stalled = fake_accept(),
	                      *slow = fake_accept();
	stalled->stalled = true;
	steady->rate = 50000;
	slow->rate = 100;
	say(steady, "B");
	say(stalled, "B");
	say(slow, "B");
	fake_advance(SECOND / 2);
	fake_advance(SECOND); /* steady has 75,000 */
	struct tcp_connection *a = fake_accept();
	a->stalled = true;
	say(a, "B");
	assert_int_equal(a->out_size, 100000);
	assert_true(fake_open(steady) && fake_open(slow) && fake_open(stalled));
	fake_advance(SECOND / 10);
	struct tcp_connection *b = fake_accept();
	b->stalled = true;
	say(b, "B");
	assert_true(stalled->aborted && fake_open(steady) && fake_open(slow) && fake_open(a));
	assert_int_equal(b->out_size, 100000);
	assert_int_equal(server.counters.crowded, 1);
	fake_advance(SECOND / 10);
	b = fake_accept();
	say(b, "B");
	assert_true(slow->aborted && fake_open(a));
}

static void who_finds_no_room_may_say_so(void **state)
{
	(void)state;
	start(&(struct tcp_server_limits){ .buffers_max = 150000 });
	struct tcp_connection *a = fake_accept(), *b = fake_accept();
	a->stalled = b->stalled = true;
	say(a, "B");
	say(b, "B"); /* nobody has shown a rate yet */
	assert_string_equal(b->out, "no");
	assert_true(fake_open(a) && fake_open(b));
	/* One who goes for his memory may speak, too. */
	fake_advance(2 * SECOND);
	struct tcp_connection *c = fake_accept();
	struct tcp_served *third = &newest->served;
	of(third)->crowded_speaks = true;
	assert_true(tcp_served_keep(third, 140000));
	fake_run(c);
	assert_true(a->aborted);
	fake_advance(2 * SECOND);
	assert_false(tcp_served_keep(third, 160000));
	fake_advance(SECOND / 50);
	struct tcp_connection *d = fake_accept();
	assert_true(tcp_served_keep(&newest->served, 100000));
	fake_run(d);
	assert_string_equal(c->out, "sorry");
	assert_true(c->shut && !c->aborted);
}

static void what_the_peer_has_acknowledged_does_not_count(void **state)
{
	(void)state;
	start(&(struct tcp_server_limits){ .buffers_max = 150000 });
	struct tcp_connection *a = fake_accept();
	a->stalled = true;
	say(a, "B");
	a->acknowledged = 90000; /* nobody is told of that */
	struct tcp_connection *b = come("B");
	assert_int_equal(b->out_size, 100000);
	assert_true(fake_open(a));
}

/* ---- Ends ---- */

static void a_callback_may_end_its_connection(void **state)
{
	(void)state;
	start(NULL);
	struct tcp_connection *a = come("dx"), *b = come("cx"), *c = come("ex"), *d = come("sx");
	assert_true(a->aborted && b->closed && c->shut && d->aborted);
	fake_queue_fin(c);
	fake_run(c);
	assert_true(c->closed);
	assert_int_equal(ends, 4);
}

static void who_does_not_finish_after_us_is_reset(void **state)
{
	(void)state;
	start(NULL);
	struct tcp_connection *a = come("e");
	say(a, "thrown away");
	assert_int_equal(a->in_size, 0);
	fake_advance(4 * SECOND);
	assert_false(a->aborted);
	fake_advance(2 * SECOND);
	assert_true(a->aborted);
}

static void the_peers_end_and_its_reset_end_a_connection(void **state)
{
	(void)state;
	start(NULL);
	struct tcp_connection *a = come("b"), *b = come("b");
	fake_queue_fin(a);
	fake_run(a);
	fake_queue_reset(b);
	fake_run(b);
	assert_true(a->closed);
	assert_int_equal(ends, 2);
}

static void a_server_that_stops_ends_in_order(void **state)
{
	(void)state;
	start(NULL);
	struct tcp_connection *idle = come(""), *busy = come("b"), *lingers = come("e");
	tcp_server_stop(&server, clock_now() + 60 * SECOND, stopped, &server);
	assert_false(fake.listening);
	assert_true(idle->shut && fake_open(busy));
	assert_int_equal(told_stopping, 1);
	say(busy, "ai");
	assert_string_equal(busy->out, "a");
	assert_true(busy->shut && !busy->aborted);
	assert_int_equal(reports, 0);
	struct tcp_connection *all[] = { idle, busy, lingers };
	for (int k = 0; k < 3; k++) {
		fake_queue_fin(all[k]);
		fake_run(all[k]);
		assert_true(all[k]->closed);
	}
	assert_int_equal(reports, 1);
	assert_int_equal(left, 0);
	fake_advance(100 * SECOND);
	assert_int_equal(reports, 1);
}

static void a_request_on_its_way_when_the_server_stops_is_answered(void **state)
{
	(void)state;
	start(NULL);
	struct tcp_connection *old = come("bai"), *quick, *slow;
	fake_advance(2 * SECOND);
	quick = come("bai");
	slow = come("bai");
	fake_turn();
	tcp_server_stop(&server, clock_now() + 60 * SECOND, stopped, &server);
	assert_true(old->shut && fake_open(quick) && fake_open(slow));
	say(quick, "bai");
	assert_string_equal(quick->out, "aa");
	assert_true(quick->shut && !quick->aborted);
	fake_advance(TCP_SERVED_STOP_GRACE_NS + SECOND / 100);
	assert_false(fake_open(slow) || slow->aborted);
}

static void a_server_without_connections_stops_at_once(void **state)
{
	(void)state;
	start(NULL);
	tcp_server_stop(&server, clock_now() + 60 * SECOND, stopped, &server);
	fake_turn();
	assert_int_equal(reports, 1);
}

/* The image's end was nobody's business: every client hung at each deployment. */
static void
an_image_that_is_asked_to_end_stops_its_servers_and_is_held_until_they_have(void **state)
{
	(void)state;
	start(NULL);
	struct tcp_connection *idle = come(""), *busy = come("b");
	fake.asked = true;
	fake.on_stop->stop(fake.on_stop, clock_now() + 2 * SECOND);
	assert_false(fake.listening);
	assert_true(idle->shut && fake_open(busy));
	assert_int_equal(told_stopping, 1);
	assert_int_equal(fake.holds, 1);
	fake_advance(SECOND);
	assert_true(fake_open(busy));
	fake_advance(SECOND); /* a little before the deadline */
	assert_true(busy->aborted);
	assert_int_equal(fake.holds, 0);
	tcp_server_wait(&server); /* returns */
	assert_int_equal(fake.holds, 1);
	fake.holds = 0;
}

static void at_the_deadline_of_a_stop_who_is_left_is_reset(void **state)
{
	(void)state;
	start(NULL);
	struct tcp_connection *a = come("o"), *b = come("b"), *c = come("b");
	struct tcp_served *in_task = &newest->served;
	b->stalled = true;
	say(b, "a");
	tcp_served_to_task(in_task);
	tcp_server_stop(&server, clock_now() + 2 * SECOND, stopped, &server);
	fake_advance(SECOND);
	assert_int_equal(reports, 0);
	fake_advance(2 * SECOND);
	assert_true(a->aborted && b->aborted && !c->aborted);
	assert_int_equal(reports, 1);
	assert_int_equal(left, 1);
	tcp_served_from_task(in_task);
	assert_true(c->aborted);
}

/* ---- Tasks ---- */

static void a_task_writes_as_long_as_bytes_move(void **state)
{
	(void)state;
	static char bytes[3000000];
	start(&(struct tcp_server_limits){ .stall_ns = 10 * SECOND });
	struct tcp_connection *a = fake_accept();
	struct tcp_served *c = &newest->served;
	for (uint32_t k = 0; k < sizeof bytes; k++)
		bytes[k] = (char)(k * 11 + k / 999);
	tcp_served_to_task(c);
	a->rate = 30000;
	a->out_room = 200000;
	uint64_t begun = fake.now;
	assert_int_equal(tcp_served_task_write(c, bytes, sizeof bytes), OK);
	assert_true(fake.now - begun > 90 * SECOND);
	assert_int_equal(a->out_size, sizeof bytes);
	assert_memory_equal(a->out, bytes, sizeof bytes);
	a->stalled = true;
	begun = fake.now;
	assert_int_equal(tcp_served_task_write(c, bytes, sizeof bytes), ERR_TIMEOUT);
	assert_true(fake.now - begun <= 21 * SECOND);
	c->broken = true;
	tcp_served_from_task(c);
	assert_true(a->aborted);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(who_idles_for_longest_makes_room),
		TEST(who_still_gets_his_answer_is_not_the_first_to_go),
		TEST(an_address_has_its_bound),
		TEST(without_memory_who_comes_is_refused_and_counted),
		TEST(who_idles_gets_fin_after_the_time_for_it),
		TEST(idling_may_be_without_end),
		TEST(who_is_busy_has_a_deadline),
		TEST(what_is_owed_has_to_come_at_its_rate),
		TEST(who_acknowledges_nothing_is_reset),
		TEST(who_stops_after_a_while_is_reset_within_twice_the_time),
		TEST(a_steady_reader_has_all_the_time_it_needs),
		TEST(held_answers_keep_their_order),
		TEST(who_does_not_read_is_not_read_from),
		TEST(who_would_hold_memory_for_longest_goes_first),
		TEST(who_finds_no_room_may_say_so),
		TEST(what_the_peer_has_acknowledged_does_not_count),
		TEST(a_callback_may_end_its_connection),
		TEST(who_does_not_finish_after_us_is_reset),
		TEST(the_peers_end_and_its_reset_end_a_connection),
		TEST(a_server_that_stops_ends_in_order),
		TEST(a_request_on_its_way_when_the_server_stops_is_answered),
		TEST(a_server_without_connections_stops_at_once),
		TEST(an_image_that_is_asked_to_end_stops_its_servers_and_is_held_until_they_have),
		TEST(at_the_deadline_of_a_stop_who_is_left_is_reset),
		TEST(a_task_writes_as_long_as_bytes_move),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
