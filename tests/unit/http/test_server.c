/* SPDX-License-Identifier: ISC */
/* Routes, connections, pipelining, limits and times of the server, its log and its figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <app/http/http_internal.h>
#include <core/error.h>

#include "talk.h"

/* ---- Responses ---- */

static void a_response_is_one_write_with_date_and_length(void **state)
{
	(void)state;
	assert_string_equal(
	        get("/"),
	        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:38 GMT\r\nContent-Length: 5\r\n"
	        "Content-Type: text/plain; charset=utf-8\r\n\r\nHello");
	assert_true(fake_open(c));
	c->writes = 0;
	get("/prepared");
	assert_int_equal(c->writes, 1); /* the head; the body lies where it was compiled in */
	assert_int_equal(c->statics, 1);
}

static void the_fast_path_allocates_nothing(void **state)
{
	(void)state;
	get("/prepared");
	get("/file");
	uint64_t before = fake.allocations;
	for (int k = 0; k < 100; k++) {
		get("/prepared");
		get("/file");
		get("/users/7/posts/9");
	}
	assert_int_equal(fake.allocations, before);
}

static void the_date_follows_the_clock(void **state)
{
	(void)state;
	assert_has(get("/"), "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
	fake_advance(SECOND * 30);
	assert_has(get("/"), "Date: Sun, 06 Nov 1994 08:50:08 GMT\r\n");
}

static void head_says_what_get_says_without_the_body(void **state)
{
	(void)state;
	static const char *const targets[] = { "/",      "/file",   "/prepared",
		                               "/sized", "/stream", "/users/9" };
	for (size_t k = 0; k < sizeof targets / sizeof *targets; k++) {
		char request[99], want[999];
		const char *whole = get(targets[k]);
		snprintf(want, sizeof want, "%.*s", (int)(body_of(whole) - whole), whole);
		snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\nHost: h\r\n\r\n",
		         targets[k]);
		send(request);
		if (strcmp(targets[k], "/users/9") == 0) { /* which says its method */
			assert_has(answer(), "Content-Length: 26\r\n");
			continue;
		}
		assert_string_equal(answer(), want);
	}
}

static void fields_of_a_handler_cannot_split_a_response(void **state)
{
	(void)state;
	const char *a = get("/fields");
	assert_has(a, "\r\nX-Good: value, with \ttab\r\n");
	assert_string_equal(body_of(a), "11 of 11");
}

static void no_content_has_neither_body_nor_length(void **state)
{
	(void)state;
	const char *a = get("/empty");
	assert_starts(a, "HTTP/1.1 204 No Content\r\n");
	assert_lacks(a, "Content-Length");
	assert_string_equal(body_of(a), "");
	assert_true(fake_open(c));
}

static void streams_come_in_chunks(void **state)
{
	(void)state;
	const char *a = get("/stream");
	assert_has(
	        a,
	        "Transfer-Encoding: chunked\r\nX-Kind: stream\r\nContent-Type: text/plain\r\n\r\n");
	assert_string_equal(body_of(a), "6\r\nfirst \r\nf\r\nsecond, static.\r\n0\r\n\r\n");
	assert_lacks(a, "Content-Length");
	a = get("/sized");
	assert_has(a, "Content-Length: 21\r\n");
	assert_string_equal(body_of(a), "first second, static.");
}

static void streams_to_http_1_0_end_with_the_connection(void **state)
{
	(void)state;
	send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	const char *a = answer();
	assert_has(a, "Connection: close\r\n");
	assert_lacks(a, "Transfer-Encoding");
	assert_string_equal(body_of(a), "first second, static.");
	assert_true(c->shut);
}

static void a_stream_that_is_too_short_breaks_the_connection(void **state)
{
	(void)state;
	get("/short");
	fake_turn();
	assert_true(c->aborted);
}

static void a_handler_that_ignores_a_full_buffer_comes_to_no_harm(void **state)
{
	(void)state;
	app.flood = 100;
	c->stalled = true;
	queue("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n");
	fake_run(c);
	fake_advance(SECOND);
	assert_true(c->aborted);
	assert_true(c->out_size <= TCP_SEND_MAX);
}

/* ---- Routes ---- */

static void literals_go_before_parameters_before_stars(void **state)
{
	(void)state;
	assert_string_equal(body_of(get("/users/me")), "me GET /users/me? h");
	assert_string_equal(body_of(get("/users/you")), "user GET /users/you? h id=you");
	assert_string_equal(body_of(get("/users/7/posts/9")),
	                    "post GET /users/7/posts/9? h id=7 post=9");
	assert_string_equal(body_of(get("/users/7/other/9")),
	                    "star GET /users/7/other/9? h rest=7/other/9");
	assert_string_equal(body_of(get("/users/7/posts/")),
	                    "star GET /users/7/posts/? h rest=7/posts/");
	assert_string_equal(body_of(get("/users/")), "star GET /users/? h rest=");
	assert_string_equal(body_of(get("/any")), "named GET /any? h");
	assert_starts(get("/users"), "HTTP/1.1 404 ");
	assert_starts(get("/USERS/me"), "HTTP/1.1 404 ");
	assert_starts(get("//"), "HTTP/1.1 404 ");
}

static void paths_are_decoded_and_dots_removed(void **state)
{
	(void)state;
	assert_string_equal(body_of(get("/users/a%20b?x=%20")),
	                    "user GET /users/a b?x=%20 h id=a b");
	assert_string_equal(body_of(get("/users/%6d%65")), "me GET /users/me? h");
	assert_string_equal(body_of(get("/x/../users/./me")), "me GET /users/me? h");
	assert_string_equal(body_of(get("/../../users/me")), "me GET /users/me? h");
	assert_string_equal(body_of(get("/x/%2e%2E/users/me")), "me GET /users/me? h");
	assert_string_equal(body_of(get("/users/x/..")), "star GET /users/? h rest=");
	assert_string_equal(body_of(get("/users/me/.")), "star GET /users/me/? h rest=me/");
	assert_string_equal(body_of(get("/users/...")), "user GET /users/...? h id=...");
	assert_string_equal(body_of(get("/users/.x")), "user GET /users/.x? h id=.x");
	assert_string_equal(body_of(get("/users/%c3%a9?")),
	                    "user GET /users/\xc3\xa9? h id=\xc3\xa9");
	assert_string_equal(body_of(get("/users/a+b")), "user GET /users/a+b? h id=a+b");
	assert_string_equal(body_of(get("/users/%253a")), "user GET /users/%3a? h id=%3a");
	static const char *const bad[] = { "/a%2fb", "/a%2Fb", "/%00", "/%",     "/%1",
		                           "/%zz",   "/%4",    "/%g0", "/..%2f", "/%2f..%2f" };
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		assert_starts(get(bad[k]), "HTTP/1.1 400 ");
}

static void absolute_targets_name_the_host(void **state)
{
	(void)state;
	assert_string_equal(body_of(get("http://other:81/users/me?q")),
	                    "me GET /users/me?q other:81");
	assert_string_equal(body_of(get("HTTP://o")), "Hello");
	assert_string_equal(body_of(get("http://o?q")), "Hello");
}

static void an_empty_expectation_is_none(void **state)
{
	static const char *const good[] = { "",
		                            ",",
		                            " , ,",
		                            "100-continue",
		                            "100-Continue,",
		                            "100-continue\r\nExpect: 100-continue",
		                            "\r\nExpect:" };
	(void)state;
	for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
		char text[200];
		snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\nExpect: %s\r\n\r\n",
		         good[k]);
		answer();
		send(text);
		assert_starts(answer(), "HTTP/1.1 200 ");
	}
}

static void the_host_is_told_with_and_without_its_port(void **state)
{
	(void)state;
	assert_string_equal(body_of(get("http://Other.example:81/host")),
	                    "Other.example:81|Other.example");
	assert_string_equal(body_of(get("http://[::1]:/host")), "[::1]:|[::1]");
	send("GET /host HTTP/1.1\r\nHost: a.example:443\r\n\r\n");
	assert_string_equal(body_of(answer()), "a.example:443|a.example");
	send("GET /host HTTP/1.1\r\nHost:\r\n\r\n");
	assert_string_equal(body_of(answer()), "|");
	send("GET /host HTTP/1.0\r\n\r\n");
	assert_string_equal(body_of(answer()), "|");
}

static void a_form_with_a_nul_is_a_bad_request(void **state)
{
	(void)state;
	assert_string_equal(body_of(get("/form?name=evil")), "4 evil");
	assert_starts(get("/form?name=ev%00il"), "HTTP/1.1 400 ");
	assert_starts(get("/form?name=password%00anything"), "HTTP/1.1 400 ");
	assert_starts(get("/users/a%00b"), "HTTP/1.1 400 ");
}

/* The list at the head of http.h, against a request that is answered so. */
static void what_the_header_promises_is_answered(void **state)
{
	static const struct {
		unsigned status;
		const char *request;
	} table[] = {
		{ 400, "GET\r\n\r\n" },
		{ 404, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n" },
		{ 405, "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n" },
		{ 408, "GET / HTTP/1.1\r\n" },
		{ 413, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n" },
		{ 414, NULL },
		{ 417, "GET / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n" },
		{ 431, NULL },
		{ 500, "GET /task/silent HTTP/1.1\r\nHost: h\r\n\r\n" },
		{ 501, "BREW / HTTP/1.1\r\nHost: h\r\n\r\n" },
		{ 503, "GET /task/stream HTTP/1.1\r\nHost: h\r\n\r\n" },
		{ 505, "GET / HTTP/2.0\r\n\r\n" },
	};
	(void)state;
	static char header[1 << 16], request[20000];
	FILE *f = fopen(HTTP_HEADER, "r");
	assert_non_null(f);
	header[fread(header, 1, sizeof header - 1, f)] = 0;
	fclose(f);
	const char *p = strstr(header, "wrong requests itself (");
	assert_non_null(p);
	size_t k = 0;
	for (p = strchr(p, '('); *p != ')'; p++) {
		if (*p < '1' || *p > '9') /* commas, line ends and stars */
			continue;
		unsigned status = (unsigned)strtoul(p, NULL, 10);
		assert_true(k < sizeof table / sizeof *table);
		assert_int_equal(status, table[k].status);
		snprintf(request, sizeof request, "%s", table[k].request ? table[k].request : "");
		if (!table[k].request) { /* too long */
			memset(request, 'x', sizeof request);
			const char *start = status == 414 ? "GET /" : "GET / HTTP/1.1\r\nX: ";
			memcpy(request, start, strlen(start));
			strcpy(request + sizeof request - 20, "\r\n\r\n");
		}
		c = fake_open(c) ? c : fake_accept();
		answer();
		fake.tasks_fail = status == 503;
		send(request);
		if (status == 408)
			fake_advance(11 * SECOND);
		fake_run(c);
		fake.tasks_fail = false;
		const char *got = answer();
		if ((unsigned)strtoul(got + (*got ? 9 : 0), NULL, 10) != status)
			fail_msg("%u is promised, not: %s", status, got);
		k++;
		p += 2;
	}
	assert_int_equal(k, sizeof table / sizeof *table);
}

static void other_methods_are_told_what_is_allowed(void **state)
{
	(void)state;
	send("DELETE /users/me HTTP/1.1\r\nHost: h\r\n\r\n");
	const char *a = answer();
	assert_starts(a, "HTTP/1.1 405 Method Not Allowed\r\n");
	assert_has(a, "\r\nAllow: GET, HEAD\r\n");
	send("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	a = answer();
	assert_starts(a, "HTTP/1.1 405 ");
	assert_has(a, "POST");
	assert_has(a, "PUT");
	assert_lacks(a, "GET");
	send("OPTIONS /users/me HTTP/1.1\r\nHost: h\r\n\r\n");
	a = answer();
	assert_starts(a, "HTTP/1.1 204 ");
	assert_has(a, "\r\nAllow: GET, HEAD\r\n");
	send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_starts(answer(), "HTTP/1.1 204 ");
	send("BREW / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_starts(answer(), "HTTP/1.1 501 ");
	send("PATCH /nowhere HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_starts(answer(), "HTTP/1.1 404 ");
	send("BREW /any HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_string_equal(body_of(answer()), "any BREW /any? h");
	assert_true(fake_open(c));
}

static void routes_are_checked(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "a", "/:", "/*rest/more",
		                           "/:a/:b/:c/:d/:e/:f/:g/:h/:i" };
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		assert_int_equal(http_route(app.server, "GET", bad[k], NULL, NULL), ERR_INVALID);
	assert_int_equal(http_route(app.server, "GET", "/", NULL, NULL), ERR_EXISTS);
	struct http_server *s;
	assert_int_equal(http_serve(&s, &(struct http_options){ .port = 1 }), ERR_EXISTS);
	fake.memory_fails = true;
	assert_int_equal(http_route(app.server, "GET", "/new", NULL, NULL), ERR_MEMORY);
	assert_int_equal(http_serve(&s, NULL), ERR_MEMORY);
	fake.memory_fails = false;
}

/* ---- Connections ---- */

static void connections_are_kept_as_the_versions_say(void **state)
{
	(void)state;
	static const struct {
		const char *version, *field, *says;
		bool kept;
	} table[] = { { "1.1", "X: y", NULL, true },
		      { "1.1", "Connection: close", "close", false },
		      { "1.1", "Connection: Upgrade, CLOSE", "close", false },
		      { "1.1", "Connection: x\r\nConnection: close", "close", false },
		      { "1.1", "Connection: closed", NULL, true },
		      { "1.0", "X: y", "close", false },
		      { "1.0", "Connection: Keep-Alive", "keep-alive", true },
		      { "1.2", "X: y", NULL, true },
		      { "1.1", "Connection: keep-alive, close", "close", false } };
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		char text[200], line[60];
		c = fake_accept();
		snprintf(text, sizeof text, "GET / HTTP/%s\r\nHost: h\r\n%s\r\n\r\n",
		         table[k].version, table[k].field);
		send(text);
		const char *a = answer();
		assert_starts(a, "HTTP/1.1 200 ");
		snprintf(line, sizeof line, "\r\nConnection: %s\r\n",
		         table[k].says ? table[k].says : "");
		if (table[k].says)
			assert_has(a, line);
		else
			assert_lacks(a, "Connection:");
		assert_int_equal(fake_open(c), table[k].kept);
		fake_queue_fin(c);
		fake_run(c);
		assert_true(c->closed);
	}
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	send("GET /users/1 HTTP/1.1\r\nHost: h\r\n\r\nGET /later HTTP/1.1\r\nHost: h\r\n\r\n"
	     "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /users/2 "
	     "HTTP/1.1\r\nHost: h\r\n\r\n");
	const char *a = answer();
	assert_has(a, "id=1");
	assert_lacks(a, "id=2");
	fake_advance(2 * SECOND);
	a = answer();
	const char *second = strstr(a, "later GET /later? h"), *third = strstr(a, "\r\n\r\nabc"),
	           *fourth = strstr(a, "id=2");
	assert_true(second && third && fourth && second < third && third < fourth);
}

static void many_pipelined_requests_wait_for_the_client_to_read(void **state)
{
	(void)state;
	struct http_counters n;
	c->stalled = true;
	for (int k = 0; k < 300; k++)
		queue("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	fake_run(c);
	http_counters(app.server, &n);
	assert_int_equal(n.requests, 64);
	c->stalled = false;
	fake_advance(SECOND / 10);
	http_counters(app.server, &n);
	assert_int_equal(n.requests, 300);
	assert_int_equal(n.responses[2], 300);
}

static void empty_lines_before_a_request_are_skipped(void **state)
{
	(void)state;
	send("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n");
	assert_starts(answer(), "HTTP/1.1 200 ");
	send("\r");
	send("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_starts(answer(), "HTTP/1.1 200 ");
}

static void a_half_closed_client_gets_its_answer(void **state)
{
	(void)state;
	queue("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	fake_queue_fin(c);
	fake_run(c);
	fake_advance(2 * SECOND);
	assert_has(c->out, "later GET /later? h");
	assert_true(c->closed);
}

static void what_comes_after_the_last_response_is_thrown_away(void **state)
{
	(void)state;
	send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /users/2 HTTP/1.1\r\nHost: "
	     "h\r\n\r\n");
	assert_lacks(c->out, "id=2");
	assert_true(c->shut && !c->closed && !c->aborted);
	assert_int_equal(c->in_size, 0);
	fake_advance(6 * SECOND); /* the client does not finish: enough */
	assert_true(c->aborted);
}

static void a_client_that_goes_is_told_to_who_answers_later(void **state)
{
	(void)state;
	send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	fake_queue_reset(c);
	fake_run(c);
	assert_int_equal(app.gone, 1);
	send("");
	c = fake_accept();
	send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	fake_advance(2 * SECOND);
	fake_queue_reset(c);
	fake_run(c);
	assert_int_equal(app.gone, 1); /* not after the response */
}

static void a_handler_knows_the_peer(void **state)
{
	(void)state;
	assert_has(get("/peer"), "\r\n\r\nc0000207:4711 1");
	c = fake_accept_from(0x0a000063);
	assert_has(get("/peer"), "\r\n\r\n0a000063:4711 1");
}

static void requests_on_a_connection_can_be_bounded(void **state)
{
	(void)state;
	tear_down(state);
	begin(&(struct http_options){ .requests_max = 3, .name = "ampoule" });
	assert_lacks(get("/"), "Connection:");
	get("/");
	const char *a = get("/");
	assert_has(a, "Connection: close\r\n");
	assert_has(a, "\r\nServer: ampoule\r\n");
	assert_true(c->shut);
}

static void the_longest_idle_connection_makes_room(void **state)
{
	(void)state;
	struct tcp_connection *k[4];
	struct http_counters n;
	tear_down(state);
	begin(&(struct http_options){ .connections_max = 3 });
	k[0] = c;
	k[1] = fake_accept();
	k[2] = fake_accept();
	c = k[0];
	send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"); /* now it is not the longest idle */
	k[3] = fake_accept();
	assert_true(k[3] && k[1]->aborted && !k[0]->aborted && !k[2]->aborted);
	for (int j = 0; j < 4; j++) {
		c = k[j];
		if (j != 1)
			send("GET ");
	}
	assert_null(fake_accept()); /* nobody idles */
	http_counters(app.server, &n);
	assert_int_equal(n.connections_now, 3);
	assert_int_equal(n.connections_refused, 1);
}

/* ---- Sizes and times ---- */

static void long_targets_get_414(void **state)
{
	(void)state;
	char *target = malloc(20000);
	memset(target, 'a', 20000);
	target[0] = '/';
	target[HTTP_TARGET_MAX] = 0;
	assert_starts(get(target), "HTTP/1.1 404 ");
	target[HTTP_TARGET_MAX] = 'a';
	target[HTTP_TARGET_MAX + 1] = 0;
	assert_starts(get(target), "HTTP/1.1 414 ");
	assert_true(c->shut);
	c = fake_accept();
	answer();
	memset(target, 'a', 20000);
	memcpy(target, "GET /", 5);
	fake_queue(c, target, 20000);
	fake_run(c);
	assert_starts(answer(), "HTTP/1.1 414 ");
	free(target);
}

static void long_heads_get_431(void **state)
{
	(void)state;
	char field[1100];
	memset(field, 'x', sizeof field);
	memcpy(field, "X: ", 3);
	memcpy(field + 1022, "\r\n", 3);
	send("GET / HTTP/1.1\r\nHost: h\r\n");
	for (int k = 0; k < 17 && fake_open(c); k++)
		send(field);
	assert_starts(answer(), "HTTP/1.1 431 ");
	assert_true(c->shut);
	c = fake_accept();
	answer();
	queue("GET / HTTP/1.1\r\nHost: h\r\n");
	for (int k = 0; k < 100; k++)
		queue("X: y\r\n");
	queue("\r\n");
	fake_run(c);
	assert_starts(answer(), "HTTP/1.1 431 ");
	c = fake_accept();
	answer();
	queue("GET / HTTP/1.1\r\nHost: h\r\n");
	for (int k = 0; k < 99; k++)
		queue("X: y\r\n");
	queue("\r\n");
	fake_run(c);
	assert_starts(answer(), "HTTP/1.1 200 ");
}

static void slow_heads_get_408_however_they_trickle(void **state)
{
	(void)state;
	send("GET / HTTP/1.1\r\nHost: h\r\n");
	for (int k = 0; k < 9; k++) {
		fake_advance(SECOND);
		send("X: y\r\n");
		assert_true(fake_open(c));
	}
	fake_advance(SECOND);
	const char *a = answer();
	assert_starts(a, "HTTP/1.1 408 ");
	assert_has(a, "Connection: close\r\n");
	assert_true(c->shut);
	struct http_counters n;
	http_counters(app.server, &n);
	assert_int_equal(n.timed_out, 1);
	assert_int_equal(n.requests, 0);
}

static void idle_connections_are_closed_after_their_time(void **state)
{
	(void)state;
	get("/");
	fake_advance(59 * SECOND);
	assert_true(fake_open(c));
	get("/");
	fake_advance(59 * SECOND);
	assert_true(fake_open(c));
	fake_advance(2 * SECOND);
	assert_true(c->closed);
}

static void a_client_that_takes_nothing_is_reset(void **state)
{
	(void)state;
	c->stalled = true;
	send("GET /file HTTP/1.1\r\nHost: h\r\n\r\n");
	fake_advance(59 * SECOND);
	assert_false(c->aborted);
	fake_advance(70 * SECOND);
	assert_true(c->aborted);
}

static void a_client_that_takes_little_is_not(void **state)
{
	(void)state;
	c->stalled = true;
	send("GET /file HTTP/1.1\r\nHost: h\r\n\r\n");
	for (int k = 0; k < 10; k++) {
		c->acknowledged++;
		fake_advance(50 * SECOND);
	}
	assert_true(fake_open(c));
}

static void a_handler_that_answers_late_has_its_time(void **state)
{
	(void)state;
	send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	fake_advance(SECOND / 2);
	assert_int_equal(c->out_size, 0);
	fake_advance(SECOND);
	assert_has(c->out, "later GET /later? h");
}

static void lack_of_memory_harms_nobody_else(void **state)
{
	(void)state;
	fake.memory_fails = true;
	assert_null(fake_accept());
	send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"); /* no exchange */
	assert_starts(answer(), "HTTP/1.1 503 ");
	assert_true(c->shut && !c->aborted);
	fake.memory_fails = false;
	c = fake_accept();
	assert_string_equal(body_of(get("/")), "Hello");
	fake.memory_fails = true;
	assert_starts(get("/x/../"), "HTTP/1.1 503 "); /* no room to decode */
	c = fake_open(c) ? c : NULL;
	if (c)
		send("GET / HT"); /* nor for a head in pieces */
	assert_true(!c || c->shut);
	fake.memory_fails = false;
	c = fake_accept();
	send("");
	fake.memory_fails = true;
	send("GET /later HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"); /* the head cannot be kept: it is
	                                                           forgotten */
	fake.memory_fails = false;
	fake_advance(2 * SECOND);
	assert_has(c->out, "HTTP/1.1 200");
}

/* ---- Back-pressure ---- */

static void get_big(uint32_t times)
{
	for (uint32_t k = 0; k < times; k++)
		queue("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
	fake_run(c);
}

static void pipelined_answers_to_a_slow_reader_arrive_whole(void **state)
{
	(void)state;
	app.big = 200000;
	c->rate = 1000000;
	uint64_t most = 0;
	get_big(30);
	for (int k = 0; k < 100; k++) {
		most = c->out_size - c->acknowledged > most ? c->out_size - c->acknowledged : most;
		fake_advance(SECOND / 10);
	}
	assert_true(fake_open(c));
	assert_true(c->out_size > 30 * 200000 && c->acknowledged == c->out_size);
	assert_true(most < HTTP_UNSENT_MAX + 201000);
}

static void readers_who_take_nothing_leave_memory_to_others(void **state)
{
	(void)state;
	struct tcp_connection *stalled[300];
	struct http_counters n;
	tear_down(state);
	begin(&(struct http_options){ .buffers_max = 4u << 20 });
	struct tcp_connection *other = c;
	app.big = 60000;
	for (int k = 0; k < 300; k++) { /* of each, at most two answers: 64 KiB and one more */
		stalled[k] = c = fake_accept();
		c->stalled = true;
		get_big(60);
		assert_true(c->out_size < 121000);
		fake_advance(SECOND / 10);
	}
	assert_true(app.server->served.charged <= 4u << 20);
	app.big = 100000;
	c = other;
	assert_starts(get("/big"), "HTTP/1.1 200 ");
	fake_advance(SECOND);
	assert_starts(get("/big"), "HTTP/1.1 200 ");
	http_counters(app.server, &n);
	assert_true(n.crowded > 200);
	fake_advance(200 * SECOND);
	for (int k = 0; k < 300; k++)
		assert_true(stalled[k]->aborted || stalled[k]->shut);
}

static void large_answers_to_a_steady_reader_arrive_whole(void **state)
{
	static const char *const requests[] = { "GET /big HTTP/1.1\r\nHost: h\r\n\r\n",
		                                "GET /task/big HTTP/1.1\r\nHost: h\r\n\r\n" };
	(void)state;
	app.big = 16u << 20;
	for (int k = 0; k < 2; k++) {
		c = fake_accept();
		c->rate = 30000;
		send(requests[k]);
		assert_int_equal(app.big_error, OK);
		for (int j = 0; j < 570; j++) {
			assert_true(fake_open(c));
			fake_advance(SECOND);
		}
		const char *body = body_of(c->out);
		assert_starts(c->out, "HTTP/1.1 200 ");
		assert_int_equal(c->out + c->out_size - body, app.big);
		for (uint32_t j = 0; j < app.big; j += 997)
			assert_int_equal(body[j], 'a' + j % 23);
	}
}

static void a_task_streams_as_the_client_reads(void **state)
{
	(void)state;
	app.flood = 128; /* 8 MiB */
	c->rate = 60000;
	send("GET /task/flood HTTP/1.1\r\nHost: h\r\n\r\n");
	fake_advance(100 * SECOND);
	assert_true(fake_open(c) && c->out_size > 8u << 20);
}

static void an_answer_without_room_is_503_and_counted(void **state)
{
	(void)state;
	struct http_counters n;
	tear_down(state);
	begin(&(struct http_options){ .buffers_max = 1u << 20 });
	app.big = 2u << 20;
	const char *a = get("/big");
	assert_starts(a, "HTTP/1.1 503 ");
	assert_has(a, "Connection: close\r\n");
	assert_int_equal(app.big_error, ERR_MEMORY);
	assert_true(c->shut && !c->aborted);
	http_counters(app.server, &n);
	assert_int_equal(n.connections_refused, 1);
	app.big = 500000;
	assert_starts(get("/big"), "HTTP/1.1 200 ");
}

static void heads_that_fill_memory_are_refused_in_words_and_counted(void **state)
{
	(void)state;
	struct http_counters n;
	static char head[8500];
	uint32_t told = 0;
	tear_down(state);
	begin(&(struct http_options){ .buffers_max = 4u << 20 });
	memset(head, 'x', sizeof head);
	memcpy(head, "GET / HTTP/1.1\r\nX: ", 19);
	for (int j = 0; j < 500; j++) {
		struct tcp_connection *k = fake_accept();
		fake_queue(k, head, sizeof head);
		fake_run(k);
		told += strncmp(k->out, "HTTP/1.1 503 ", 13) == 0;
	}
	assert_true(told > 200);
	http_counters(app.server, &n);
	assert_int_equal(n.connections_refused, told);
	fake_advance(2 * SECOND);
	struct tcp_connection *late = c = fake_accept();
	fake_queue(c, head, sizeof head); /* those who were before have had their time */
	fake_run(c);
	assert_true(fake_open(late));
	c = fake_accept();
	assert_starts(get("/"), "HTTP/1.1 200 ");
}

static void a_server_that_stops_says_so(void **state)
{
	(void)state;
	struct tcp_connection *idle = fake_accept(), *begins = fake_accept(), *later = c;
	send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	c = begins;
	send("GET / HTT");
	http_stop(app.server, fake.now + 20 * SECOND, NULL, NULL);
	assert_true(idle->shut && fake_open(begins) && fake_open(later));
	send("P/1.1\r\nHost: h\r\n\r\n");
	assert_has(begins->out, "Connection: close\r\n");
	assert_true(begins->shut);
	fake_advance(2 * SECOND);
	assert_has(later->out, "Connection: close\r\n");
	assert_has(later->out, "later GET /later? h");
	assert_true(later->shut);
}

/* ---- Log and figures ---- */

static void the_log_has_a_line_a_request_that_no_client_can_forge(void **state)
{
	(void)state;
	tear_down(state);
	begin(&(struct http_options){ .access_log = true });
	queue("GET /users/me?a=\"b HTTP/1.1\r\nHost: h\r\nReferer: http://x/\"\\\t\r\nUser-Agent: "
	      "\xc3\xa9 y\r\n\r\n");
	queue("HEAD / HTTP/1.0\r\n\r\n");
	fake_run(c);
	assert_string_equal(fake.console, "192.0.2.7 - - [06/Nov/1994:08:49:38 +0000] \"GET "
	                                  "/users/me?a=\\x22b HTTP/1.1\" 200 23 "
	                                  "\"http://x/\\x22\\x5c\" \"\\xc3\\xa9 y\"\n"
	                                  "192.0.2.7 - - [06/Nov/1994:08:49:38 +0000] \"HEAD / "
	                                  "HTTP/1.0\" 200 0 \"-\" \"-\"\n");
	c = fake_accept();
	send("\x16\x03\n");
	assert_has(fake.console, "\"- - HTTP/1.1\" 400 ");
}

static void log_lines_of_one_turn_are_one_write(void **state)
{
	(void)state;
	tear_down(state);
	begin(&(struct http_options){ .access_log = true });
	char text[27 * 40 + 1] = "";
	for (int k = 0; k < 40; k++)
		strcat(text, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	send(text);
	uint32_t lines = 0;
	for (const char *p = fake.console; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 40);
	assert_int_equal(fake.console_writes, 1);
	for (int k = 0; k < 200; k++) { /* more than its buffer */
		char many[3000] = "GET /?";
		memset(many + 6, '"', 2000);
		strcpy(many + 2006, " HTTP/1.1\r\nHost: h\r\n\r\n");
		fake_queue(c, many, strlen(many));
	}
	fake_run(c);
	lines = 0;
	for (const char *p = fake.console; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 240);
}

static void figures_count(void **state)
{
	(void)state;
	struct http_counters n;
	get("/");
	get("/nowhere");
	get("/users/%zz");
	get("/a b");
	http_counters(app.server, &n);
	assert_int_equal(n.connections, 1);
	assert_int_equal(n.requests, 4);
	assert_int_equal(n.responses[2], 1);
	assert_int_equal(n.responses[4], 3);
	assert_int_equal(n.malformed, 2);
	assert_true(n.bytes_out > 5);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_response_is_one_write_with_date_and_length),
		TEST(the_fast_path_allocates_nothing),
		TEST(the_date_follows_the_clock),
		TEST(head_says_what_get_says_without_the_body),
		TEST(fields_of_a_handler_cannot_split_a_response),
		TEST(no_content_has_neither_body_nor_length),
		TEST(streams_come_in_chunks),
		TEST(streams_to_http_1_0_end_with_the_connection),
		TEST(a_stream_that_is_too_short_breaks_the_connection),
		TEST(a_handler_that_ignores_a_full_buffer_comes_to_no_harm),
		TEST(literals_go_before_parameters_before_stars),
		TEST(paths_are_decoded_and_dots_removed),
		TEST(absolute_targets_name_the_host),
		TEST(an_empty_expectation_is_none),
		TEST(the_host_is_told_with_and_without_its_port),
		TEST(a_form_with_a_nul_is_a_bad_request),
		TEST(what_the_header_promises_is_answered),
		TEST(other_methods_are_told_what_is_allowed),
		TEST(routes_are_checked),
		TEST(connections_are_kept_as_the_versions_say),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(many_pipelined_requests_wait_for_the_client_to_read),
		TEST(empty_lines_before_a_request_are_skipped),
		TEST(a_half_closed_client_gets_its_answer),
		TEST(what_comes_after_the_last_response_is_thrown_away),
		TEST(a_client_that_goes_is_told_to_who_answers_later),
		TEST(a_handler_knows_the_peer),
		TEST(requests_on_a_connection_can_be_bounded),
		TEST(the_longest_idle_connection_makes_room),
		TEST(long_targets_get_414),
		TEST(long_heads_get_431),
		TEST(slow_heads_get_408_however_they_trickle),
		TEST(idle_connections_are_closed_after_their_time),
		TEST(a_client_that_takes_nothing_is_reset),
		TEST(a_client_that_takes_little_is_not),
		TEST(a_handler_that_answers_late_has_its_time),
		TEST(lack_of_memory_harms_nobody_else),
		TEST(pipelined_answers_to_a_slow_reader_arrive_whole),
		TEST(readers_who_take_nothing_leave_memory_to_others),
		TEST(large_answers_to_a_steady_reader_arrive_whole),
		TEST(a_task_streams_as_the_client_reads),
		TEST(an_answer_without_room_is_503_and_counted),
		TEST(heads_that_fill_memory_are_refused_in_words_and_counted),
		TEST(a_server_that_stops_says_so),
		TEST(the_log_has_a_line_a_request_that_no_client_can_forge),
		TEST(log_lines_of_one_turn_are_one_write),
		TEST(figures_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
