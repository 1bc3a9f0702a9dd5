/* SPDX-License-Identifier: ISC */
/* Connections: commands however segments cut them, answers that nobody reads, clients that stop in
 * the middle. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

static struct tcp_connection *c;

static int begin(void **state)
{
	(void)state;
	world_open(NULL);
	c = fake_accept();
	return 0;
}

static int end(void **state)
{
	(void)state;
	if (c)
		world_leave(c);
	world_close();
	return 0;
}

static const char script[] = "set a 1 0 10\r\n0123456789\r\nget a b\r\nset bb 2 0 3 "
                             "noreply\r\n\r\n\r\r\ngets zz\r\nappend a 0 0 2\r\n\n\n\r\n"
                             "ms c 5 F7 k O1 b\r\nms YWI= 5 F7 k O1 b\r\nhello\r\nmg YWI= b k "
                             "v\r\nget a  bb ab\r\nincr a 1\r\n"
                             "set n 0 0 1\r\n9\r\nincr n 1\r\nma n v\r\nset a 0 0 "
                             "3\r\nlonger\r\nset big 0 0 9999999 noreply\r\n";

static void cuts_make_no_difference(void **state)
{
	(void)state;
	uint32_t size = sizeof script - 1;
	char *whole = strdup(world_say(c, script));
	assert_true(strlen(whole) > 200);
	for (uint32_t cut = 1; cut < size; cut++) {
		world_leave(c);
		world_close();
		begin(NULL);
		fake_queue(c, script, cut);
		fake_queue(c, script + cut, size - cut);
		fake_run(c);
		assert_string_equal(world_heard(c), whole);
	}
	world_leave(c);
	world_close();
	begin(NULL);
	for (uint32_t k = 0; k < size; k++)
		fake_queue(c, script + k, 1);
	fake_run(c);
	assert_string_equal(world_heard(c), whole);
	free(whole);
}

static void thousands_of_commands_are_answered_in_one_go(void **state)
{
	(void)state;
	enum { COUNT = 5000 };
	static char say[COUNT * 8 + 1];
	for (uint32_t k = 0; k < COUNT; k++)
		memcpy(say + k * 7, "get a\r\n", 8);
	world_say(c, "set a 0 0 1\r\nx\r\n");
	uint32_t writes = c->writes;
	const char *got = world_say(c, say);
	assert_int_equal(strlen(got), COUNT * strlen("VALUE a 0 1\r\nx\r\nEND\r\n"));
	assert_true(c->writes - writes <= 3); /* a batch holds 64 KiB */
}

/* The value of a key, by its number. */
static char *value(uint32_t number, uint32_t size)
{
	char *v = malloc(size + 1);
	for (uint32_t k = 0; k < size; k++)
		v[k] = (char)('a' + (number + k / 7) % 26);
	v[size] = 0;
	return v;
}

static void store(uint32_t number, uint32_t size)
{
	char *v = value(number, size), *say = malloc(size + 100);
	int n = snprintf(say, 100, "set k%u 0 0 %u\r\n", number, size);
	memcpy(say + n, v, size);
	memcpy(say + n + size, "\r\n", 3);
	assert_string_equal(world_say(c, say), "STORED\r\n");
	free(say);
	free(v);
}

static void answers_wait_for_who_does_not_read(void **state)
{
	(void)state;
	enum { KEYS = 8, SIZE = 100000, TIMES = 5 };
	char line[200] = "get", *want = calloc(1, KEYS * (SIZE + 100) * TIMES + 100);
	uint32_t n = 3, w = 0;
	for (uint32_t k = 0; k < KEYS; k++) {
		store(k, SIZE);
		n += (uint32_t)sprintf(line + n, " k%u", k);
	}
	n += (uint32_t)sprintf(line + n, "\r\n");
	for (uint32_t t = 0; t < TIMES; t++) {
		for (uint32_t k = 0; k < KEYS; k++) {
			char *v = value(k, SIZE);
			w += (uint32_t)sprintf(want + w, "VALUE k%u 0 %u\r\n%s\r\n", k,
			                       (unsigned)SIZE, v);
			free(v);
		}
		w += (uint32_t)sprintf(want + w, "END\r\n");
	}
	sprintf(want + w, "VERSION 1.6.18\r\n");
	c->stalled = true;
	c->out_room = 150000;
	for (uint32_t t = 0; t < TIMES; t++)
		fake_queue(c, line, n);
	fake_queue(c, "version\r\n", 9);
	fake_run(c);
	assert_true(c->out_size - c->acknowledged <= 150000);
	assert_true(server->store.memory.pinned > 0);
	/* What is being sent may be replaced, and all else churned: it is sent as it was. */
	struct tcp_connection *other = c;
	c = fake_accept();
	for (uint32_t k = 0; k < 300; k++)
		store(100 + k % 30, 3000 + k);
	world_leave(c);
	c = other;
	c->stalled = false;
	fake_run(c);
	assert_string_equal(world_heard(c), want);
	assert_int_equal(server->store.memory.pinned, 0);
	free(want);
}

static void who_never_reads_is_dropped(void **state)
{
	(void)state;
	store(1, 100000);
	c->stalled = true;
	c->out_room = 50000;
	world_say(c, "get k1\r\nget k1\r\n");
	fake_advance(30 * SECOND);
	assert_true(fake_open(c));
	fake_advance(60 * SECOND);
	assert_true(c->aborted);
	assert_int_equal(server->store.memory.pinned, 0);
}

static void who_stops_in_the_middle_is_dropped(void **state)
{
	(void)state;
	static const char *const begins[] = { "get a", "set a 0 0 100\r\n", "set a 0 0 100\r\nabc",
		                              "ms a 9 k\r\nab", "set a 0 0 99999999\r\nabc" };
	for (uint32_t k = 0; k < sizeof begins / sizeof *begins; k++) {
		struct tcp_connection *slow = fake_accept();
		world_say(slow, begins[k]);
		fake_advance(50 * SECOND);
		assert_true(fake_open(slow));
		world_say(slow, "x"); /* a byte now and then does not help */
		fake_advance(20 * SECOND);
		assert_true(slow->aborted);
		world_leave(slow);
	}
	assert_true(fake_open(c)); /* it is only silent */
	assert_int_equal(server->store.memory.live, 0);
}

static void silence_is_borne_for_as_long_as_is_said(void **state)
{
	(void)state;
	world_leave(c);
	world_close();
	world_open(&(struct memcache_options){ .memory = 4u << 20, .idle_ns = 100 * SECOND });
	c = fake_accept();
	world_say(c, "version\r\n");
	fake_advance(90 * SECOND);
	world_say(c, "version\r\n");
	fake_advance(90 * SECOND);
	assert_true(fake_open(c));
	fake_advance(20 * SECOND);
	assert_true(c->closed);
}

static void more_connections_than_allowed_are_refused_if_none_is_silent(void **state)
{
	(void)state;
	world_leave(c);
	world_close();
	world_open(&(struct memcache_options){ .memory = 4u << 20, .connections_max = 2 });
	c = fake_accept();
	struct tcp_connection *second = fake_accept();
	assert_non_null(second);
	world_say(c, "get ");
	world_say(second, "set a 0 0 10\r\n");
	assert_null(fake_accept());
	assert_int_equal(server->served.counters.refused, 1);
	world_leave(second);
	second = fake_accept();
	assert_non_null(second);
	world_leave(second);
}

static void silent_connections_do_not_keep_others_out(void **state)
{
	(void)state;
	world_leave(c);
	world_close();
	world_open(&(struct memcache_options){ .memory = 4u << 20, .connections_max = 2 });
	struct tcp_connection *first = fake_accept(), *second = fake_accept();
	world_say(first, "version\r\n"); /* now the second is silent for longest */
	c = fake_accept();
	assert_non_null(c);
	assert_true(second->aborted && fake_open(first));
	assert_said(c, "version\r\n", "VERSION 1.6.18\r\n");
	world_leave(first);
	world_leave(second);
}

static void a_value_that_comes_steadily_has_all_the_time_it_needs(void **state)
{
	(void)state;
	enum { SECONDS = 80, A_SECOND = 1200 };
	char say[60];
	sprintf(say, "set a 0 0 %u\r\n", SECONDS * A_SECOND);
	world_say(c, say);
	char *part = value(3, A_SECOND);
	for (uint32_t k = 0; k < SECONDS; k++) {
		world_say(c, part);
		fake_advance(SECOND);
		assert_true(fake_open(c));
	}
	free(part);
	assert_said(c, "\r\n", "STORED\r\n");
}

static void a_server_that_stops_lets_commands_end(void **state)
{
	(void)state;
	struct tcp_connection *silent = fake_accept();
	world_say(c, "set a 0 0 3\r\nab");
	memcache_stop(server, fake.now + 10 * SECOND, NULL, NULL);
	assert_true(silent->shut && fake_open(c));
	assert_said(c, "c\r\n", "STORED\r\n");
	assert_true(c->shut && !c->aborted);
	world_leave(silent);
}

static void lines_have_an_end(void **state)
{
	(void)state;
	char *line = malloc(200000);
	memset(line, 'x', 200000);
	struct tcp_connection *long_one = fake_accept();
	world_say_bytes(long_one, line, 200000);
	assert_true(long_one->shut);
	world_leave(long_one);
	for (uint32_t step = 100; step < 70000; step *= 7) { /* in pieces, too */
		long_one = fake_accept();
		for (uint32_t at = 0; at < 100000; at += step)
			fake_queue(long_one, line, step);
		fake_run(long_one);
		assert_true(long_one->shut);
		world_leave(long_one);
	}
	/* A get may be long. */
	uint32_t n = (uint32_t)sprintf(line, "get");
	for (uint32_t k = 0; k < 5000; k++)
		n += (uint32_t)sprintf(line + n, " k%u", k);
	n += (uint32_t)sprintf(line + n, "\r\n");
	for (uint32_t at = 0; at < n; at += 1000)
		fake_queue(c, line + at, n - at < 1000 ? n - at : 1000);
	fake_run(c);
	assert_string_equal(world_heard(c), "END\r\n");
	free(line);
}

static uint32_t occurrences(const char *text, const char *of)
{
	uint32_t n = 0;
	for (; (text = strstr(text, of)); text++)
		n++;
	return n;
}

/* Says it in pieces; the most that the connections held meanwhile. */
static uint64_t say_in_pieces(struct tcp_connection *to, const char *line, uint32_t size,
                              uint32_t step)
{
	uint64_t most = 0;
	for (uint32_t at = 0; at < size; at += step) {
		fake_queue(to, line + at, size - at < step ? size - at : step);
		fake_run(to);
		most = server->served.charged > most ? server->served.charged : most;
	}
	return most;
}

static void a_get_takes_keys_as_they_come(void **state)
{
	(void)state;
	char *line = malloc(300000);
	for (uint32_t k = 0; k < 4000; k += 3) {
		sprintf(line, "set %053u 0 0 1 noreply\r\nx\r\n", k);
		world_say(c, line);
	}
	static const char *const begins[] = { "get", "gets", " gat 0", "gats 0" };
	for (uint32_t b = 0; b < 4; b++) {
		uint32_t n = (uint32_t)sprintf(line, "%s", begins[b]);
		for (uint32_t k = 0; k < 4000; k++)
			n += (uint32_t)sprintf(line + n, " %053u", k);
		n += (uint32_t)sprintf(line + n, b % 2 ? "\r\n" : "\n");
		static const uint32_t steps[] = { 300000, 60000, 8191, 8192, 8193, 1400, 54, 7 };
		for (uint32_t k = 0; k < 8; k++) {
			uint64_t held = say_in_pieces(c, line, n, steps[k]);
			const char *got = world_heard(c);
			assert_int_equal(occurrences(got, "VALUE "), 1334);
			assert_int_equal(occurrences(got, "END\r\n"), 1);
			assert_true(held < 200000 + (64u << 10));
		}
		/* A client that does not read for a while loses nothing. */
		c->out_room = 1000;
		c->stalled = true;
		say_in_pieces(c, line, n, 1400);
		c->out_room = UINT32_MAX;
		c->stalled = false;
		fake_run(c);
		const char *got = world_heard(c);
		assert_int_equal(occurrences(got, "VALUE "), 1334);
		assert_int_equal(occurrences(got, "END\r\n"), 1);
	}
	/* A key that is none ends the answers, and not the connection. */
	uint32_t n = (uint32_t)sprintf(line, "get");
	for (uint32_t k = 0; k < 1000; k++)
		n += (uint32_t)sprintf(line + n, k == 500 ? " %0253u" : " %053u", k);
	n += (uint32_t)sprintf(line + n, "\r\nmn\r\n");
	for (uint32_t step = 3; step < 100000; step *= 10) {
		say_in_pieces(c, line, n, step);
		const char *got = world_heard(c);
		assert_int_equal(occurrences(got, "VALUE "), 167);
		assert_non_null(strstr(got, "\r\nCLIENT_ERROR bad command line format\r\nMN\r\n"));
	}
	/* Nothing but blanks is no key. */
	memset(line, ' ', 100000);
	memcpy(line, "get", 3);
	memcpy(line + 99998, "\r\n", 3);
	assert_said(c, line, "ERROR\r\n");
	free(line);
}

static void resets_in_the_middle_leave_nothing(void **state)
{
	(void)state;
	static const char *const begins[] = { "get a", "set a 0 0 100\r\nabc",
		                              "set b 0 0 5\r\nabcde\r\nget b b b b\r\n" };
	for (uint32_t k = 0; k < 3; k++) {
		struct tcp_connection *lost = fake_accept();
		lost->stalled = true;
		lost->out_room = 10;
		fake_queue(lost, begins[k], strlen(begins[k]));
		fake_queue_reset(lost);
		fake_run(lost);
		assert_true(lost->gone);
		world_leave(lost);
	}
	assert_int_equal(server->served.counters.now, 1);
}

static void without_memory_nothing_breaks(void **state)
{
	(void)state;
	world_say(c, "set a 0 0 3\r\nabc\r\n");
	fake.memory_fails = true;
	assert_null(fake_accept());
	assert_said(c, "get a\r\n", "VALUE a 0 3\r\nabc\r\nEND\r\n");
	assert_said(c, "set b 0 0 3\r\nabc\r\nget b\r\n",
	            "STORED\r\nVALUE b 0 3\r\nabc\r\nEND\r\n");
	world_say(c, "get "); /* there is nowhere to keep this */
	assert_true(c->aborted);
	fake.memory_fails = false;
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cuts_make_no_difference),
		TEST(thousands_of_commands_are_answered_in_one_go),
		TEST(answers_wait_for_who_does_not_read),
		TEST(who_never_reads_is_dropped),
		TEST(who_stops_in_the_middle_is_dropped),
		TEST(silence_is_borne_for_as_long_as_is_said),
		TEST(more_connections_than_allowed_are_refused_if_none_is_silent),
		TEST(silent_connections_do_not_keep_others_out),
		TEST(a_value_that_comes_steadily_has_all_the_time_it_needs),
		TEST(a_server_that_stops_lets_commands_end),
		TEST(lines_have_an_end),
		TEST(a_get_takes_keys_as_they_come),
		TEST(resets_in_the_middle_leave_nothing),
		TEST(without_memory_nothing_breaks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
