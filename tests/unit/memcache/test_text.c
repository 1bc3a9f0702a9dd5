/* SPDX-License-Identifier: ISC */
/* The text protocol's commands and errors, word by word as memcached 1.6.18 answers them. */
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
	world_leave(c);
	world_close();
	return 0;
}

#define A10  "aaaaaaaaaa"
#define A50  A10 A10 A10 A10 A10
#define A250 A50 A50 A50 A50 A50

static void stores_and_gets(void **state)
{
	(void)state;
	assert_said(c, "get a\r\n", "END\r\n");
	assert_said(c, "set a 5 0 3\r\nabc\r\n", "STORED\r\n");
	assert_said(c, "get a\r\n", "VALUE a 5 3\r\nabc\r\nEND\r\n");
	assert_said(c, "set b 0 0 0\r\n\r\n", "STORED\r\n");
	assert_said(c, "get a x b\r\n", "VALUE a 5 3\r\nabc\r\nVALUE b 0 0\r\n\r\nEND\r\n");
	assert_said(c, " get  a   b \r\n", "VALUE a 5 3\r\nabc\r\nVALUE b 0 0\r\n\r\nEND\r\n");
	assert_said(c, "set a 4294967295 0 1\nx\r\nget a\n",
	            "STORED\r\nVALUE a 4294967295 1\r\nx\r\nEND\r\n");
	assert_said(c, "set " A250 " 0 0 1\r\ny\r\nget " A250 "\r\n",
	            "STORED\r\nVALUE " A250 " 0 1\r\ny\r\nEND\r\n");
	assert_said(c, "bget a\r\n", "VALUE a 4294967295 1\r\nx\r\nEND\r\n");
}

static void conditions_decide_what_is_stored(void **state)
{
	(void)state;
	assert_said(c, "replace a 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
	assert_said(c, "append a 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
	assert_said(c, "prepend a 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
	assert_said(c, "cas a 0 0 1 1\r\nx\r\n", "NOT_FOUND\r\n");
	assert_said(c, "add a 1 0 1\r\nx\r\n", "STORED\r\n");
	assert_said(c, "add a 0 0 1\r\ny\r\n", "NOT_STORED\r\n");
	assert_said(c, "append a 7 0 2\r\nyz\r\n", "STORED\r\n");
	assert_said(c, "prepend a 8 0 1\r\nw\r\n", "STORED\r\n");
	assert_said(c, "get a\r\n", "VALUE a 1 4\r\nwxyz\r\nEND\r\n");
	assert_said(c, "replace a 2 0 1\r\nr\r\n", "STORED\r\n");
	assert_said(c, "get a\r\n", "VALUE a 2 1\r\nr\r\nEND\r\n");
}

static void cas_stores_over_what_was_seen_only(void **state)
{
	(void)state;
	char line[100], want[100];
	assert_said(c, "set a 0 0 1\r\n1\r\n", "STORED\r\n");
	const char *got = world_say(c, "gets a\r\n");
	unsigned long long number = 0;
	assert_int_equal(sscanf(got, "VALUE a 0 1 %llu\r\n", &number), 1);
	snprintf(want, sizeof want, "VALUE a 0 1 %llu\r\n1\r\nEND\r\n", number);
	assert_string_equal(got, want);
	snprintf(line, sizeof line, "cas a 0 0 1 %llu\r\n2\r\n", number);
	assert_said(c, line, "STORED\r\n");
	assert_said(c, line, "EXISTS\r\n");
	assert_said(c, "get a\r\n", "VALUE a 0 1\r\n2\r\nEND\r\n");
	assert_said(c, "cas a 0 0 1 x\r\n", "CLIENT_ERROR bad command line format\r\n");
	assert_said(c, "cas a 0 0 1\r\n", "ERROR\r\n");
}

static void numbers_are_changed_in_place(void **state)
{
	(void)state;
	assert_said(c, "incr n 1\r\n", "NOT_FOUND\r\n");
	assert_said(c, "set n 3 0 2\r\n10\r\n", "STORED\r\n");
	assert_said(c, "incr n 5\r\n", "15\r\n");
	assert_said(c, "decr n 6\r\n", "9\r\n");
	assert_said(c, "get n\r\n", "VALUE n 3 2\r\n9 \r\nEND\r\n");
	assert_said(c, "decr n 100\r\n", "0\r\n");
	assert_said(c, "incr n 18446744073709551615\r\n", "18446744073709551615\r\n");
	assert_said(c, "get n\r\n", "VALUE n 3 20\r\n18446744073709551615\r\nEND\r\n");
	assert_said(c, "incr n 2\r\n", "1\r\n");
	assert_said(c, "get n\r\n", "VALUE n 3 20\r\n1                   \r\nEND\r\n");
	assert_said(c, "incr n 18446744073709551616\r\n",
	            "CLIENT_ERROR invalid numeric delta argument\r\n");
	assert_said(c, "incr n -1\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n");
	assert_said(c, "incr n\r\n", "ERROR\r\n");
	assert_said(c, "set n 0 0 3\r\n10x\r\n", "STORED\r\n");
	assert_said(c, "incr n 1\r\n",
	            "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
	assert_said(c, "set n 0 0 20\r\n99999999999999999999\r\n", "STORED\r\n");
	assert_said(c, "incr n 1\r\n",
	            "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
	assert_said(c, "set n 0 0 0\r\n\r\ndecr n 1\r\n",
	            "STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
}

static void times_to_live_end(void **state)
{
	(void)state;
	assert_said(c, "set a 0 2 1\r\nx\r\nset b 0 -1 1\r\ny\r\nget a b\r\n",
	            "STORED\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
	fake_advance(1 * SECOND);
	assert_said(c, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
	fake_advance(1 * SECOND);
	assert_said(c, "get a\r\n", "END\r\n");
	assert_said(c, "set a 0 1 1\r\nx\r\ntouch a 0\r\n", "STORED\r\nTOUCHED\r\n");
	fake_advance(10 * SECOND);
	assert_said(c, "gat 2 a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
	fake_advance(2 * SECOND);
	assert_said(c, "get a\r\ntouch a 1\r\n", "END\r\nNOT_FOUND\r\n");
	/* A date: the simulated time is November 1994. */
	assert_said(c, "set a 0 784111700 1\r\nx\r\nget a\r\n", "STORED\r\nEND\r\n");
	assert_said(c, "set a 0 784121700 1\r\nx\r\nget a\r\n",
	            "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
	assert_said(c, "gat -1 a\r\nget a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\nEND\r\n");
}

static void what_is_dead_is_removed_without_being_asked_for(void **state)
{
	(void)state;
	for (int k = 0; k < 1000; k++) {
		char line[100];
		snprintf(line, sizeof line, "set k%d 0 %d 1\r\nx\r\n", k, k % 2 ? 5 : 0);
		assert_said(c, line, "STORED\r\n");
	}
	assert_int_equal(server->store.table.count, 1000);
	fake_advance(20 * SECOND);
	assert_int_equal(server->store.table.count, 500);
	assert_int_equal(server->store.mortal, 0);
	assert_said(c, "flush_all\r\n", "OK\r\n");
	fake_advance(20 * SECOND);
	assert_int_equal(server->store.table.count, 0);
	assert_int_equal(server->store.memory.live, 0);
}

static void flushing_ends_all_that_was_there(void **state)
{
	(void)state;
	assert_said(c, "set a 0 0 1\r\nx\r\nflush_all\r\nset b 0 0 1\r\ny\r\nget a b\r\n",
	            "STORED\r\nOK\r\nSTORED\r\nVALUE b 0 1\r\ny\r\nEND\r\n");
	assert_said(c, "flush_all 10\r\nget b\r\n", "OK\r\nVALUE b 0 1\r\ny\r\nEND\r\n");
	fake_advance(5 * SECOND);
	assert_said(c, "set c 0 0 1\r\nz\r\nget b\r\n", "STORED\r\nVALUE b 0 1\r\ny\r\nEND\r\n");
	fake_advance(5 * SECOND);
	assert_said(c, "get b c\r\n", "END\r\n");
	assert_said(c, "set d 0 0 1\r\nz\r\nget d\r\n", "STORED\r\nVALUE d 0 1\r\nz\r\nEND\r\n");
	assert_said(c, "flush_all x\r\n", "CLIENT_ERROR invalid exptime argument\r\n");
	assert_said(c, "flush_all 1 2 3\r\n", "ERROR\r\n");
}

static void deletes(void **state)
{
	(void)state;
	static const char usage[] =
	        "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n";
	assert_said(c, "delete a\r\n", "NOT_FOUND\r\n");
	assert_said(c, "set a 0 0 1\r\nx\r\ndelete a\r\nget a\r\n", "STORED\r\nDELETED\r\nEND\r\n");
	assert_said(c, "delete a 0\r\n", "NOT_FOUND\r\n");
	assert_said(c, "delete a 1\r\n", usage);
	assert_said(c, "delete a foo bar\r\n", usage);
	assert_said(c, "delete a 0 noreply\r\n", "");
	assert_said(c, "delete\r\n", "ERROR\r\n");
}

static void noreply_is_silent(void **state)
{
	(void)state;
	assert_said(c, "set a 0 0 1 noreply\r\n1\r\nincr a 1 noreply\r\nget a\r\n",
	            "VALUE a 0 1\r\n2\r\nEND\r\n");
	assert_said(
	        c,
	        "add a 0 0 1 noreply\r\n1\r\nappend a 0 0 1 noreply\r\n3\r\ntouch a 0 noreply\r\n"
	        "verbosity 1 noreply\r\nget a\r\n",
	        "VALUE a 0 2\r\n23\r\nEND\r\n");
	assert_said(c, "delete a noreply\r\nflush_all noreply\r\nget a\r\n", "END\r\n");
}

static void errors_are_those_of_memcached(void **state)
{
	(void)state;
	static const char bad[] = "CLIENT_ERROR bad command line format\r\n";
	assert_said(c, "\r\n", "ERROR\r\n");
	assert_said(c, "foo\r\n", "ERROR\r\n");
	assert_said(c, "GET a\r\n", "ERROR\r\n");
	assert_said(c, "get\r\n", "ERROR\r\n");
	assert_said(c, "get \r\n", "ERROR\r\n");
	assert_said(c, "gat\r\n", "ERROR\r\n");
	assert_said(c, "gat 0\r\n", "END\r\n");
	assert_said(c, "gat x a\r\n", "CLIENT_ERROR invalid exptime argument\r\n");
	assert_said(c, "get " A250 "a\r\n", bad);
	assert_said(c, "set a 0 0 1\r\nx\r\nget a " A250 "a\r\n",
	            "STORED\r\nCLIENT_ERROR bad command line format\r\n");
	assert_said(c, "set a 0 0\r\n", "ERROR\r\n");
	assert_said(c, "set a 0 0 1 noreply more\r\n", "ERROR\r\n");
	assert_said(c, "set a x 0 1\r\n", bad);
	assert_said(c, "set a 0 x 1\r\n", bad);
	assert_said(c, "set a 0 0 -1\r\n", bad);
	assert_said(c, "set a 0 0 2147483647\r\n", bad);
	assert_said(c, "set " A250 "a 0 0 1\r\n", bad);
	assert_said(c, "touch a\r\n", "ERROR\r\n");
	assert_said(c, "touch a x\r\n", "CLIENT_ERROR invalid exptime argument\r\n");
	assert_said(c, "verbosity\r\n", "ERROR\r\n");
	assert_said(c, "verbosity x\r\n", bad);
	assert_said(c, "verbosity 1\r\n", "OK\r\n");
	assert_said(c, "stats foo\r\n", "ERROR\r\n");
	assert_said(c, "shutdown\r\n", "ERROR: shutdown not enabled\r\n");
	assert_said(c, "version\r\n", "VERSION 1.6.18\r\n");
}

static void a_value_of_the_wrong_length_is_no_value(void **state)
{
	(void)state;
	assert_said(c, "set a 0 0 1\r\nx\r\n", "STORED\r\n");
	assert_said(c, "set a 0 0 1\r\nxyz\r\nget a\r\n",
	            "CLIENT_ERROR bad data chunk\r\nERROR\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
	assert_said(c, "set a 0 0 3\r\nx\r\nget a\r\n", "CLIENT_ERROR bad data chunk\r\nERROR\r\n");
	assert_said(c, "set a 0 0 1 noreply\r\nxy\r\n", "ERROR\r\n");
}

static void a_value_that_is_too_large_is_read_and_refused(void **state)
{
	(void)state;
	uint32_t size = 300000; /* segments of 4 MiB are 256 KiB */
	char *text = malloc(size + 100);
	int n = snprintf(text, 100, "set a 0 0 %u\r\n", size);
	memset(text + n, 'x', size);
	memcpy(text + n + size, "\r\nget a\r\n", 10);
	assert_said(c, "set a 0 0 1\r\ny\r\n", "STORED\r\n");
	/* What was there before would be stale now. */
	assert_said(c, text, "SERVER_ERROR object too large for cache\r\nEND\r\n");
	free(text);
}

static void quit_and_browsers_are_hung_up_on(void **state)
{
	(void)state;
	struct tcp_connection *q = fake_accept();
	assert_said(q, "version\r\nquit\r\nversion\r\n", "VERSION 1.6.18\r\n");
	assert_true(q->shut);
	world_leave(q);
	q = fake_accept();
	assert_said(q, "POST / HTTP/1.1\r\nHost: a\r\n\r\nflush_all\r\n", "");
	assert_true(q->shut);
	fake_advance(20 * SECOND); /* it says no more, and does not go */
	assert_true(q->aborted);
	world_leave(q);
}

static void stats_end(void **state)
{
	(void)state;
	const char *got = world_say(c, "stats\r\n");
	assert_non_null(strstr(got, "STAT curr_connections 1\r\n"));
	assert_string_equal(got + strlen(got) - 5, "END\r\n");
	assert_said(c, "stats reset\r\n", "RESET\r\n");
	got = world_say(c, "stats settings\r\n");
	assert_non_null(strstr(got, "STAT maxbytes 4194304\r\n"));
	assert_said(c, "set i 0 0 1\r\nx\r\n", "STORED\r\n");
	const char *items = world_say(c, "stats items\r\n");
	assert_true(strstr(items, "STAT items:1:number ") && strstr(items, "\r\nEND\r\n"));
	assert_true(strstr(world_say(c, "stats slabs\r\n"), "STAT active_slabs 1\r\n"));
	assert_true(strstr(world_say(c, "stats conns\r\n"), ":state conn_read\r\nEND\r\n"));
}

static void all_items_are_dumped(void **state)
{
	(void)state;
	char text[100];
	uint32_t lines = 0;
	for (uint32_t k = 0; k < 3000; k++) {
		sprintf(text, "set k%%%u 0 %u 1\r\nx\r\n", k, k % 2 * 100);
		assert_said(c, text, "STORED\r\n");
	}
	c->out_room = 5000; /* told as there is room */
	c->stalled = true;
	const char *got = world_say(c, "lru_crawler metadump all\r\n");
	assert_null(strstr(got, "END"));
	for (const char *at = got; (at = strstr(at, "key=k%25")); at++)
		lines++;
	c->out_room = UINT32_MAX;
	c->stalled = false;
	fake_run(c);
	got = world_heard(c);
	for (const char *at = got; (at = strstr(at, "=k%25")); at++)
		lines++;
	assert_int_equal(lines, 3000);
	assert_true(strstr(got, " fetch=no cls=1 size=64\nEND\r\n"));
	assert_said(c, "lru_crawler metadump 7\r\n", "BADCLASS invalid class id\r\n");
	assert_said(c, "lru_crawler enable\r\n", "OK\r\n");
	assert_said(c, "lru_crawler\r\n", "ERROR\r\n");
}

static void less_memory_holds_less(void **state)
{
	(void)state;
	world_leave(c);
	world_close();
	world_open(&(struct memcache_options){ .memory = 32u << 20 });
	c = fake_accept();
	char *line = malloc(20000), what[100];
	for (uint32_t round = 0; round < 3; round++) {
		static const char *const limits[] = { "32", "8", "16" };
		sprintf(what, "cache_memlimit %s\r\n", limits[round]);
		assert_said(c, what, "OK\r\n");
		for (uint32_t k = 0; k < 6000; k++) {
			int n = sprintf(line, "set k%u 0 0 10000\r\n", k);
			memset(line + n, 'v', 10000);
			strcpy(line + n + 10000, "\r\n");
			assert_said(c, line, "STORED\r\n");
		}
		uint64_t most = (uint64_t)atoi(limits[round]) << 20;
		assert_true(server->store.memory.live <= most &&
		            server->store.memory.live > most / 2);
	}
	free(line);
	assert_said(c, "cache_memlimit 7\r\n",
	            "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n");
	assert_said(c, "cache_memlimit 33\r\n",
	            "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stores_and_gets),
		TEST(conditions_decide_what_is_stored),
		TEST(cas_stores_over_what_was_seen_only),
		TEST(numbers_are_changed_in_place),
		TEST(times_to_live_end),
		TEST(what_is_dead_is_removed_without_being_asked_for),
		TEST(flushing_ends_all_that_was_there),
		TEST(deletes),
		TEST(noreply_is_silent),
		TEST(errors_are_those_of_memcached),
		TEST(a_value_of_the_wrong_length_is_no_value),
		TEST(a_value_that_is_too_large_is_read_and_refused),
		TEST(quit_and_browsers_are_hung_up_on),
		TEST(stats_end),
		TEST(all_items_are_dumped),
		TEST(less_memory_holds_less),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
