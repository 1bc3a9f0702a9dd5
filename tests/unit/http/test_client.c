/* SPDX-License-Identifier: ISC */
/* The client against servers that are scripts: what it sends, what it makes of answers however they
 * are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <app/http/pool.h>
#include <core/error.h>

#include "fake.h"

static struct http_client *client;
static struct http_response response;

static int set_up(void **state)
{
	(void)state;
	fake_start();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	http_client_close(client);
	client = NULL;
	int left = (int)fake.allocated;
	fake_stop();
	return left;
}

/* The next server says this, in pieces of `piece` bytes (0: at once), and then ends if `ends`. */
static struct tcp_connection *server(const char *text, uint32_t piece, bool ends)
{
	struct tcp_connection *c = fake.next_server[fake.servers++] = fake_new();
	uint32_t size = (uint32_t)strlen(text);
	piece = piece ? piece : size;
	for (uint32_t at = 0; at < size; at += piece)
		fake_queue(c, text + at, piece < size - at ? piece : size - at);
	if (ends)
		fake_queue_fin(c);
	return c;
}

static uint64_t soon(void)
{
	return fake.now + 5 * SECOND;
}

static int get(const char *target)
{
	return http_client_get(client, target, &response, soon());
}

static int open_client(void)
{
	return http_client_open(&client, "example.org", 80, soon());
}

/* Reads the body, and returns what the last read did. */
static int64_t read_body(char *to, uint32_t room)
{
	int64_t n;
	uint32_t size = 0;
	while ((n = http_client_read(client, to + size, room - size - 1 < 7 ? room - size - 1 : 7,
	                             soon())) > 0)
		size += (uint32_t)n;
	to[size] = 0;
	return n;
}

static void assert_body(const char *want)
{
	char body[256];
	assert_int_equal(read_body(body, sizeof body), 0);
	assert_string_equal(body, want);
}

static void a_request_names_the_host(void **state)
{
	(void)state;
	struct tcp_connection *s = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, false);
	assert_int_equal(open_client(), OK);
	assert_int_equal(get("/a?b"), OK);
	assert_string_equal(s->out, "GET /a?b HTTP/1.1\r\nHost: example.org\r\n\r\n");
	http_client_close(client);
	s = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, false);
	assert_int_equal(http_client_open(&client, "10.0.0.1", 8080, soon()), OK);
	assert_int_equal(http_client_request(client, "POST", "/", "X: y\r\n", "text/plain", "body",
	                                     4, &response, soon()),
	                 OK);
	assert_string_equal(s->out, "POST / HTTP/1.1\r\nHost: 10.0.0.1:8080\r\nContent-Type: "
	                            "text/plain\r\nContent-Length: 4\r\n"
	                            "X: y\r\n\r\nbody");
}

static void bodies_end_as_their_heads_say(void **state)
{
	static const struct {
		const char *text, *body;
		uint64_t size;
		bool ends;
	} table[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 5, false },
		{ "HTTP/1.1 200 OK\r\ncontent-length:5 \r\n\r\nhellomore", "hello", 5, false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\nT: v\r\n\r\n",
		  "hello", HTTP_UNKNOWN, false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		  "x", HTTP_UNKNOWN, false },
		{ "HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end", HTTP_UNKNOWN, true },
		{ "HTTP/1.0 200 OK\r\n\r\n", "", HTTP_UNKNOWN, true },
		{ "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", "x", 1, false },
		{ "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx", "x", 1, false },
		{ "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "", 0, false },
		{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", 0, false },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: "
		  "x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		  "ok", 2, false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
		  "ok", 2, false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nbytes", "bytes",
		  HTTP_UNKNOWN, true },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: ,identity, "
		  "Chunked\r\n\r\n2\r\nok\r\n0\r\nT: v\r\n w\r\n\r\n",
		  "ok", HTTP_UNKNOWN, false },
		{ "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length:\r\n\t5\r\n \r\n\r\nhello",
		  "hello", 5, false },
	};
	(void)state;
	for (uint32_t piece = 0; piece < 12; piece++) {
		for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
			set_up(state);
			server(table[k].text, piece, table[k].ends);
			assert_int_equal(open_client(), OK);
			if (get("/"))
				fail_msg("%s", table[k].text);
			assert_int_equal(response.size, table[k].size);
			assert_body(table[k].body);
			assert_int_equal(http_client_read(client, (char[1]){ 0 }, 1, soon()),
			                 0); /* and again */
			assert_int_equal(tear_down(state), 0);
		}
	}
}

static void malformed_responses_are_errors(void **state)
{
	static const struct {
		const char *text;
		int head, body;
	} table[] = {
		{ "", ERR_CLOSED, 0 },
		{ "HTTP/1.1 200 OK\r\n", ERR_CLOSED, 0 },
		{ "HTTP/1.1 200 OK\n\n", ERR_MALFORMED, 0 },
		{ "HTTP/2.0 200 OK\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.1 20 OK\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.1 2000 OK\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.1 099 OK\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.1 abc OK\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.1  200 OK\r\n\r\n", ERR_MALFORMED, 0 },
		{ "SSH-2.0-x\r\n\r\n", ERR_MALFORMED, 0 },
		{ "\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.1 200 OK\r\nA b\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", ERR_MALFORMED, 0 }, /* folds nothing */
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n T: "
		  "v\r\n\r\n",
		  OK, ERR_MALFORMED },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 x\r\nok\r\n0\r\n\r\n", OK,
		  ERR_MALFORMED },
		{ "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		  ERR_MALFORMED, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ERR_MALFORMED,
		  0 },
		{ "HTTP/1.1 200 O\x01K\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.1 200 OK\rX\r\n\r\n", ERR_MALFORMED, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", OK, ERR_CLOSED },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", OK, ERR_CLOSED },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", OK,
		  ERR_CLOSED },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", OK, ERR_MALFORMED },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX", OK,
		  ERR_MALFORMED },
	};
	(void)state;
	for (uint32_t piece = 0; piece < 8; piece++) {
		for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
			char body[100];
			set_up(state);
			server(table[k].text, piece, true);
			assert_int_equal(open_client(), OK);
			int error = get("/");
			if (error != table[k].head)
				fail_msg("%d: %s", error, table[k].text);
			if (!error)
				assert_int_equal(read_body(body, sizeof body), table[k].body);
			assert_int_equal(tear_down(state), 0);
		}
	}
}

/* "gzip, chunked" came with its chunks' sizes as the body. */
static void a_coding_that_nobody_asked_for_is_refused_in_words(void **state)
{
	static const char *const codings[] = { "gzip, chunked",
		                               "gzip",
		                               "chunked, gzip",
		                               "chunked, chunked",
		                               "gzip\r\nTransfer-Encoding: chunked",
		                               "chunked;q=1",
		                               "x" };
	(void)state;
	for (size_t k = 0; k < sizeof codings / sizeof *codings; k++) {
		char text[200];
		set_up(state);
		snprintf(text, sizeof text,
		         "HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		         codings[k]);
		struct tcp_connection *s = server(text, 0, false);
		assert_int_equal(open_client(), OK);
		assert_int_equal(get("/"), ERR_MALFORMED);
		assert_true(s->closed);
		char byte;
		assert_int_equal(http_client_read(client, &byte, 1, soon()), 0);
		assert_int_equal(tear_down(state), 0);
	}
}

static void a_folded_field_is_one_with_spaces(void **state)
{
	(void)state;
	server("HTTP/1.1 200 OK\r\nX: a,\r\n  b,\r\n\tc\r\nContent-Length: 0\r\n\r\n", 5, false);
	assert_int_equal(open_client(), OK);
	assert_int_equal(get("/"), OK);
	assert_true(http_text_is(http_client_header(client, "x"), "a,    b,  \tc"));
}

static void the_size_of_head_is_what_get_would_bring(void **state)
{
	(void)state;
	server("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"
	       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	       "HTTP/1.1 200 OK\r\n\r\n"
	       "HTTP/1.1 204 OK\r\n\r\n",
	       0, false);
	assert_int_equal(open_client(), OK);
	static const uint64_t sizes[] = { 1234, HTTP_UNKNOWN, HTTP_UNKNOWN, 0 };
	for (size_t k = 0; k < 4; k++) {
		assert_int_equal(http_client_request(client, "HEAD", "/", NULL, NULL, NULL, 0,
		                                     &response, soon()),
		                 OK);
		assert_true(response.size == sizes[k]);
		assert_body("");
	}
	assert_int_equal(fake.connects, 1);
}

static void heads_and_hints_have_bounds(void **state)
{
	(void)state;
	struct tcp_connection *s = server("HTTP/1.1 200 OK\r\n", 0, false);
	for (int k = 0; k < 2000; k++)
		fake_queue(s, "Xxxxx: y\r\n", 10);
	assert_int_equal(open_client(), OK);
	assert_int_equal(get("/"), ERR_TOO_BIG);
	s = server("", 0, false);
	for (int k = 0; k < 17; k++)
		fake_queue(s, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	assert_int_equal(get("/"), ERR_MALFORMED);
	s = server("HTTP/1.1 200 OK\r\n", 0, false);
	for (int k = 0; k < 101; k++)
		fake_queue(s, "X: y\r\n", 6);
	fake_queue(s, "\r\n", 2);
	assert_int_equal(get("/"), ERR_MALFORMED);
}

static void a_connection_is_kept_and_what_was_not_read_is_skipped(void **state)
{
	(void)state;
	struct tcp_connection *s = server(
	        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: first\r\n\r\nhello"
	        "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
	        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 202 "
	        "Accepted\r\nContent-Length: 1\r\n\r\nx",
	        3, false);
	assert_int_equal(open_client(), OK);
	assert_int_equal(get("/1"), OK);
	assert_true(http_text_is(http_client_header(client, "x"), "first"));
	assert_int_equal(get("/2"), OK);
	assert_int_equal(response.status, 201);
	assert_null(http_client_header(client, "x").bytes);
	assert_int_equal(
	        http_client_request(client, "HEAD", "/3", NULL, NULL, NULL, 0, &response, soon()),
	        OK);
	assert_body("");
	assert_int_equal(get("/4"), OK);
	assert_int_equal(response.status, 202);
	assert_body("x");
	assert_int_equal(fake.connects, 1);
	assert_true(fake_open(s));
}

static void a_connection_that_was_closed_is_opened_again_once(void **state)
{
	(void)state;
	struct tcp_connection *first =
	        server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 0, true);
	server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb", 0, true);
	assert_int_equal(open_client(), OK);
	assert_int_equal(get("/"), OK);
	assert_body("a");
	assert_int_equal(get("/"), OK);
	assert_body("b");
	assert_true(first->closed);
	assert_int_equal(fake.connects, 2);
	/* What may not be repeated is not. */
	server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc", 0, true);
	assert_int_equal(
	        http_client_request(client, "POST", "/", NULL, NULL, "x", 1, &response, soon()),
	        ERR_CLOSED);
	assert_int_equal(fake.connects, 2);
	/* But the next request finds a connection. */
	assert_int_equal(get("/"), OK);
	assert_body("c");
	/* Nor does it go on for ever. */
	server("", 0, true);
	server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, true);
	assert_int_equal(get("/"), ERR_CLOSED);
	assert_int_equal(fake.connects, 4);
}

static void a_server_that_closes_is_believed(void **state)
{
	(void)state;
	static const char *const closing[] = {
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
		"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
		"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: "
		"chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
	};
	for (size_t k = 0; k < 3; k++)
		server(closing[k], 0, false);
	assert_int_equal(open_client(), OK);
	for (uint32_t k = 0; k < 3; k++) {
		assert_int_equal(get("/"), OK);
		assert_body("a");
		assert_int_equal(fake.connects, k + 1);
	}
}

static void silence_ends_at_the_deadline(void **state)
{
	(void)state;
	server("HTTP/1.1 200 OK\r\n", 0, false);
	assert_int_equal(open_client(), OK);
	uint64_t deadline = soon();
	assert_int_equal(http_client_get(client, "/", &response, deadline), ERR_TIMEOUT);
	assert_true(fake.now == deadline);
	server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", 0, false);
	char body[10];
	assert_int_equal(get("/"), OK);
	assert_int_equal(read_body(body, sizeof body), ERR_TIMEOUT);
}

static void requests_that_would_split_are_refused(void **state)
{
	static const struct {
		const char *method, *target, *fields, *type;
	} table[] = { { "", "/", NULL, NULL },
		      { "GET X", "/", NULL, NULL },
		      { "GET\r\n", "/", NULL, NULL },
		      { "GET", "", NULL, NULL },
		      { "GET", "a", NULL, NULL },
		      { "GET", "/a b", NULL, NULL },
		      { "GET", "/\r\nX: y", NULL, NULL },
		      { "GET", "/\n", NULL, NULL },
		      { "GET", "/#a", NULL, NULL },
		      { "GET", "/", "X", NULL },
		      { "GET", "/", "X: y", NULL },
		      { "GET", "/", "X: y\n", NULL },
		      { "GET", "/", "X: y\r\n\r\nGET / HTTP/1.1\r\n", NULL },
		      { "GET", "/", "X : y\r\n", NULL },
		      { "GET", "/", ": y\r\n", NULL },
		      { "GET", "/", "X: \x01\r\n", NULL },
		      { "GET", "/", NULL, "a/b\r\nX: y" } };
	static const char *const hosts[] = { "a b", "a/b",  "a\r\nX: y", "u@a",  "a#",
		                             "a?",  "a\\b", "",          "a:80", "a\"b",
		                             "<a>", "a%zz", "[::1",      "[1]" };
	(void)state;
	struct tcp_connection *s = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, false);
	assert_int_equal(open_client(), OK);
	for (size_t k = 0; k < sizeof table / sizeof *table; k++)
		assert_int_equal(http_client_request(client, table[k].method, table[k].target,
		                                     table[k].fields, table[k].type, NULL, 0,
		                                     &response, soon()),
		                 ERR_INVALID);
	assert_int_equal(s->out_size, 0);
	assert_int_equal(get("/"), OK); /* it is as good as before */
	struct http_client *other;
	for (size_t k = 0; k < sizeof hosts / sizeof *hosts; k++)
		assert_int_equal(http_client_open(&other, hosts[k], 80, soon()), ERR_INVALID);
}

static void what_cannot_be_opened_says_why(void **state)
{
	struct http_client *none;
	(void)state;
	assert_int_equal(http_client_open(&none, "absent.example", 80, soon()), ERR_ABSENT);
	assert_int_equal(http_client_open(&none, "example.org", 80, soon()), ERR_REFUSED);
	fake.connect_error = ERR_TIMEOUT;
	assert_int_equal(http_client_open(&none, "example.org", 80, soon()), ERR_TIMEOUT);
	fake.memory_fails = true;
	assert_int_equal(http_client_open(&none, "example.org", 80, soon()), ERR_MEMORY);
	fake.memory_fails = false;
	assert_int_equal(fake.allocated, 0);
}

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void bodies_are_sent_as_they_are_made(void **state)
{
	(void)state;
	struct tcp_connection *s = server(OK_EMPTY, 0, false);
	assert_int_equal(open_client(), OK);
	assert_int_equal(http_client_begin(client, "PUT", "/a", "Host: other\r\nX: y\r\n",
	                                   HTTP_UNKNOWN, soon()),
	                 OK);
	assert_int_equal(http_client_write(client, "seventeen bytes..", 17, soon()), OK);
	assert_int_equal(http_client_write(client, "", 0, soon()), OK);
	assert_int_equal(http_client_write(client, "b", 1, soon()), OK);
	assert_int_equal(http_client_end(client, &response, soon()), OK);
	assert_int_equal(response.status, 200);
	assert_string_equal(
	        s->out,
	        "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: other\r\nX: y\r\n\r\n"
	        "11\r\nseventeen bytes..\r\n1\r\nb\r\n0\r\n\r\n");
	assert_true(http_client_kept(client));
	fake_queue(s, OK_EMPTY, sizeof OK_EMPTY - 1);
	uint64_t before = s->out_size;
	assert_int_equal(http_client_begin(client, "POST", "/b", NULL, 3, soon()), OK);
	assert_int_equal(http_client_write(client, "four", 4, soon()), ERR_TOO_BIG);
	assert_int_equal(http_client_write(client, "ab", 2, soon()), OK);
	assert_int_equal(http_client_write(client, "c", 1, soon()), OK);
	assert_int_equal(http_client_end(client, &response, soon()), OK);
	assert_string_equal(
	        s->out + before,
	        "POST /b HTTP/1.1\r\nHost: example.org\r\nContent-Length: 3\r\n\r\nabc");
	assert_int_equal(fake.connects, 1);
}

/* It says no before it has all: what was not sent is not sent on this connection. */
static void a_server_may_answer_early(void **state)
{
	(void)state;
	struct tcp_connection *s = fake.next_server[fake.servers++] = fake_new();
	server(OK_EMPTY, 0, false);
	assert_int_equal(open_client(), OK);
	assert_int_equal(http_client_begin(client, "POST", "/", NULL, 1000, soon()), OK);
	assert_int_equal(http_client_write(client, "a", 1, soon()), OK);
	assert_int_equal(http_client_early(client, &response, soon()), 0);
	static const char no[] = "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno";
	fake_queue(s, no, sizeof no - 1);
	assert_int_equal(http_client_early(client, &response, soon()), 1);
	assert_int_equal(response.status, 413);
	assert_body("no");
	assert_false(http_client_kept(client));
	assert_int_equal(get("/"), OK);
	assert_true(s->closed);
	assert_int_equal(fake.connects, 2);
}

/* It says yes before it has all: then the body is ended, and the connection goes on. */
static void a_body_is_ended_behind_an_early_answer(void **state)
{
	(void)state;
	struct tcp_connection *s = fake.next_server[fake.servers++] = fake_new();
	assert_int_equal(open_client(), OK);
	assert_int_equal(http_client_begin(client, "POST", "/", NULL, HTTP_UNKNOWN, soon()), OK);
	fake_queue(s, OK_EMPTY, sizeof OK_EMPTY - 1);
	assert_int_equal(http_client_early(client, &response, soon()), 1);
	assert_false(http_client_kept(client));
	assert_int_equal(http_client_write(client, "a", 1, soon()), OK);
	assert_int_equal(http_client_end(client, &response, soon()), OK);
	assert_int_equal(response.status, 200);
	assert_non_null(strstr(s->out, "\r\n\r\n1\r\na\r\n0\r\n\r\n"));
	assert_true(http_client_kept(client));
}

/* Half a chunk was taken: no end follows it, and no other request. */
static void nothing_follows_a_write_that_failed(void **state)
{
	(void)state;
	struct tcp_connection *s = server("", 0, false);
	assert_int_equal(open_client(), OK);
	assert_int_equal(http_client_begin(client, "POST", "/", NULL, HTTP_UNKNOWN, soon()), OK);
	s->stalled = true;
	s->out_room = s->out_size - s->acknowledged + 4; /* for the chunk's size */
	assert_int_equal(http_client_write(client, "ten bytes.", 10, soon()), ERR_TIMEOUT);
	s->stalled = false;
	fake_queue(s, OK_EMPTY, sizeof OK_EMPTY - 1);
	assert_int_equal(http_client_end(client, &response, soon()), OK);
	assert_null(strstr(s->out, "0\r\n\r\n"));
	assert_false(http_client_kept(client));
}

static void an_abandoned_request_is_not_answered_by_the_next_ones(void **state)
{
	(void)state;
	struct tcp_connection *s = server("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", 0, false);
	server(OK_EMPTY, 0, false);
	assert_int_equal(open_client(), OK);
	assert_int_equal(http_client_begin(client, "GET", "/a", NULL, 0, soon()), OK);
	assert_false(http_client_kept(client));
	assert_int_equal(get("/b"), OK);
	assert_int_equal(response.status, 200);
	assert_true(s->closed);
}

static void all_fields_are_listed(void **state)
{
	struct http_text name, value;
	char all[100] = "";
	(void)state;
	server("HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\na:\r\n\r\n", 0, false);
	assert_int_equal(open_client(), OK);
	uint32_t at = 0;
	assert_false(http_client_field_next(client, &at, &name, &value));
	assert_int_equal(get("/"), OK);
	while (http_client_field_next(client, &at, &name, &value))
		snprintf(all + strlen(all), 50, "%.*s=%.*s;", (int)name.size, name.bytes,
		         (int)value.size, value.bytes);
	assert_string_equal(all, "A=1;Content-Length=0;a=;");
}

static void a_pool_keeps_what_is_good(void **state)
{
	struct http_pool *pool;
	struct http_client *a, *b;
	(void)state;
	for (int k = 0; k < 6; k++)
		server(OK_EMPTY, 0, k == 3);
	assert_int_equal(http_pool_open(&pool, "", 80, NULL), ERR_INVALID);
	assert_int_equal(
	        http_pool_open(&pool, "example.org", 80,
	                       &(struct http_pool_options){ .kept_max = 1, .idle_ns = 9 * SECOND }),
	        OK);
	assert_int_equal(http_pool_take(pool, &a, false, soon()), OK);
	assert_int_equal(http_pool_take(pool, &b, false, soon()), OK);
	assert_int_equal(fake.connects, 2);
	assert_int_equal(http_client_get(a, "/", &response, soon()), OK);
	assert_int_equal(http_client_get(b, "/", &response, soon()), OK);
	http_pool_give(pool, a);
	http_pool_give(pool, b); /* one too many */
	assert_int_equal(http_pool_take(pool, &b, false, soon()), OK);
	assert_ptr_equal(a, b);
	assert_int_equal(fake.connects, 2);
	http_pool_give(pool, a);
	assert_int_equal(http_pool_take(pool, &b, true, soon()), OK); /* 2: a fresh one */
	assert_int_equal(fake.connects, 3);
	http_client_close(b);
	fake_advance(10 * SECOND);
	assert_int_equal(http_pool_take(pool, &a, false, soon()),
	                 OK); /* 3: the kept one is too old */
	assert_int_equal(fake.connects, 4);
	assert_int_equal(http_client_get(a, "/", &response, soon()), OK);
	http_pool_give(pool, a);                                       /* closed by its server */
	assert_int_equal(http_pool_take(pool, &a, false, soon()), OK); /* 4 */
	assert_int_equal(fake.connects, 5);
	assert_int_equal(http_client_begin(a, "GET", "/", NULL, 0, soon()), OK);
	http_pool_give(pool, a);                                       /* not answered */
	assert_int_equal(http_pool_take(pool, &a, false, soon()), OK); /* 5 */
	assert_int_equal(fake.connects, 6);
	http_pool_give(pool, a);
	http_pool_close(pool);
}

static void what_was_smuggled_in_is_not_kept(void **state)
{
	struct http_pool *pool;
	(void)state;
	server(OK_EMPTY "HTTP/1.1 200 Smuggled\r\n\r\n", 0, false);
	assert_int_equal(http_pool_open(&pool, "example.org", 80, NULL), OK);
	assert_int_equal(http_pool_take(pool, &client, false, soon()), OK);
	assert_int_equal(get("/"), OK);
	assert_false(http_client_kept(client));
	http_pool_close(pool);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_names_the_host),
		cmocka_unit_test(bodies_end_as_their_heads_say),
		cmocka_unit_test(malformed_responses_are_errors),
		cmocka_unit_test(a_coding_that_nobody_asked_for_is_refused_in_words),
		TEST(a_folded_field_is_one_with_spaces),
		TEST(the_size_of_head_is_what_get_would_bring),
		TEST(heads_and_hints_have_bounds),
		TEST(a_connection_is_kept_and_what_was_not_read_is_skipped),
		TEST(a_connection_that_was_closed_is_opened_again_once),
		TEST(a_server_that_closes_is_believed),
		TEST(silence_ends_at_the_deadline),
		TEST(requests_that_would_split_are_refused),
		TEST(what_cannot_be_opened_says_why),
		TEST(bodies_are_sent_as_they_are_made),
		TEST(a_server_may_answer_early),
		TEST(a_body_is_ended_behind_an_early_answer),
		TEST(nothing_follows_a_write_that_failed),
		TEST(an_abandoned_request_is_not_answered_by_the_next_ones),
		TEST(all_fields_are_listed),
		TEST(a_pool_keeps_what_is_good),
		TEST(what_was_smuggled_in_is_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
