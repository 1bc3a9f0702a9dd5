/* SPDX-License-Identifier: ISC */
/* "watch": what is told in which words, who gets it, and that a slow watcher holds nobody up. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

static struct tcp_connection *c, *watcher;

static int begin(void **state)
{
	(void)state;
	world_open(&(struct memcache_options){ .memory = 4u << 20, .watch_max = 8192 });
	c = fake_accept();
	watcher = fake_accept();
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_leave(c);
	world_leave(watcher);
	assert_int_equal(server->store.watched, 0);
	world_close();
	return 0;
}

/* What the watcher was told since the last time, "ts=" and "gid=" left out. */
static const char *told(void)
{
	static char text[65536];
	uint32_t n = 0;
	fake_advance(SECOND / 100);
	fake_run(watcher);
	for (const char *p = world_heard(watcher); *p;) {
		const char *line_end = strchr(p, '\n'), *type = strstr(p, " type=");
		if (!strncmp(p, "ts=", 3)) {
			unsigned long long seconds, micros, gid;
			assert_int_equal(
			        sscanf(p, "ts=%llu.%6llu gid=%llu ", &seconds, &micros, &gid), 3);
			assert_true(type && type < line_end);
			p = type + 1;
		}
		n += (uint32_t)snprintf(text + n, sizeof text - n, "%.*s", (int)(line_end - p + 1),
		                        p);
		p = line_end + 1;
	}
	text[n] = 0;
	return text;
}

#define FOUND(k, n) "type=item_get key=" k " status=found clsid=1 cfd=1 size=" n "\n"
#define MISSED(k)   "type=item_get key=" k " status=not_found clsid=0 cfd=1 size=0\n"
#define PUT(k, s, m, n)                                                                            \
	"type=item_store key=" k " status=" s " cmd=" m " ttl=0 clsid=1 cfd=1 size=" n "\n"

static void nothing_is_told_to_who_does_not_watch(void **state)
{
	(void)state;
	assert_said(c, "set a 0 0 1\r\nx\r\nget a\r\n", "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
	assert_int_equal(server->watch_lines, 0);
	assert_string_equal(told(), "");
}

static void gets_and_sets_are_told_in_memcacheds_words(void **state)
{
	(void)state;
	assert_said(watcher, "watch fetchers mutations\r\n", "OK\r\n");
	world_say(c, "get a\r\nset a 0 0 1\r\nx\r\nget a b\r\nadd a 0 0 1\r\nx\r\ncas a 0 0 1 "
	             "99\r\nx\r\n"
	             "append a 0 0 2\r\nyz\r\nset a 0 0 3\r\nabc\r\nreplace no 0 0 1\r\nx\r\n");
	assert_string_equal(
	        told(),
	        MISSED("a") MISSED("a") PUT("a", "stored", "set", "1") FOUND("a", "1") MISSED("b")
	                FOUND("a", "1") PUT("a", "not_stored", "add", "1") FOUND("a", "1")
	                        PUT("a", "exists", "cas", "1") FOUND("a", "1")
	                                PUT("a", "stored", "append", "3") FOUND("a", "3")
	                                        PUT("a", "stored", "set", "3") MISSED("no")
	                                                PUT("no", "not_stored", "replace", "1"));
	world_say(c, "cas no 0 0 1 1\r\nx\r\ndelete a\r\ntouch a 0\r\nset n 0 0 1\r\n9\r\nincr n "
	             "1\r\nma q N0\r\n");
	assert_string_equal(told(), MISSED("no") PUT("no", "not_found", "cas", "1") FOUND("a", "3")
	                                    MISSED("a") MISSED("n") PUT("n", "stored", "set", "1")
	                                            FOUND("n", "1") MISSED("q") MISSED("q")
	                                                    PUT("q", "stored", "add", "1"));
	world_say(c, "set t 0 100 1\r\nx\r\nset c%20d\x01 0 0 1\r\nx\r\nset big 0 0 3\r\nabc\r\n");
	assert_string_equal(
	        told(), MISSED("t") "type=item_store key=t status=stored cmd=set ttl=100 "
	                            "clsid=1 cfd=1 size=1\n" MISSED("c%2520d%01")
	                                    PUT("c%2520d%01", "stored", "set", "1") MISSED("big")
	                                            PUT("big", "stored", "set", "3"));
	world_say(c, "set big 0 0 2000000 noreply\r\n");
	assert_string_equal(told(), PUT("big", "too_large", "set", "0") FOUND("big", "3"));
}

static void what_is_dead_is_told_so(void **state)
{
	(void)state;
	world_say(c, "set a 0 1 1\r\nx\r\nset b 0 0 1\r\nx\r\n");
	assert_said(watcher, "watch\r\n", "OK\r\n");
	timer_stop(&server->crawler);
	fake_advance(2 * SECOND);
	world_say(c, "get a\r\nflush_all\r\nget b\r\n");
	assert_string_equal(told(), "type=item_get key=a status=expired clsid=1 cfd=1 size=1\n"
	                            "type=item_get key=b status=flushed clsid=1 cfd=1 size=1\n");
}

static void evictions_are_told(void **state)
{
	(void)state;
	char line[1100];
	assert_said(watcher, "watch evictions\r\n", "OK\r\n");
	for (uint32_t k = 0; k < 8000; k++) {
		int n = sprintf(line, "set k%u 0 0 1000 noreply\r\n%01000d\r\n", k, 1);
		world_say_bytes(c, line, (uint64_t)n);
	}
	const char *text = told();
	unsigned key, more;
	char rest[100];
	assert_int_equal(
	        sscanf(text, "type=eviction key=k%u fetch=no ttl=-1 la=%u clsid=1 size=1000%99[^t]",
	               &key, &more, rest),
	        3);
	assert_string_equal(rest, "\n");
	assert_true(server->store.memory.evictions > 100);
}

static void connections_are_told(void **state)
{
	(void)state;
	assert_said(watcher, "watch connevents\r\n", "OK\r\n");
	struct tcp_connection *other = fake_accept();
	world_say(other, "quit\r\n");
	world_leave(other);
	other = fake_accept();
	world_say(other, "get a\r\n");
	fake_queue_reset(other);
	fake_run(other);
	fake_forget(other);
	const char *text = told();
	assert_non_null(strstr(text, "type=conn_new rip=192.0.2.7 rport="));
	assert_non_null(strstr(text, " transport=tcp cfd=3\ntype=conn_close rip=192.0.2.7 rport="));
	assert_non_null(strstr(text, " transport=tcp reason=normal cfd=3\ntype=conn_new"));
	assert_non_null(strstr(text, " transport=tcp reason=error cfd=4\n"));
}

static void words_are_those_of_memcached(void **state)
{
	(void)state;
	assert_said(c, "watch bogus\r\n", "ERROR\r\n");
	assert_said(c, "watch fetchers bogus\r\n", "ERROR\r\n");
	assert_said(c, "watch deletions\r\n", "ERROR\r\n");
	assert_said(c, "watch fetchers noreply\r\n", "");
	assert_said(c, "mn\r\n", "MN\r\n");
	struct tcp_connection *many[MEMCACHE_WATCHERS_MAX];
	for (uint32_t k = 0; k < MEMCACHE_WATCHERS_MAX; k++) {
		many[k] = fake_accept();
		fake_queue(many[k], "watch rawcmds sysevents proxyreqs\r\n", 35);
		fake_run(many[k]);
		assert_string_equal(many[k]->out, "OK\r\n");
	}
	assert_said(watcher, "watch\r\n", "WATCHER_TOO_MANY log watcher limit reached\r\n");
	for (uint32_t k = 0; k < MEMCACHE_WATCHERS_MAX; k++) {
		fake_queue_fin(many[k]);
		fake_run(many[k]);
		fake_forget(many[k]);
	}
	assert_said(watcher, "watch mutations\r\nget a\r\nquit\r\nset x 0 0 1\r\nx\r\n", "OK\r\n");
	assert_string_equal(told(), ""); /* what a watcher says is nobody's */
}

static void a_slow_watcher_loses_lines_and_is_told_how_many(void **state)
{
	(void)state;
	struct tcp_connection *quick = fake_accept();
	assert_said(watcher, "watch fetchers\r\n", "OK\r\n");
	fake_queue(quick, "watch fetchers\r\n", 16);
	fake_run(quick);
	watcher->stalled = true;
	watcher->out_room = watcher->out_size + 100;
	for (uint32_t k = 0; k < 1000; k++) { /* each is answered at once */
		assert_said(c, "get a\r\n", "END\r\n");
		fake_advance(2 * SECOND / 1000);
	}
	assert_true(server->watch_skipped > 800 && server->watch_skipped < 1000);
	uint64_t skipped = server->watch_skipped;
	watcher->stalled = false;
	watcher->out_room = 1u << 20;
	const char *text = told();
	uint32_t lines = 0;
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 1000 - skipped);
	assert_null(strstr(text, "skipped="));
	assert_said(c, "get b\r\nget c\r\n", "END\r\nEND\r\n");
	char want[200];
	sprintf(want, "skipped=%llu\n%s%s", (unsigned long long)skipped, MISSED("b"), MISSED("c"));
	assert_string_equal(told(), want);
	lines = 0;
	for (const char *p = quick->out; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 1003); /* the other one missed nothing */
	assert_null(strstr(quick->out, "skipped="));
	fake_queue_fin(quick);
	fake_run(quick);
	assert_true(quick->closed);
	fake_forget(quick);
}

static void a_watcher_that_takes_nothing_ends(void **state)
{
	(void)state;
	assert_said(watcher, "watch fetchers\r\n", "OK\r\n");
	watcher->stalled = true;
	watcher->out_room = 100;
	for (uint32_t k = 0; k < 300; k++) {
		assert_said(c, "get a\r\n", "END\r\n");
		fake_advance(SECOND);
	}
	assert_true(watcher->aborted);
	assert_int_equal(server->watchers_now, 0);
}

static void a_watcher_may_be_silent_for_ever(void **state)
{
	(void)state;
	assert_said(watcher, "watch fetchers\r\n", "OK\r\n");
	fake_advance(100000 * SECOND);
	assert_said(c, "get a\r\n", "END\r\n");
	assert_string_equal(told(), MISSED("a"));
}

static void stopped(void *context, uint32_t left)
{
	*(uint32_t *)context = left;
}

static void a_server_that_stops_waits_for_no_watcher(void **state)
{
	(void)state;
	uint32_t left = 99;
	assert_said(watcher, "watch fetchers\r\n", "OK\r\n");
	memcache_stop(server, fake.now + 5 * SECOND, stopped, &left);
	fake_run(watcher);
	assert_true(watcher->shut);
	world_leave(watcher);
	fake_advance(1 * SECOND);
	world_leave(c);
	assert_int_equal(left, 0);
	world_close();
	begin(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_told_to_who_does_not_watch),
		TEST(gets_and_sets_are_told_in_memcacheds_words),
		TEST(what_is_dead_is_told_so),
		TEST(evictions_are_told),
		TEST(connections_are_told),
		TEST(words_are_those_of_memcached),
		TEST(a_slow_watcher_loses_lines_and_is_told_how_many),
		TEST(a_watcher_that_takes_nothing_ends),
		TEST(a_watcher_may_be_silent_for_ever),
		TEST(a_server_that_stops_waits_for_no_watcher),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
