/* SPDX-License-Identifier: ISC */
/* Requests and responses by HTTP/2: the same handlers as HTTP/1.1's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <app/http/events.h>
#include <app/http2/internal.h>
#include <core/error.h>

#include "client.h"

static struct client c;

static int set_up(void **state)
{
	(void)state;
	client_serve(NULL, NULL);
	client_open(&c);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	client_close(&c);
	return client_end();
}

#define assert_has(text_, part_)                                                                   \
	do {                                                                                       \
		if (!strstr(text_, part_))                                                         \
			fail_msg("no \"%s\" in:\n%s", part_, text_);                               \
	} while (0)
#define assert_has_not(text_, part_) assert_null(strstr(text_, part_))

static void assert_answer(const struct answer *a, uint32_t status, const char *body)
{
	if (a->status != status || !a->closed || a->code)
		fail_msg("status %u (not %u), %s with %u", a->status, status,
		         a->closed ? "closed" : "open", a->code);
	assert_string_equal(a->body ? (const char *)a->body : "", body);
}

/* ---- Responses ---- */

static void a_get_is_answered(void **state)
{
	(void)state;
	struct answer *a = client_get(&c, "/");
	assert_answer(a, 200, "Hello");
	assert_has(a->fields, "date: Sun, 06 Nov 1994 08:49:3");
	assert_has(a->fields, "content-length: 5\n");
	assert_has(a->fields, "content-type: text/plain; charset=utf-8\n");
	assert_has_not(a->fields, "connection");
	assert_answer(client_get(&c, "/users/7/posts/9"), 200,
	              "post GET /users/7/posts/9? a.example id=7 post=9");
	struct http2_counters n;
	http2_counters(app.server, &n);
	assert_int_equal(n.connections, 1);
	assert_int_equal(n.streams, 2);
}

static void each_kind_of_reply_is_whole(void **state)
{
	(void)state;
	assert_answer(client_get(&c, "/stream"), 200, "first second, static.");
	assert_answer(client_get(&c, "/sized"), 200, "first second, static.");
	assert_answer(client_get(&c, "/prepared"), 200, "body!");
	assert_answer(client_get(&c, "/file"), 200, APP_FILE);
	struct answer *a = client_get(&c, "/empty");
	assert_int_equal(a->status, 204);
	assert_true(a->closed && !a->size);
	assert_has_not(a->fields, "content-length");
	assert_int_equal(client_get(&c, "/absent")->status, 404);
	assert_int_equal(client_get(&c, "/%00")->status, 400);
}

static void head_has_no_body(void **state)
{
	(void)state;
	static const char *const targets[] = { "/", "/file", "/prepared", "/sized", "/stream" };
	for (unsigned k = 0; k < 5; k++) {
		int32_t id = client_ask(&c, "HEAD", targets[k], NULL, NULL, 0);
		client_run(&c);
		struct answer *a = client_answer(&c, id);
		assert_int_equal(a->status, 200);
		assert_true(a->closed && !a->code && !a->size);
		if (k != 4)
			assert_has(a->fields, "content-length: ");
	}
}

static void a_short_response_resets_its_stream_alone(void **state)
{
	(void)state;
	struct answer *a = client_get(&c, "/short");
	assert_true(a->closed);
	assert_int_equal(a->code, NGHTTP2_INTERNAL_ERROR);
	assert_answer(client_get(&c, "/"), 200, "Hello");
}

static void answers_that_come_later_come(void **state)
{
	(void)state;
	int32_t later = client_ask(&c, "GET", "/later", NULL, NULL, 0);
	client_run(&c);
	assert_int_equal(client_answer(&c, later)->status, 0);
	assert_answer(client_get(&c, "/"), 200, "Hello");
	fake_advance(2 * SECOND);
	client_run(&c);
	assert_answer(client_answer(&c, later), 200, "later GET /later? a.example");
	assert_int_equal(app.waiting, 0);
}

static void who_has_gone_is_told(void **state)
{
	(void)state;
	int32_t later = client_ask(&c, "GET", "/later", NULL, NULL, 0);
	client_run(&c);
	nghttp2_submit_rst_stream(c.session, 0, later, NGHTTP2_CANCEL);
	client_run(&c);
	assert_int_equal(app.gone, 1);
	assert_answer(client_get(&c, "/"), 200, "Hello");
	client_ask(&c, "GET", "/later", NULL, NULL, 0);
	client_run(&c);
	fake_queue_reset(c.tcp);
	fake_run(c.tcp);
	assert_int_equal(app.gone, 2);
}

static void tasks_answer(void **state)
{
	(void)state;
	assert_answer(client_get(&c, "/task/stream"), 200, "piece piece piece piece end");
	assert_int_equal(client_get(&c, "/task/silent")->status, 500);
	app.big = 300000;
	struct answer *a = client_get(&c, "/task/big");
	assert_int_equal(a->status, 200);
	assert_int_equal(a->size, 300000);
	assert_int_equal(app.big_error, 0);
	for (uint32_t k = 0; k < a->size; k++)
		assert_int_equal(a->body[k], 'a' + k % 23);
}

/* ---- Requests ---- */

static void bodies_go_both_ways(void **state)
{
	(void)state;
	static const char *const targets[] = { "/echo", "/task", "/gathered" };
	char body[8000];
	for (unsigned k = 0; k < sizeof body; k++)
		body[k] = (char)('a' + k % 26);
	for (unsigned k = 0; k < 6; k++) {
		char length[40];
		const char *fields[] = { length, NULL };
		snprintf(length, sizeof length, "content-length: %zu", sizeof body);
		int32_t id = client_ask(&c, "POST", targets[k / 2], k % 2 ? fields : NULL, body,
		                        sizeof body);
		client_run(&c);
		struct answer *a = client_answer(&c, id);
		assert_int_equal(a->status, 200);
		assert_int_equal(a->size, sizeof body);
		assert_memory_equal(a->body, body, sizeof body);
	}
	int32_t id = client_ask(&c, "POST", "/echo", NULL, "", 0);
	client_run(&c);
	assert_answer(client_answer(&c, id), 200, "");
}

static void a_body_that_nobody_wants_is_not_waited_for(void **state)
{
	(void)state;
	static char body[300000];
	int32_t id = client_ask(&c, "POST", "/ignore", NULL, body, sizeof body);
	client_run(&c);
	struct answer *a = client_answer(&c, id);
	assert_answer(a, 200, "ignored");
	for (int k = 0; k < 8; k++) /* the connection's window has not become smaller for it */
		assert_answer(client_get(&c, "/"), 200, "Hello");
	id = client_ask(&c, "POST", "/task", NULL, body, 200000);
	client_run(&c);
	assert_int_equal(client_answer(&c, id)->status, 200);
}

static bool told;

static ssize_t ten_when_told(nghttp2_session *session, int32_t stream, uint8_t *to, size_t size,
                             uint32_t *flags, nghttp2_data_source *source, void *context)
{
	(void)session, (void)stream, (void)source, (void)context;
	if (!told)
		return NGHTTP2_ERR_DEFERRED;
	assert_true(size >= 10);
	memset(to, 'x', 10);
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return 10;
}

#define FIELD(name_, value_)                                                                       \
	{ (uint8_t *)(uintptr_t)name_, (uint8_t *)(uintptr_t)value_, strlen(name_),                \
	  strlen(value_), 0 }

/* It is answered before its body comes. */
static int32_t put_nowhere(const char *length)
{
	const nghttp2_nv fields[] = { FIELD(":method", "PUT"), FIELD(":scheme", "http"),
		                      FIELD(":path", "/absent"), FIELD(":authority", "a.example"),
		                      FIELD("content-length", length) };
	const nghttp2_data_provider body = { .read_callback = ten_when_told };
	told = false;
	int32_t id = nghttp2_submit_request(c.session, NULL, fields, 5, &body, NULL);
	client_run(&c);
	assert_int_equal(client_answer(&c, id)->status, 404);
	return id;
}

/* Regression: curl calls a reset in the middle of its upload a failure, and does not show the answer. */
static void a_small_rest_of_a_body_is_let_come(void **state)
{
	(void)state;
	int32_t id = put_nowhere("10");
	assert_false(client_answer(&c, id)->closed);
	told = true;
	nghttp2_session_resume_data(c.session, id);
	client_run(&c);
	assert_true(client_answer(&c, id)->closed);
	assert_int_equal(client_answer(&c, id)->code, NGHTTP2_NO_ERROR);
	assert_int_equal(c.resets, 0);
	put_nowhere("1000000");
	assert_int_equal(c.resets, 1); /* it would wait for a window */
	put_nowhere("10");
	fake_advance(3 * SECOND);
	client_run(&c);
	assert_int_equal(c.resets, 2); /* nobody waits for ever */
}

static void a_body_that_is_too_large_is_refused(void **state)
{
	(void)state;
	static char body[2 << 20];
	const char *fields[] = { "content-length: 2097152", NULL };
	static const char *const targets[] = { "/strict", "/task", "/gathered" };
	for (unsigned k = 0; k < 6; k++) {
		int32_t id = client_ask(&c, "POST", targets[k / 2], k % 2 ? fields : NULL, body,
		                        sizeof body);
		client_run(&c);
		struct answer *a = client_answer(&c, id);
		assert_int_equal(a->status, k == 0 ? 422 : 413);
		assert_true(a->closed);
	}
	assert_answer(client_get(&c, "/"), 200, "Hello");
}

static void who_waits_for_100_is_told(void **state)
{
	(void)state;
	const char *fields[] = { "expect: 100-continue", NULL };
	int32_t id = client_ask(&c, "POST", "/echo", fields, "abc", 3);
	client_run(&c);
	assert_answer(client_answer(&c, id), 200, "abc");
	assert_int_equal(client_answer(&c, id)->continues, 1);
	const char *other[] = { "expect: tea", NULL };
	id = client_ask(&c, "POST", "/echo", other, "abc", 3);
	client_run(&c);
	assert_int_equal(client_answer(&c, id)->status, 417);
}

static void cookies_are_one_field(void **state)
{
	(void)state;
	const char *fields[] = { "cookie: a=1", "x: y", "cookie: b=2", NULL };
	int32_t id = client_ask(&c, "GET", "/later", fields, NULL, 0);
	client_run(&c);
	const struct list *all = &app.server->served.busy;
	struct http2_link *l = container_of(all->next, struct http2_link, http.served.all);
	struct http2_stream *s = http2_stream_of(l->session, id);
	struct http_text cookie = http_header(s->exchange, "Cookie");
	assert_true(http_text_is(cookie, "a=1; b=2"));
	assert_true(http_text_is(http_header(s->exchange, "X"), "y"));
	fake_advance(2 * SECOND);
	client_run(&c);
}

static void authority_and_host_agree(void **state)
{
	(void)state;
	const char *same[] = { "host: a.example", NULL }, *other[] = { "host: b.example", NULL };
	int32_t id = client_ask(&c, "GET", "/host", same, NULL, 0);
	client_run(&c);
	assert_answer(client_answer(&c, id), 200, "a.example|a.example");
	id = client_ask(&c, "GET", "/host", other, NULL, 0);
	client_run(&c);
	assert_int_equal(client_answer(&c, id)->status, 400);
}

static void other_methods(void **state)
{
	(void)state;
	int32_t id = client_ask(&c, "OPTIONS", "*", NULL, NULL, 0);
	client_run(&c);
	assert_int_equal(client_answer(&c, id)->status, 204);
	id = client_ask(&c, "DELETE", "/", NULL, NULL, 0);
	client_run(&c);
	assert_int_equal(client_answer(&c, id)->status, 405);
	assert_has(client_answer(&c, id)->fields, "allow: GET, HEAD");
	id = client_ask(&c, "BREW", "/", NULL, NULL, 0);
	client_run(&c);
	assert_int_equal(client_answer(&c, id)->status, 501);
}

static void trailers_are_dropped(void **state)
{
	(void)state;
	client_close(&c);
	client_open_raw(&c);
	/* POST, http, /echo (a literal), :authority a */
	static const uint8_t head[] = "\x83\x86\x44\x05/echo\x41\x01"
	                              "a";
	static const uint8_t trailer[] = "\x40\x01x\x01y";
	client_frame(&c, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, head, sizeof head - 1);
	client_frame(&c, NGHTTP2_DATA, 0, 1, "abc", 3);
	client_frame(&c, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
	             trailer, sizeof trailer - 1);
	fake_run(c.tcp);
	assert_int_equal(app.bodies, 0);
	struct http_counters n;
	http_counters(app.server, &n);
	assert_int_equal(n.responses[2], 1);
}

/* ---- A connection's streams ---- */

static void large_responses_share_the_connection(void **state)
{
	(void)state;
	int32_t ids[4];
	app.flood = 4;
	for (int k = 0; k < 4; k++)
		ids[k] = client_ask(&c, "GET", "/flood", NULL, NULL, 0);
	int32_t small = client_ask(&c, "GET", "/", NULL, NULL, 0);
	client_run(&c);
	uint32_t last = 0;
	for (int k = 0; k < 4; k++) {
		struct answer *a = client_answer(&c, ids[k]);
		assert_int_equal(a->status, 200);
		last = a->last > last ? a->last : last;
	}
	assert_answer(client_answer(&c, small), 200, "Hello");
	assert_true(client_answer(&c, ids[3])->last > client_answer(&c, ids[0])->first);
}

static void two_files_go_frame_by_frame(void **state)
{
	(void)state;
	int32_t a, b;
	app.big = 200000;
	a = client_ask(&c, "GET", "/task/big", NULL, NULL, 0);
	b = client_ask(&c, "GET", "/task/big", NULL, NULL, 0);
	client_run(&c);
	/* The second does not wait for the end of the first. */
	assert_true(client_answer(&c, b)->first < client_answer(&c, a)->last);
	assert_int_equal(client_answer(&c, a)->size, 200000);
	assert_int_equal(client_answer(&c, b)->size, 200000);
}

static void requests_wait_while_much_is_unsent(void **state)
{
	(void)state;
	app.big = 150000;
	int32_t ids[20];
	for (int k = 0; k < 20; k++)
		ids[k] = client_ask(&c, "GET", "/big", NULL, NULL, 0);
	client_run(&c);
	for (int k = 0; k < 20; k++) {
		assert_int_equal(client_answer(&c, ids[k])->status, 200);
		assert_int_equal(client_answer(&c, ids[k])->size, 150000);
	}
}

static struct http_events *events;
static unsigned events_ended;

static void events_end(void *context)
{
	(void)context;
	events_ended++;
}

static void watch(struct http_exchange *x, void *context)
{
	(void)context;
	http_events_begin(x, &events, NULL, events_end, NULL);
}

static void events_reach_a_stream(void **state)
{
	(void)state;
	static char data[1000];
	const struct http_event one = { .id = "1", .data = "one", .size = 3 },
	                        large = { .data = data, .size = sizeof data };
	http_route(app.server, "GET", "/events", watch, NULL);
	events_ended = 0;
	int32_t id = client_ask(&c, "GET", "/events", NULL, NULL, 0);
	client_run(&c);
	assert_int_equal(http_events_send(events, &one), 0);
	client_run(&c);
	assert_string_equal(client_answer(&c, id)->body, ":\n\nid: 1\ndata: one\n\n");
	http_events_end(events);
	client_run(&c);
	assert_true(client_answer(&c, id)->closed);
	assert_int_equal(client_answer(&c, id)->code, 0);
	/* One who takes nothing is ended, and its stream alone. */
	id = client_ask(&c, "GET", "/events", NULL, NULL, 0);
	client_run(&c);
	memset(data, 'x', sizeof data);
	int error = 0, sent = 0;
	while (!error && ++sent < 1000) {
		error = http_events_send(events, &large);
		fake_run(c.tcp);
	}
	assert_int_equal(error, ERR_TOO_BIG);
	client_run(&c);
	assert_int_equal(client_answer(&c, id)->code, NGHTTP2_INTERNAL_ERROR);
	assert_int_equal(events_ended, 1);
	assert_answer(client_get(&c, "/"), 200, "Hello");
}

/* ---- The end ---- */

static void a_stop_is_announced_and_requests_are_finished(void **state)
{
	(void)state;
	struct client idle;
	client_open(&idle);
	assert_answer(client_get(&idle, "/"), 200, "Hello");
	int32_t later = client_ask(&c, "GET", "/later", NULL, NULL, 0);
	client_run(&c);
	http_stop(app.server, fake.now + 20 * SECOND, NULL, NULL);
	client_run(&c);
	client_run(&idle);
	assert_true(c.goaway && c.goaway_code == 0 && c.goaway_last == later);
	assert_true(fake_open(c.tcp));
	assert_true(idle.goaway && idle.goaway_code == 0);
	fake_advance(2 * SECOND);
	client_run(&c);
	client_run(&idle);
	assert_answer(client_answer(&c, later), 200, "later GET /later? a.example");
	assert_false(fake_open(c.tcp));
	assert_false(fake_open(idle.tcp));
	client_close(&idle);
}

static void an_idle_connection_is_closed_with_a_word(void **state)
{
	(void)state;
	client_get(&c, "/");
	fake_advance(59 * SECOND);
	assert_true(fake_open(c.tcp));
	fake_advance(2 * SECOND);
	client_run(&c);
	assert_true(c.goaway && c.goaway_code == 0);
	assert_false(fake_open(c.tcp));
}

static void requests_of_a_connection_are_bounded(void **state)
{
	(void)state;
	client_close(&c);
	assert_int_equal(client_end(), 0);
	client_serve(&(struct http_options){ .requests_max = 3 }, NULL);
	client_open(&c);
	for (int k = 0; k < 3; k++)
		assert_answer(client_get(&c, "/"), 200, "Hello");
	assert_true(c.goaway && c.goaway_code == 0);
	assert_false(fake_open(c.tcp));
}

static void http1_is_served_as_before(void **state)
{
	(void)state;
	struct tcp_connection *one = fake_accept();
	const char *text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	for (const char *p = text; *p; p++)
		fake_queue(one, p, 1);
	fake_run(one);
	assert_has(one->out, "HTTP/1.1 200 OK\r\n");
	/* What begins as the preface, and is none. */
	struct tcp_connection *two = fake_accept();
	fake_queue(two, "P", 1);
	fake_queue(two, "RI * HTTP/2.1\r\n\r\n", 17);
	fake_run(two);
	assert_has(two->out, "HTTP/1.1 505 ");
	struct tcp_connection *three = fake_accept();
	fake_queue(three, "PRI * HT", 8);
	fake_run(three);
	fake_advance(11 * SECOND);
	assert_false(fake_open(three));
	fake_queue_fin(one);
	fake_run(one);
	fake_queue_fin(two);
	fake_run(two);
	fake_queue_fin(three);
	fake_run(three);
}

static void the_log_names_the_version(void **state)
{
	(void)state;
	client_close(&c);
	assert_int_equal(client_end(), 0);
	client_serve(&(struct http_options){ .access_log = true }, NULL);
	client_open(&c);
	client_get(&c, "/file?x");
	fake_advance(SECOND);
	assert_has(fake.console, "\"GET /file?x HTTP/2.0\" 200 36");
}

static void bounds_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	assert_int_equal(http2_enable(app.server, NULL), ERR_EXISTS);
	http2_forget(app.server);
	assert_int_equal(http2_enable(app.server, &(struct http2_options){ .memory_max = 1000 }),
	                 ERR_INVALID);
	assert_int_equal(http2_enable(app.server, &(struct http2_options){ .window = 1000 }),
	                 ERR_INVALID);
}

#define T(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_get_is_answered),
		T(each_kind_of_reply_is_whole),
		T(head_has_no_body),
		T(a_short_response_resets_its_stream_alone),
		T(answers_that_come_later_come),
		T(who_has_gone_is_told),
		T(tasks_answer),
		T(bodies_go_both_ways),
		T(a_body_that_nobody_wants_is_not_waited_for),
		T(a_small_rest_of_a_body_is_let_come),
		T(a_body_that_is_too_large_is_refused),
		T(who_waits_for_100_is_told),
		T(cookies_are_one_field),
		T(authority_and_host_agree),
		T(other_methods),
		T(trailers_are_dropped),
		T(large_responses_share_the_connection),
		T(two_files_go_frame_by_frame),
		T(requests_wait_while_much_is_unsent),
		T(events_reach_a_stream),
		T(a_stop_is_announced_and_requests_are_finished),
		T(an_idle_connection_is_closed_with_a_word),
		T(requests_of_a_connection_are_bounded),
		T(http1_is_served_as_before),
		T(the_log_names_the_version),
		T(bounds_that_make_no_sense_are_refused),
	};
	cmocka_set_test_filter(getenv("TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
