/* SPDX-License-Identifier: ISC */
/* Cookies, forms, credentials, origins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <app/http/cookie.h>
#include <app/http/form.h>
#include <app/http/hook.h>
#include <app/http/http_internal.h>
#include <app/http/origin.h>

#include "talk.h"

static const char *ask(const char *method, const char *path, const char *fields, const char *body)
{
	char text[4000];
	c = fake_open(c) ? c : fake_accept();
	answer();
	snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: h\r\n%sContent-Length: %zu\r\n\r\n%s",
	         method, path, fields, strlen(body), body);
	send(text);
	return answer();
}

static void cookies_are_found(void **state)
{
	static const struct {
		const char *field, *value; /* null: 404 */
	} table[] = {
		{ "Cookie: session=abc\r\n", "abc" },
		{ "Cookie: a=b; session=abc\r\n", "abc" },
		{ "Cookie: session=abc; session=def\r\n", "abc" },
		{ "Cookie: sessions=1;session=abc\r\n", "abc" },
		{ "Cookie: a=session=1; session=a=b\r\n", "a=b" },
		{ "Cookie: a=b\r\nCookie: session=2\r\n", "2" },
		{ "Cookie: session = abc \r\n", "abc" },
		{ "Cookie: session=\"q\"\r\n", "\"q\"" },
		{ "Cookie: session=\r\n", "" },
		{ "Cookie: session\r\n", NULL },
		{ "Cookie: ;;; =;session\r\n", NULL },
		{ "Cookie: Session=1\r\n", NULL },
		{ "Cookie: xsession=1\r\n", NULL },
		{ "Cookie:\r\n", NULL },
		{ "", NULL },
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		const char *got = ask("GET", "/cookie", table[k].field, "");
		assert_starts(got, table[k].value ? "HTTP/1.1 200" : "HTTP/1.1 404");
		if (table[k].value)
			assert_string_equal(body_of(got), table[k].value);
	}
}

static const struct http_cookie *wanted;
static bool clears;
static int cookie_error;

static bool set_cookie(struct http_exchange *x, void *context)
{
	(void)context;
	cookie_error = clears ? http_cookie_clear(x, wanted) : http_cookie_set(x, wanted);
	return true;
}

static void cookies_are_set(void **state)
{
	char long_value[HTTP_COOKIE_MAX + 1];
	memset(long_value, 'v', HTTP_COOKIE_MAX);
	long_value[HTTP_COOKIE_MAX] = 0;
	const struct {
		struct http_cookie cookie;
		const char *line; /* null: the error */
		int error;
	} table[] = {
		{ { .name = "a", .value = "b" },
		  "a=b; Path=/; Secure; HttpOnly; SameSite=Lax\r\n",
		  OK },
		{ { .name = "a", .value = "", .plain = true, .readable = true },
		  "a=; Path=/; SameSite=Lax\r\n",
		  OK },
		{ { .name = "a",
		    .value = "\"b\"",
		    .path = "/x",
		    .domain = "example.org",
		    .max_age_s = 60,
		    .same_site = HTTP_SAME_SITE_NONE },
		  "a=\"b\"; Path=/x; Domain=example.org; Max-Age=60; Secure; HttpOnly; "
		  "SameSite=None\r\n",
		  OK },
		{ { .name = "__Host-a", .value = "b", .same_site = HTTP_SAME_SITE_STRICT },
		  "__Host-a=b; Path=/; Secure; HttpOnly; SameSite=Strict\r\n",
		  OK },
		{ { .name = "", .value = "b" }, NULL, ERR_INVALID },
		{ { .name = "a b", .value = "b" }, NULL, ERR_INVALID },
		{ { .name = "a", .value = "b;c" }, NULL, ERR_INVALID },
		{ { .name = "a", .value = "b c" }, NULL, ERR_INVALID },
		{ { .name = "a", .value = "b\r\nX: y" }, NULL, ERR_INVALID },
		{ { .name = "a", .value = "\xc3\xa4" }, NULL, ERR_INVALID },
		{ { .name = "a", .value = "\"" }, NULL, ERR_INVALID },
		{ { .name = "a", .value = "b", .path = "/;x" }, NULL, ERR_INVALID },
		{ { .name = "a", .value = "b", .domain = "a\nb" }, NULL, ERR_INVALID },
		{ { .name = "a", .value = "b", .plain = true, .same_site = HTTP_SAME_SITE_NONE },
		  NULL,
		  ERR_INVALID },
		{ { .name = "__Secure-a", .value = "b", .plain = true }, NULL, ERR_INVALID },
		{ { .name = "__host-a", .value = "b", .path = "/x" }, NULL, ERR_INVALID },
		{ { .name = "__Host-a", .value = "b", .domain = "h" }, NULL, ERR_INVALID },
		{ { .name = "a", .value = long_value }, NULL, ERR_TOO_BIG },
	};
	char line[200];
	(void)state;
	http_before(app.server, set_cookie, NULL);
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		wanted = &table[k].cookie;
		const char *got = get("/");
		assert_int_equal(cookie_error, table[k].error);
		if (!table[k].line) {
			assert_lacks(got, "Set-Cookie");
			continue;
		}
		snprintf(line, sizeof line, "Set-Cookie: %s", table[k].line);
		assert_has(got, line);
	}
	clears = true;
	wanted = &(struct http_cookie){ .name = "a", .value = "b", .path = "/p" };
	assert_has(get("/"),
	           "Set-Cookie: a=; Path=/p; Max-Age=0; Secure; HttpOnly; SameSite=Lax\r\n");
	clears = false;
}

#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"

static void forms_are_listed(void **state)
{
	static const struct {
		const char *form, *listed;
	} table[] = {
		{ "a=b", "[a=b]0" },
		{ "", "0" },
		{ "&&a=b&&c&", "[a=b][c=]0" },
		{ "a+b=c%20d&e==f", "[a b=c d][e==f]0" },
		{ "=x", "[=x]0" },
		{ "a=1&a=2", "[a=1][a=2]0" },
		{ "a=%zz", "-9" },
		{ "a=%00", "-9" },
		{ "a=1&b=%4", "[a=1]-9" },
		{ "a=123456789012345", "[a=123456789012345]0" },
		{ "a=1234567890123456", "-6" },
		{ "12345678=a", "-6" },
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++)
		assert_string_equal(body_of(ask("POST", "/form", FORM, table[k].form)),
		                    table[k].listed);
}

static void forms_have_a_type_and_a_bound(void **state)
{
	char large[300];
	(void)state;
	memset(large, 'x', 255);
	large[255] = 0;
	assert_starts(ask("POST", "/form", "", "a=b"), "HTTP/1.1 415");
	assert_starts(ask("POST", "/form", "Content-Type: text/plain\r\n", "a=b"), "HTTP/1.1 415");
	assert_starts(
	        ask("POST", "/form", "Content-Type: application/x-www-form-urlencodedx\r\n", "a=b"),
	        "HTTP/1.1 415");
	assert_starts(ask("POST", "/form",
	                  "Content-Type: Application/X-www-form-urlencoded ; charset=utf-8\r\n",
	                  "a=b"),
	              "HTTP/1.1 200");
	assert_starts(ask("POST", "/form", FORM, large),
	              "HTTP/1.1 200"); /* it has room for 255 and a NUL */
	memset(large, 'x', 256);
	large[256] = 0;
	assert_starts(ask("POST", "/form", FORM, large), "HTTP/1.1 413");
	assert_int_equal(app.body_error, ERR_TOO_BIG);
	c = fake_accept();
	queue("POST /form HTTP/1.1\r\nHost: h\r\n" FORM
	      "Transfer-Encoding: chunked\r\n\r\n100\r\n");
	queue(large);
	send("\r\n0\r\n\r\n");
	assert_starts(answer(), "HTTP/1.1 413");
}

static void basic_credentials(void **state)
{
	static const struct {
		const char *field, *got;
	} table[] = {
		{ "Authorization: Basic dXNlcjpwYXNz\r\n", "0 user pass" },
		{ "Authorization: basic  dXNlcjpwYXNz\r\n", "0 user pass" },
		{ "Authorization: Basic Og==\r\n", "0  " },
		{ "Authorization: Basic dTpwOnE=\r\n", "0 u p:q" },
		{ "Authorization: Basic dXNlcg==\r\n", "-9  " },
		{ "Authorization: Basic dXNlcjpwYXN\r\n", "-9  " },
		{ "Authorization: Basic !!!!\r\n", "-9  " },
		{ "Authorization: Basic AGE6Yg==\r\n", "-9  " }, /* NUL */
		{ "Authorization: Basic YTpiYmJiYmJiYmJiYmJiYmJiYg==\r\n", "-6  " },
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++)
		assert_string_equal(body_of(ask("GET", "/basic", table[k].field, "")),
		                    table[k].got);
	const char *none[] = { "", "Authorization: Bearer x\r\n", "Authorization: Basic\r\n" };
	for (size_t k = 0; k < 3; k++) {
		const char *got = ask("GET", "/basic", none[k], "");
		assert_starts(got, "HTTP/1.1 401");
		assert_has(got,
		           "WWW-Authenticate: Basic realm=\"the shed\", charset=\"UTF-8\"\r\n");
	}
	char field[2000] = "Authorization: Basic ";
	memset(field + 21, 'A', 1600);
	strcpy(field + 1621, "\r\n");
	assert_string_equal(body_of(ask("GET", "/basic", field, "")), "-6  ");
}

static void bearer_tokens(void **state)
{
	(void)state;
	assert_string_equal(
	        body_of(ask("GET", "/bearer", "Authorization: Bearer aZ09-._~+/==\r\n", "")),
	        "aZ09-._~+/==");
	assert_string_equal(body_of(ask("GET", "/bearer", "authorization: bearer t\r\n", "")), "t");
	const char *got = ask("GET", "/bearer", "", "");
	assert_starts(got, "HTTP/1.1 401");
	assert_has(got, "WWW-Authenticate: Bearer realm=\"the shed\"\r\n");
	const char *bad[] = { "Authorization: Bearer a b\r\n", "Authorization: Bearer =\r\n",
		              "Authorization: Bearer a=b\r\n", "Authorization: Bearer \"a\"\r\n" };
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		assert_has(
		        ask("GET", "/bearer", bad[k], ""),
		        "WWW-Authenticate: Bearer realm=\"the shed\", error=\"invalid_token\"\r\n");
}

static void whose_page_it_was(void **state)
{
	static const struct {
		const char *fields, *got;
	} table[] = {
		{ "", "own" },
		{ "Origin: http://h\r\n", "own" },
		{ "Origin: https://h\r\n", "own" },
		{ "Origin: https://h:81\r\n", "foreign" },
		{ "Origin: https://hh\r\n", "foreign" },
		{ "Origin: https://h.example\r\n", "foreign" },
		{ "Origin: null\r\n", "foreign" },
		{ "Origin:\r\n", "foreign" },
		{ "Sec-Fetch-Site: same-origin\r\nOrigin: http://h\r\n", "own" },
		{ "Sec-Fetch-Site: none\r\n", "own" },
		{ "Sec-Fetch-Site: same-site\r\nOrigin: http://h\r\n", "foreign" },
		{ "Sec-Fetch-Site: cross-site\r\n", "foreign" },
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++)
		assert_string_equal(body_of(ask("GET", "/origin", table[k].fields, "")),
		                    table[k].got);
}

#define ASKS "Access-Control-Request-Method: PUT\r\n"

static void listed_origins_are_let_in(void **state)
{
	static const char *const origins[] = { "https://a.example", "http://b.example:8080", NULL };
	static const struct http_cors cors = { .origins = origins,
		                               .methods = "PUT",
		                               .fields = "X-Token",
		                               .exposed = "X-Request-Id",
		                               .max_age_s = 60,
		                               .credentials = true };
	(void)state;
	http_before(app.server, http_cors_before, (void *)&cors);
	const char *got = ask("GET", "/", "Origin: http://b.example:8080\r\n", "");
	assert_starts(got, "HTTP/1.1 200");
	assert_has(got, "Access-Control-Allow-Origin: http://b.example:8080\r\n");
	assert_has(got, "Access-Control-Allow-Credentials: true\r\n");
	assert_has(got, "Access-Control-Expose-Headers: X-Request-Id\r\n");
	assert_has(got, "Vary: Origin\r\n");
	const char *others[] = { "", "Origin: https://evil.example\r\n",
		                 "Origin: https://a.example.evil\r\n", "Origin: null\r\n" };
	for (size_t k = 0; k < 4; k++) {
		got = ask("GET", "/", others[k], "");
		assert_starts(got, "HTTP/1.1 200");
		assert_lacks(got, "Access-Control");
		assert_has(got, "Vary: Origin\r\n");
	}
	got = ask("OPTIONS", "/", "Origin: https://a.example\r\n" ASKS, "");
	assert_starts(got, "HTTP/1.1 204");
	assert_has(got, "Access-Control-Allow-Origin: https://a.example\r\n");
	assert_has(got, "Access-Control-Allow-Methods: PUT\r\n");
	assert_has(got, "Access-Control-Allow-Headers: X-Token\r\n");
	assert_has(got, "Access-Control-Max-Age: 60\r\n");
	got = ask("OPTIONS", "/", "Origin: https://evil.example\r\n" ASKS, "");
	assert_starts(got, "HTTP/1.1 204");
	assert_lacks(got, "Access-Control");
	assert_has(ask("OPTIONS", "/", "Origin: https://a.example\r\n", ""),
	           "Allow: "); /* not asked by a browser */
}

static void anybody_is_let_in_without_cookies(void **state)
{
	static const struct http_cors cors = { .credentials = true };
	(void)state;
	http_before(app.server, http_cors_before, (void *)&cors);
	const char *got = ask("GET", "/", "Origin: https://a.example\r\n", "");
	assert_has(got, "Access-Control-Allow-Origin: *\r\n");
	assert_lacks(got, "Credentials");
	assert_lacks(got, "Vary");
	assert_has(ask("OPTIONS", "/", "Origin: https://a.example\r\n" ASKS, ""),
	           "Access-Control-Max-Age: 600\r\n");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cookies_are_found),
		TEST(cookies_are_set),
		TEST(forms_are_listed),
		TEST(forms_have_a_type_and_a_bound),
		TEST(basic_credentials),
		TEST(bearer_tokens),
		TEST(whose_page_it_was),
		TEST(listed_origins_are_let_in),
		TEST(anybody_is_let_in_without_cookies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
