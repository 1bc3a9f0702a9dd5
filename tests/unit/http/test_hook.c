/* SPDX-License-Identifier: ISC */
/* Hooks, request identifiers, the access log as JSON, bounds of bodies by route. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <app/http/access.h>
#include <app/http/hook.h>
#include <app/http/id.h>
#include <core/error.h>

#include "talk.h"

static char seen[512];

static bool before(struct http_exchange *x, void *context)
{
	strcat(seen, context);
	http_set(x, "X-Before", context);
	return true;
}

static bool refuse(struct http_exchange *x, void *context)
{
	strcat(seen, "no ");
	http_fail(x, 403);
	return context != NULL; /* it may lie */
}

static void after(struct http_exchange *x, void *context)
{
	struct http_text m = http_method(x), t = http_target(x);
	snprintf(seen + strlen(seen), 400, "%s%.*s %.*s %u %u %u;", (const char *)context,
	         (int)m.size, m.bytes, (int)t.size, t.bytes, http_status(x),
	         (unsigned)http_body_bytes_out(x), (unsigned)(http_took_ns(x) / SECOND));
}

static void hooks_see_each_request_in_their_order(void **state)
{
	(void)state;
	*seen = 0;
	http_before(app.server, before, (char *)"a ");
	http_after(app.server, after, (char *)"x ");
	http_before(app.server, before, (char *)"b ");
	http_after(app.server, after, (char *)"y ");
	const char *got = get("/");
	assert_starts(got, "HTTP/1.1 200");
	assert_has(got, "X-Before: a ");
	assert_has(got, "X-Before: b ");
	assert_string_equal(seen, "a b x GET / 200 5 0;y GET / 200 5 0;");
	*seen = 0;
	assert_starts(get("/nowhere"), "HTTP/1.1 404");
	assert_string_equal(seen, "a b x GET /nowhere 404 68 0;y GET /nowhere 404 68 0;");
}

static void a_hook_can_answer(void **state)
{
	tear_down(state); /* each turn has a server of its own */
	for (int lies = 0; lies < 2; lies++) {
		*seen = 0;
		begin(NULL);
		http_before(app.server, refuse, lies ? (char *)"lies" : NULL);
		http_before(app.server, before, (char *)"never ");
		http_after(app.server, after, (char *)"");
		assert_starts(get("/"), "HTTP/1.1 403");
		assert_string_equal(seen, "no GET / 403 68 0;");
		/* and a body that was not read is no next request */
		*seen = 0;
		c = fake_open(c) ? c : fake_accept();
		answer();
		send("POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nGET GET / "
		     "HTTP/1.1\r\nHost: h\r\n\r\n");
		assert_string_equal(seen, "no POST /form 403 68 0;no GET / 403 68 0;");
		tear_down(state);
	}
	begin(NULL);
}

static void a_gathered_body_is_shown_once(void **state)
{
	(void)state;
	*seen = 0;
	http_before(app.server, before, (char *)"a ");
	queue("POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: "
	      "application/x-www-form-urlencoded\r\n"
	      "Content-Length: 3\r\n\r\na");
	queue("=");
	fake_run(c);
	assert_string_equal(seen, "");
	send("b");
	assert_string_equal(seen, "a ");
	assert_has(answer(), "[a=b]0");
}

static void requests_that_do_not_parse_are_told_afterwards(void **state)
{
	(void)state;
	*seen = 0;
	http_before(app.server, before, (char *)"a ");
	http_after(app.server, after, (char *)"");
	send("GET / HTTP/1.1\r\n\r\n");
	assert_starts(answer(), "HTTP/1.1 400");
	assert_string_equal(seen, "GET / 400 72 0;");
}

static void clients_that_go_are_told_as_status_0(void **state)
{
	(void)state;
	*seen = 0;
	http_after(app.server, after, (char *)"");
	queue("POST /loop HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n"
	      "Content-Type: multipart/form-data; boundary=b\r\n\r\n--");
	fake_run(c);
	fake_queue_reset(c);
	fake_run(c);
	assert_string_equal(seen, "POST /loop 0 0 0;");
}

static void each_request_has_a_name(void **state)
{
	char first[40];
	(void)state;
	http_before(app.server, http_id_before, NULL);
	const char *got = get("/"), *id = strstr(got, "X-Request-Id: ");
	assert_non_null(id);
	memcpy(first, id + 14, 32);
	assert_int_equal(strspn(id + 14, "0123456789abcdef"), 32);
	assert_starts(id + 46, "\r\n");
	id = strstr(get("/"), "X-Request-Id: ");
	assert_memory_not_equal(first, id + 14, 32);
	send("GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine\r\n\r\n");
	assert_lacks(answer(), "mine");
}

static void a_trusted_proxys_name_counts(void **state)
{
	static const struct {
		const char *given;
		bool taken;
	} table[] = {
		{ "mine", true },
		{ "A-Z_0.9", true },
		{ "", false },
		{ "a b", false },
		{ "a\"b", false },
		{ "0123456789012345678901234567890123456789012345678901234567890123", true },
		{ "01234567890123456789012345678901234567890123456789012345678901234", false },
	};
	char text[300];
	(void)state;
	http_before(app.server, http_id_before, (char *)"trusted");
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		answer();
		snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: %s\r\n\r\n",
		         table[k].given);
		send(text);
		snprintf(text, sizeof text, "X-Request-Id: %s\r\n", table[k].given);
		const char *got = answer();
		assert_starts(got, "HTTP/1.1 200");
		assert_int_equal(strstr(got, text) != NULL, table[k].taken);
	}
}

static void the_log_is_json(void **state)
{
	(void)state;
	http_before(app.server, http_id_before, (char *)"trusted");
	http_after(app.server, http_access_after, NULL);
	send("GET /fields?a=\"\\ HTTP/1.1\r\nHost: h\r\nX-Request-Id: me\r\nUser-Agent: "
	     "a\"b\\\xc3\xa4\t\r\n\r\n");
	fake_turn();
	assert_string_equal(
	        fake.console,
	        "{\"time\":\"1994-11-06T08:49:38Z\",\"id\":\"me\",\"peer\":\"192.0.2.7\",\"port\":"
	        "4711,"
	        "\"method\":\"GET\",\"target\":\"/fields?a=\\u0022\\u005c\",\"version\":\"1.1\","
	        "\"host\":\"h\",\"status\":200,\"bytes\":53,\"ms\":0,\"referer\":null,"
	        "\"agent\":\"a\\u0022b\\u005c\\u00c3\\u00a4\"}\n");
}

static void long_fields_are_cut_and_no_line_is_lost(void **state)
{
	char text[9000], junk[2001];
	(void)state;
	http_after(app.server, http_access_after, NULL);
	memset(junk, '\xff', 2000);
	junk[2000] = 0;
	for (int k = 0; k < 3; k++) {
		snprintf(text, sizeof text,
		         "GET / HTTP/1.1\r\nHost: h\r\nReferer: %s\r\nUser-Agent: %s\r\n\r\n", junk,
		         junk);
		queue(text);
	}
	fake_run(c);
	fake_turn();
	uint32_t ends = 0, escapes = 0;
	for (const char *p = fake.console; *p; p++) {
		ends += p[0] == '}' && p[1] == '\n';
		escapes += *p == '\\';
	}
	assert_int_equal(ends, 3);
	assert_int_equal(escapes, 3 * 2 * 480);
}

static void a_route_has_a_bound_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(http_route_body(app.server, "POST", "/absent", 5), ERR_ABSENT);
	assert_int_equal(http_route_body(app.server, "POST", "/few", 0), ERR_INVALID);
	char *body = malloc(3u << 20);
	memset(body, 'z', 3u << 20);
	static const struct {
		const char *path;
		uint32_t size;
		bool fits;
	} table[] = {
		{ "/few", 100, true },        { "/few", 101, false },   { "/many", 3u << 20, true },
		{ "/form", 2u << 20, false }, { "/many", 70000, true },
	};
	for (int chunked = 0; chunked < 2; chunked++) {
		for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
			char head[200], want[20];
			c = fake_open(c) ? c : fake_accept();
			answer();
			if (chunked)
				snprintf(head, sizeof head,
				         "POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: "
				         "application/x-www-form-urlencoded\r\n"
				         "Transfer-Encoding: chunked\r\n\r\n%x\r\n",
				         table[k].path, table[k].size);
			else
				snprintf(
				        head, sizeof head,
				        "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %u\r\n\r\n",
				        table[k].path, table[k].size);
			queue(head);
			fake_queue(c, body, table[k].size);
			send(chunked ? "\r\n0\r\n\r\n" : "");
			const char *got = answer();
			snprintf(want, sizeof want, "%u", table[k].size);
			assert_starts(got, table[k].fits ? "HTTP/1.1 200" : "HTTP/1.1 413");
			if (table[k].fits)
				assert_string_equal(body_of(got), want);
		}
	}
	free(body);
}

static void fields_can_be_listed_and_the_target_is_as_it_came(void **state)
{
	(void)state;
	send("GET /a/../%66ields?x=%20 HTTP/1.1\r\nHost: h\r\nB:  two \r\nb: three\r\nA:\r\n\r\n");
	assert_string_equal(body_of(answer()), "/a/../%66ields?x=%20|Host=h|B=two|b=three|A=");
}

static void a_stream_takes_lines_as_they_are(void **state)
{
	(void)state;
	const char *got = get("/lines");
	assert_starts(got, "HTTP/1.1 203");
	assert_has(got, "X-Own: 1\r\nX-Long: yyy");
	assert_has(got, "Content-Length: 4\r\n");
	assert_has(got, "\r\nContent-Type: a/b\r\n\r\nbody");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hooks_see_each_request_in_their_order),
		TEST(a_hook_can_answer),
		TEST(a_gathered_body_is_shown_once),
		TEST(requests_that_do_not_parse_are_told_afterwards),
		TEST(clients_that_go_are_told_as_status_0),
		TEST(each_request_has_a_name),
		TEST(a_trusted_proxys_name_counts),
		TEST(the_log_is_json),
		TEST(long_fields_are_cut_and_no_line_is_lost),
		TEST(a_route_has_a_bound_of_its_own),
		TEST(fields_can_be_listed_and_the_target_is_as_it_came),
		TEST(a_stream_takes_lines_as_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
