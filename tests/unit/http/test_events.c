/* SPDX-License-Identifier: ISC */
/* Server-sent events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <app/http/events.h>
#include <app/http/http_internal.h>
#include <core/error.h>

#include "talk.h"

static struct {
	struct http_events *events;
	struct http_events_options options;
	unsigned ended;
	char last[300];
} it;

static void ended(void *context)
{
	assert_ptr_equal(context, &it);
	it.ended++;
	it.events = NULL;
}

static void watch(struct http_exchange *x, void *context)
{
	struct http_text last = http_events_last_id(x);
	(void)context;
	snprintf(it.last, sizeof it.last, "%.*s", (int)last.size, last.bytes ? last.bytes : "");
	assert_int_equal(http_events_begin(x, &it.events, &it.options, ended, &it), OK);
}

static int set_up_events(void **state)
{
	set_up(state);
	memset(&it, 0, sizeof it);
	return http_route(app.server, "GET", "/events", watch, NULL);
}

static void ask(void)
{
	queue("GET /events HTTP/1.0\r\n\r\n");
	fake_run(c);
}

static int send_event(const char *name, const char *id, const char *data)
{
	int error = http_events_send(
	        it.events, &(struct http_event){ name, id, data, (uint32_t)strlen(data) });
	fake_run(c);
	return error;
}

static void events_are_lines(void **state)
{
	(void)state;
	ask();
	const char *head = answer();
	assert_has(head, "Content-Type: text/event-stream\r\n");
	assert_has(head, "Cache-Control: no-store\r\n");
	assert_has(head, "\r\n\r\n:\n\n");
	assert_int_equal(send_event(NULL, NULL, "one"), OK);
	assert_string_equal(answer(), "data: one\n\n");
	send_event("tick", "7", "a\nb\r\nc\rd\n");
	assert_string_equal(answer(),
	                    "event: tick\nid: 7\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
	send_event(NULL, "", "");
	assert_string_equal(answer(), "id: \ndata: \n\n");
	http_events_end(it.events);
	fake_run(c);
	assert_false(fake_open(c));
	assert_int_equal(it.ended, 0);
}

static void what_would_split_an_event_is_refused(void **state)
{
	(void)state;
	ask();
	answer();
	assert_int_equal(send_event("a\nb", NULL, "x"), ERR_INVALID);
	assert_int_equal(send_event(NULL, "a\rb", "x"), ERR_INVALID);
	assert_string_equal(answer(), "");
	http_events_end(it.events);
}

static void the_last_id_is_told(void **state)
{
	(void)state;
	it.options.retry_ms = 2500;
	queue("GET /events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 41\r\n\r\n");
	fake_run(c);
	assert_string_equal(it.last, "41");
	assert_has(answer(), "retry: 2500\n\n");
	http_events_end(it.events);
	fake_run(c);
	assert_has(answer(), "0\r\n\r\n");
	assert_true(fake_open(c)); /* HTTP/1.1 goes on */
	char long_one[400];
	memset(long_one, 'x', 300);
	strcpy(long_one + 300, "\r\n\r\n");
	queue("GET /events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: ");
	queue(long_one);
	fake_run(c);
	assert_string_equal(it.last, "");
	http_events_end(it.events);
}

static void a_silent_stream_has_comments(void **state)
{
	(void)state;
	ask();
	answer();
	fake_advance(14 * SECOND);
	assert_string_equal(answer(), "");
	send_event(NULL, NULL, "x");
	answer();
	fake_advance(14 * SECOND);
	assert_string_equal(answer(), "");
	fake_advance(2 * SECOND);
	assert_string_equal(answer(), ":\n\n");
	fake_advance(300 * SECOND);
	assert_true(fake_open(c));
	http_events_end(it.events);
}

static void who_goes_is_missed(void **state)
{
	(void)state;
	ask();
	fake_queue_reset(c);
	fake_run(c);
	fake_advance(SECOND);
	assert_int_equal(it.ended, 1);
}

static void who_is_slow_is_ended(void **state)
{
	(void)state;
	static char data[1000];
	memset(data, 'x', sizeof data - 1);
	ask();
	c->stalled = true;
	int error = OK, sent = 0;
	while (!error && ++sent < 1000)
		error = send_event(NULL, NULL, data);
	assert_int_equal(error, ERR_TOO_BIG);
	assert_true(sent > 60 && sent < 70); /* 64 KiB */
	assert_int_equal(it.ended, 1);
	assert_false(fake_open(c));
}

static void memory_that_is_out_ends_it(void **state)
{
	(void)state;
	ask();
	fake.memory_fails = true;
	struct http_events *e = it.events;
	assert_int_equal(http_events_send(e, &(struct http_event){ .data = "x", .size = 1 }),
	                 ERR_MEMORY);
	assert_int_equal(http_events_send(e, &(struct http_event){ .data = "x", .size = 1 }),
	                 ERR_CLOSED);
	assert_int_equal(it.ended, 0); /* not from within */
	fake.memory_fails = false;
	fake_run(c);
	assert_int_equal(it.ended, 1);
}

#define T(name_) cmocka_unit_test_setup_teardown(name_, set_up_events, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(events_are_lines),           T(what_would_split_an_event_is_refused),
		T(the_last_id_is_told),        T(a_silent_stream_has_comments),
		T(who_goes_is_missed),         T(who_is_slow_is_ended),
		T(memory_that_is_out_ends_it),
	};
	cmocka_set_test_filter(getenv("TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
