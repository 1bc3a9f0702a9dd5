/* SPDX-License-Identifier: ISC */
/* The proxy between a client and servers that are scripts. tests/proxy has real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <app/http/http_internal.h>
#include <app/proxy/internal.h>
#include <core/error.h>
#include <core/heap.h>

#include "talk.h"

static struct proxy *proxy;
static struct proxy_options options;

static void start(const char *upstreams)
{
	options.upstreams = upstreams;
	assert_int_equal(proxy_open(&proxy, &options), OK);
	assert_int_equal(proxy_route(app.server, proxy, 10000), OK);
}

static void stop(void)
{
	for (uint32_t k = 0; k < proxy->count; k++) {
		http_pool_close(proxy->upstreams[k].pool);
		heap_free(proxy->upstreams[k].host);
	}
	heap_free(proxy);
	memset(&options, 0, sizeof options);
}

/* The next server says this, and then ends if `ends`. */
static struct tcp_connection *server(const char *text, bool ends)
{
	struct tcp_connection *s = fake.next_server[fake.servers++] = fake_new();
	if (*text)
		fake_queue(s, text, strlen(text));
	if (ends)
		fake_queue_fin(s);
	return s;
}

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define HEAD "Host: h\r\n"
#define ADDED                                                                                      \
	"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n"         \
	"Forwarded: for=192.0.2.7;proto=http;host=\"h\"\r\nX-Request-Id: "

static void a_request_is_written_anew(void **state)
{
	(void)state;
	start("a:81");
	struct tcp_connection *s = server(OK_2, false);
	send("GET /x//y/../z?q HTTP/1.1\r\n" HEAD
	     "Connection: close, x-a\r\nX-A: 1\r\nx_b: 2\r\nTE: x\r\n"
	     "Forwarded: for=x\r\nC:\t3 \r\n\r\n");
	assert_starts(s->out, "GET /x//y/../z?q HTTP/1.1\r\nHost: h\r\nC: 3\r\n" ADDED);
	const char *tail = strstr(s->out, "X-Request-Id: ");
	assert_string_equal(tail + 46, "\r\nVia: 1.1 ampoule\r\n\r\n");
	const char *got = answer();
	assert_starts(got, "HTTP/1.1 200");
	assert_has(got, "Via: 1.1 ampoule\r\n");
	assert_string_equal(body_of(got), "ok");
	stop();
}

static void what_a_connection_field_names_is_dropped_and_not_what_it_must_not(void **state)
{
	(void)state;
	start("a:81");
	struct tcp_connection *s = server(OK_2, false);
	send("POST / HTTP/1.1\r\n" HEAD
	     "Connection: host, content-length, x-forwarded-for, x-request-id\r\n"
	     "Content-Length: 2\r\nX-Forwarded-For: 6\r\n\r\nhi");
	assert_starts(s->out, "POST / HTTP/1.1\r\nContent-Length: 2\r\nHost: h\r\n" ADDED);
	assert_lacks(s->out, "X-Forwarded-For: 6");
	assert_has(s->out, "\r\n\r\nhi");
	stop();
}

/* The hidden request must not be seen as one, and what is refused must not go on at all. */
static void nothing_ambiguous_goes_on(void **state)
{
#define HIDDEN "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"
	static const char *const table[] = {
		"POST / HTTP/1.1\r\n" HEAD
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
		"POST / HTTP/1.1\r\n" HEAD
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" HIDDEN,
		"POST / HTTP/1.1\r\n" HEAD
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
		"POST / HTTP/1.1\r\n" HEAD
		"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" HIDDEN,
		"POST / HTTP/1.1\r\n" HEAD "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" HIDDEN,
		"POST / HTTP/1.1\r\n" HEAD "Transfer-Encoding:\x0b"
		"chunked\r\n\r\n0\r\n\r\n" HIDDEN,
		"POST / HTTP/1.1\r\n" HEAD "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" HIDDEN,
		"POST / HTTP/1.1\r\n" HEAD "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" HIDDEN,
		"POST / HTTP/1.1\r\n" HEAD "Content-Length: 1\r\nContent-Length: 0\r\n\r\n" HIDDEN,
		"POST / HTTP/1.1\r\n" HEAD "Content-Length: +0\r\n\r\n" HIDDEN,
		"POST / HTTP/1.1\r\n" HEAD "Content-Length: 0, 0\r\n\r\n" HIDDEN,
		"POST / HTTP/1.1\r\n" HEAD "Content-Length:\r\n\r\n" HIDDEN,
		"POST / HTTP/1.0\r\n" HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
		"GET /p HTTP/1.1\n" HEAD "\n" HIDDEN,
		"GET /p HTTP/1.1\r\nHost: h\n\r\n" HIDDEN,
		"GET /p HTTP/1.1\r\nHost: h\r\n\n" HIDDEN,
		"GET /p HTTP/1.1\r\nHost: h\rX: y\r\n\r\n" HIDDEN,
		"GET /p HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n" HIDDEN,
		"GET /p HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n" HIDDEN,
		"GET /p HTTP/1.1\r\n Host: h\r\n\r\n" HIDDEN,
		"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n" HIDDEN,
		"GET /a HTTP/1.1 \r\nHost: h\r\n\r\n" HIDDEN,
	};
	(void)state;
	start("a:81");
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		c = fake_accept();
		answer();
		send(table[k]);
		const char *got = answer();
		if (strncmp(got, "HTTP/1.1 400", 12) != 0 && strncmp(got, "HTTP/1.1 501", 12) != 0)
			fail_msg("%s\n%s", table[k], got);
		assert_int_equal(fake.connects, 0);
	}
	stop();
}

static void half_a_body_is_never_ended(void **state)
{
	(void)state;
	start("a:81");
	struct tcp_connection *s = server("", false);
	queue("POST / HTTP/1.1\r\n" HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	queue("zz\r\n");
	app.server->options.gather_max = 0;
	fake_run(c);
	assert_starts(answer(), "HTTP/1.1 400");
	assert_int_equal(s->out_size, 0); /* it is gathered, and nothing of it was sent */
	stop();
}

static void half_an_answer_is_never_ended(void **state)
{
	static const char *const table[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
	};
	(void)state;
	start("a:81");
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		server(table[k], true);
		c = fake_accept();
		answer();
		send("GET /p HTTP/1.1\r\n" HEAD "\r\n");
		const char *got = answer();
		assert_has(got, "half");
		assert_lacks(got, "\r\n0\r\n");
		assert_true(c->aborted || c->gone);
	}
	struct proxy_counters n;
	proxy_counters(proxy, &n);
	assert_int_equal(n.requests, 3);
	assert_int_equal(n.failed, 3);
	assert_int_equal(n.upstreams, 1);
	stop();
}

static void what_is_no_answer_is_502(void **state)
{
	static const char *const table[] = {
		"",
		"nonsense\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	};
	(void)state;
	start("a:81");
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		server(table[k], true);
		c = fake_accept();
		answer();
		send("POST / HTTP/1.1\r\n" HEAD "\r\n");
		assert_starts(answer(), "HTTP/1.1 502");
	}
	stop();
}

static void another_is_asked_where_nothing_was_done(void **state)
{
	(void)state;
	start("a:81, b:82, c:83");
	server("", true);
	server("", true);
	struct tcp_connection *s = server(OK_2, false);
	send("GET /p HTTP/1.1\r\n" HEAD "\r\n");
	assert_starts(answer(), "HTTP/1.1 200");
	assert_starts(s->out, "GET /p ");
	struct proxy_counters n;
	proxy_counters(proxy, &n);
	assert_int_equal(n.retried, 2);
	assert_int_equal(n.up, 3);
	stop();
}

static void who_cannot_be_connected_is_passed_over(void **state)
{
	struct proxy_counters n;
	(void)state;
	start("absent:81, b:82");
	for (int k = 0; k < 3; k++) {
		server(OK_2, true);
		c = fake_open(c) ? c : fake_accept();
		answer();
		send("POST / HTTP/1.1\r\n" HEAD "Content-Length: 1\r\n\r\nx");
		assert_starts(answer(), "HTTP/1.1 200");
		proxy_counters(proxy, &n);
		assert_int_equal(n.retried, 1);
		assert_int_equal(n.up, 1);
	}
	fake_advance(11 * SECOND);
	proxy_counters(proxy, &n);
	assert_int_equal(n.up, 2);
	stop();
}

static void silence_is_504(void **state)
{
	(void)state;
	start("a:81");
	server("", false);
	send("GET /p HTTP/1.1\r\n" HEAD "\r\n");
	assert_starts(answer(), "HTTP/1.1 504");
	stop();
}

static void bounds_hold(void **state)
{
	(void)state;
	start("a:81");
	send("POST / HTTP/1.1\r\n" HEAD "Content-Length: 10001\r\n\r\n");
	assert_starts(answer(), "HTTP/1.1 413");
	c = fake_accept();
	send("TRACE / HTTP/1.1\r\n" HEAD "\r\n");
	assert_starts(answer(), "HTTP/1.1 405");
	assert_int_equal(fake.connects, 0);
	stop();
}

static void lists_of_servers_are_looked_at(void **state)
{
	static const char *const bad[] = { "",    " , ", "a b", "a:0", "a:65536",
		                           "a:x", ":80", "u@a", "a/b", "[::1" };
	struct proxy *none;
	char many[PROXY_UPSTREAMS_MAX * 2 + 3] = "";
	(void)state;
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		assert_int_equal(proxy_open(&none, &(struct proxy_options){ .upstreams = bad[k] }),
		                 ERR_INVALID);
	assert_int_equal(
	        proxy_open(&none, &(struct proxy_options){ .upstreams = "a", .health = "x" }),
	        ERR_INVALID);
	for (uint32_t k = 0; k <= PROXY_UPSTREAMS_MAX; k++)
		strcat(many, "a,");
	assert_int_equal(proxy_open(&none, &(struct proxy_options){ .upstreams = many }),
	                 ERR_INVALID);
	start("a, b:8080 ,[2001:db8::3]:81");
	assert_int_equal(proxy->count, 3);
	assert_int_equal(proxy->upstreams[0].port, 80);
	assert_string_equal(proxy->upstreams[1].host, "b");
	assert_string_equal(proxy->upstreams[2].host, "[2001:db8::3]");
	assert_int_equal(proxy->upstreams[2].port, 81);
	stop();
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_written_anew),
		TEST(what_a_connection_field_names_is_dropped_and_not_what_it_must_not),
		TEST(nothing_ambiguous_goes_on),
		TEST(half_a_body_is_never_ended),
		TEST(half_an_answer_is_never_ended),
		TEST(what_is_no_answer_is_502),
		TEST(another_is_asked_where_nothing_was_done),
		TEST(who_cannot_be_connected_is_passed_over),
		TEST(silence_is_504),
		TEST(bounds_hold),
		TEST(lists_of_servers_are_looked_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
