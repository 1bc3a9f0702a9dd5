/* SPDX-License-Identifier: ISC */
/* URLs, and where redirections lead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <app/http/fetch.h>
#include <core/error.h>

#include "fake.h"

static struct http_fetch fetch;
static struct http_response response;

static int set_up(void **state)
{
	(void)state;
	fake_start();
	fetch = (struct http_fetch){ 0 };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	http_fetch_close(&fetch);
	int left = (int)fake.allocated;
	fake_stop();
	return left;
}

/* The next connection's server says this. */
static struct tcp_connection *server(const char *text)
{
	struct tcp_connection *c = fake.next_server[fake.servers++] = fake_new();
	fake_queue(c, text, (uint32_t)strlen(text));
	return c;
}

static int get(const char *url)
{
	return http_fetch(&fetch, url, &response, fake.now + 5 * SECOND);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define TO(status_, where_)                                                                        \
	"HTTP/1.1 " status_ " Over there\r\nLocation: " where_ "\r\nContent-Length: 3\r\n\r\nhm\n"

static void urls_are_read(void **state)
{
	static const struct {
		const char *text;
		int error;
		bool is_secure;
		uint16_t port;
		const char *host, *target;
	} table[] = {
		{ "http://a", OK, false, 80, "a", "/" },
		{ "HTTPS://a.example:8443/x?y#z", OK, true, 8443, "a.example", "/x?y" },
		{ "http://a?b", OK, false, 80, "a", "/?b" },
		{ "http://a:/", OK, false, 80, "a", "/" },
		{ "http://[2001:db8::1]:81/", OK, false, 81, "[2001:db8::1]", "/" },
		{ "http://a/b/../c/./d/..", OK, false, 80, "a", "/c/" },
		{ "http://a/../../b?c/../d", OK, false, 80, "a", "/b?c/../d" },
		{ "http://a//b", OK, false, 80, "a", "//b" },
		{ "ftp://a/", ERR_MALFORMED, false, 0, 0, 0 },
		{ "http:/a", ERR_MALFORMED, false, 0, 0, 0 },
		{ "http:///a", ERR_MALFORMED, false, 0, 0, 0 },
		{ "http://u:p@a/", ERR_MALFORMED, false, 0, 0, 0 },
		{ "http://a:0/", ERR_MALFORMED, false, 0, 0, 0 },
		{ "http://a:65536/", ERR_MALFORMED, false, 0, 0, 0 },
		{ "http://a:8x/", ERR_MALFORMED, false, 0, 0, 0 },
		{ "http://[::1/", ERR_MALFORMED, false, 0, 0, 0 },
		{ "http://a/b c", ERR_MALFORMED, false, 0, 0, 0 },
		{ "http://a/\r\nX: y", ERR_MALFORMED, false, 0, 0, 0 },
		{ "http://a/\xc3\xa4", ERR_MALFORMED, false, 0, 0, 0 },
		{ "", ERR_MALFORMED, false, 0, 0, 0 },
	};
	char longest[HTTP_URL_MAX + 10];
	struct http_url u;
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		print_message("%s\n", table[k].text);
		assert_int_equal(http_url_read(&u, table[k].text, (uint32_t)strlen(table[k].text)),
		                 table[k].error);
		if (table[k].error)
			continue;
		assert_int_equal(u.is_secure, table[k].is_secure);
		assert_int_equal(u.port, table[k].port);
		assert_string_equal(u.host, table[k].host);
		assert_string_equal(u.target, table[k].target);
	}
	memset(longest, 'a', sizeof longest);
	memcpy(longest, "http://", 7);
	assert_int_equal(http_url_read(&u, longest, sizeof longest), ERR_TOO_BIG);
	assert_int_equal(http_url_read(&u, longest, 7 + HTTP_URL_HOST_MAX), ERR_TOO_BIG);
	longest[8] = '/';
	for (uint32_t size = HTTP_URL_MAX - 3; size < HTTP_URL_MAX; size++)
		assert_int_equal(http_url_read(&u, longest, size), OK);
}

/* RFC 3986 §5.4, as far as a path is concerned. */
static void references_are_resolved(void **state)
{
	static const char *const table[][2] = {
		{ "g", "/b/c/g" },
		{ "./g", "/b/c/g" },
		{ "g/", "/b/c/g/" },
		{ "/g", "/g" },
		{ "?y", "/b/c/d;p?y" },
		{ "g?y", "/b/c/g?y" },
		{ "#s", "/b/c/d;p?q" },
		{ "g#s", "/b/c/g" },
		{ "g?y#s", "/b/c/g?y" },
		{ ";x", "/b/c/;x" },
		{ "g;x", "/b/c/g;x" },
		{ "", "/b/c/d;p?q" },
		{ ".", "/b/c/" },
		{ "./", "/b/c/" },
		{ "..", "/b/" },
		{ "../", "/b/" },
		{ "../g", "/b/g" },
		{ "../..", "/" },
		{ "../../", "/" },
		{ "../../g", "/g" },
		{ "../../../g", "/g" },
		{ "../../../../g", "/g" },
		{ "/./g", "/g" },
		{ "/../g", "/g" },
		{ "g.", "/b/c/g." },
		{ ".g", "/b/c/.g" },
		{ "g..", "/b/c/g.." },
		{ "..g", "/b/c/..g" },
		{ "./../g", "/b/g" },
		{ "./g/.", "/b/c/g/" },
		{ "g/./h", "/b/c/g/h" },
		{ "g/../h", "/b/c/h" },
		{ "g;x=1/./y", "/b/c/g;x=1/y" },
		{ "g;x=1/../y", "/b/c/y" },
		{ "g?y/./x", "/b/c/g?y/./x" },
		{ "g?y/../x", "/b/c/g?y/../x" },
	};
	struct http_url base, u;
	(void)state;
	assert_int_equal(http_url_read(&base, "http://a/b/c/d;p?q", 18), OK);
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		assert_int_equal(
		        http_url_resolve(&u, &base, table[k][0], (uint32_t)strlen(table[k][0])),
		        OK);
		assert_string_equal(u.target, table[k][1]);
		assert_true(http_url_same_origin(&u, &base));
	}
	assert_int_equal(http_url_resolve(&u, &base, "//G:81", 6), OK);
	assert_string_equal(u.host, "G");
	assert_int_equal(u.port, 81);
	assert_false(http_url_same_origin(&u, &base));
	assert_int_equal(http_url_resolve(&u, &base, "HTTP://A:80/x", 13), OK);
	assert_true(http_url_same_origin(&u, &base));
	assert_int_equal(http_url_resolve(&u, &base, "https://a/x", 11), OK);
	assert_false(http_url_same_origin(&u, &base));
	assert_int_equal(http_url_resolve(&u, &base, "mailto:a", 8), ERR_MALFORMED);
	assert_int_equal(http_url_resolve(&u, &base, "g\r\n", 3), ERR_MALFORMED);
}

static void an_answer_is_read(void **state)
{
	char body[8];
	struct tcp_connection *s = server(OK_HEAD);
	(void)state;
	assert_int_equal(get("http://a.example:81/x?y#z"), OK);
	assert_string_equal(s->out, "GET /x?y HTTP/1.1\r\nHost: a.example:81\r\n\r\n");
	assert_int_equal(http_client_read(fetch.client, body, sizeof body, fake.now + SECOND), 2);
	assert_int_equal(fetch.redirections, 0);
}

static void redirections_are_followed(void **state)
{
	struct tcp_connection *first = server(TO("301", "../b")), *second, *third;
	(void)state;
	fake_queue_fin(first);
	fake_queue_fin(second = server(TO("302", "?c")));
	third = server(OK_HEAD);
	assert_int_equal(get("http://a/x/a"), OK);
	assert_int_equal(fetch.redirections, 2);
	assert_string_equal(first->out, "GET /x/a HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(second->out, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(third->out, "GET /b?c HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_string_equal(fetch.url.target, "/b?c");
}

/* ... whose server says nothing more here. */
static void an_open_connection_is_kept_for_the_next(void **state)
{
	struct tcp_connection *c = server(TO("301", "/b"));
	(void)state;
	assert_int_equal(get("http://a/"), ERR_TIMEOUT);
	assert_int_equal(fake.connects, 1);
	assert_string_equal(c->out, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: "
	                            "a\r\n\r\n");
}

static void methods_change_as_the_status_says(void **state)
{
	static const struct {
		const char *status, *method, *then;
	} table[] = {
		{ TO("301", "/b"), "POST", "GET /b HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ TO("302", "/b"), "POST", "GET /b HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ TO("303", "/b"), "POST", "GET /b HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ TO("303", "/b"), "PUT", "GET /b HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ TO("307", "/b"), "POST",
		  "POST /b HTTP/1.1\r\nHost: a\r\nContent-Type: t/p\r\nContent-Length: "
		  "2\r\n\r\nhi" },
		{ TO("308", "/b"), "POST",
		  "POST /b HTTP/1.1\r\nHost: a\r\nContent-Type: t/p\r\nContent-Length: "
		  "2\r\n\r\nhi" },
		{ TO("302", "/b"), "PUT",
		  "PUT /b HTTP/1.1\r\nHost: a\r\nContent-Type: t/p\r\nContent-Length: "
		  "2\r\n\r\nhi" },
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		struct tcp_connection *first = server(table[k].status);
		fake_queue_fin(first);
		struct tcp_connection *s = server(OK_HEAD);
		fetch = (struct http_fetch){
			.method = table[k].method, .type = "t/p", .body = "hi", .size = 2
		};
		assert_int_equal(get("http://a/"), OK);
		assert_string_equal(s->out, table[k].then);
		assert_int_equal(tear_down(state), 0);
		set_up(state);
	}
}

static void secrets_stay_with_their_origin(void **state)
{
	static const char fields[] = "Accept: x\r\nAuthorization: Basic abc\r\ncookie: "
	                             "c\r\nPROXY-Authorization: p\r\nX: y\r\n";
	struct tcp_connection *first = server(TO("302", "/same"));
	fake_queue_fin(first);
	struct tcp_connection *same = server(TO("302", "http://other/"));
	fake_queue_fin(same);
	struct tcp_connection *other = server(TO("302", "http://a/back"));
	fake_queue_fin(other);
	struct tcp_connection *back = server(OK_HEAD);
	(void)state;
	fetch.fields = fields;
	assert_int_equal(get("http://a/"), OK);
	assert_non_null(strstr(same->out, fields));
	assert_string_equal(other->out,
	                    "GET / HTTP/1.1\r\nHost: other\r\nAccept: x\r\nX: y\r\n\r\n");
	/* Not even on the way back: who led there is not known to be trusted. */
	assert_string_equal(back->out,
	                    "GET /back HTTP/1.1\r\nHost: a\r\nAccept: x\r\nX: y\r\n\r\n");
}

static void redirections_have_an_end(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 5; k++)
		fake_queue_fin(server(TO("302", "/")));
	fetch.redirections_max = 3;
	assert_int_equal(get("http://a/"), ERR_TOO_BIG);
	assert_int_equal(fetch.redirections, 4);
	assert_int_equal(fake.connects, 4);
}

static void what_leads_nowhere_is_refused(void **state)
{
	(void)state;
	fake_queue_fin(server(TO("302", "ftp://a/")));
	assert_int_equal(get("http://a/"), ERR_MALFORMED);
	http_fetch_close(&fetch);
	fake_queue_fin(server(TO("302", "https://a/")));
	assert_int_equal(get("http://a/"), ERR_INVALID); /* there is no layer */
	http_fetch_close(&fetch);
	server("HTTP/1.1 302 Nowhere\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(get("http://a/"), OK);
	assert_int_equal(response.status, 302);
	http_fetch_close(&fetch);
	server("HTTP/1.1 304 Not Modified\r\nLocation: /b\r\n\r\n");
	assert_int_equal(get("http://a/"), OK);
	assert_int_equal(response.status, 304);
	http_fetch_close(&fetch);
	assert_int_equal(get("http://absent/"), ERR_ABSENT);
}

/* TLS without its secrets: what passes through is the same. */
static int layer_open(void **stream, void *context, struct tcp_connection *c, const char *host,
                      uint64_t deadline_ns)
{
	(void)context, (void)host, (void)deadline_ns;
	*stream = c;
	return OK;
}

static int64_t layer_peek(void *stream, const uint8_t **bytes, uint64_t deadline_ns)
{
	return tcp_peek(stream, bytes, deadline_ns);
}

static void layer_consume(void *stream, uint32_t size)
{
	tcp_consume(stream, size);
}

static int layer_write(void *stream, const void *bytes, uint32_t size, uint64_t deadline_ns)
{
	return tcp_write(stream, bytes, size, deadline_ns);
}

static void layer_close(void *stream)
{
	tcp_close(stream);
}

static void nothing_leads_from_https_to_http(void **state)
{
	static const struct tcp_client_layer layer = { layer_open, layer_peek, layer_consume,
		                                       layer_write, layer_close };
	(void)state;
	fetch.layer = &layer;
	fake_queue_fin(server(TO("301", "https://a/x")));
	fake_queue_fin(server(TO("307", "http://a/x")));
	assert_int_equal(get("http://a/"), ERR_REFUSED);
	assert_int_equal(fake.connects, 2);
	assert_true(fetch.url.is_secure);
	assert_int_equal(fetch.url.port, 443);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(urls_are_read),
		TEST(references_are_resolved),
		TEST(an_answer_is_read),
		TEST(redirections_are_followed),
		TEST(an_open_connection_is_kept_for_the_next),
		TEST(methods_change_as_the_status_says),
		TEST(secrets_stay_with_their_origin),
		TEST(redirections_have_an_end),
		TEST(what_leads_nowhere_is_refused),
		TEST(nothing_leads_from_https_to_http),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
