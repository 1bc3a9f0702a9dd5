/* SPDX-License-Identifier: ISC */
/* What needs no connection: dates, forms, reasons, text, chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <app/http/http_internal.h>

#include "fake.h"

static struct http_text text(const char *s)
{
	return (struct http_text){ s, (uint32_t)strlen(s) };
}

/* ---- Dates ---- */

static void dates_are_what_the_c_library_says(void **state)
{
	(void)state;
	srand(3);
	for (int k = 0; k < 20000; k++) {
		int64_t t =
		        k < 2 ? k * 253402300799 : ((int64_t)rand() << 16 ^ rand()) % 253402300800;
		time_t seconds = (time_t)t;
		struct tm tm;
		char ours[HTTP_DATE_SIZE], theirs[64];
		int64_t back;
		gmtime_r(&seconds, &tm);
		strftime(theirs, sizeof theirs, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		http_date_print(ours, t);
		assert_string_equal(ours, theirs);
		assert_int_equal(http_date_parse(text(ours), &back), OK);
		assert_true(back == t);
		strftime(theirs, sizeof theirs, "%a %b %e %H:%M:%S %Y", &tm); /* asctime's */
		assert_int_equal(http_date_parse(text(theirs), &back), OK);
		assert_true(back == t);
		if (tm.tm_year >= 100) /* RFC 850's has two digits: it is 1994 */
			continue;
		strftime(theirs, sizeof theirs, "%A, %d-%b-%y %H:%M:%S GMT", &tm);
		assert_int_equal(http_date_parse(text(theirs), &back), OK);
		assert_true(back == t);
	}
}

static void years_of_two_digits_are_not_more_than_50_years_ahead(void **state)
{
	int64_t seconds;
	(void)state;
	fake_start();
	fake.now = 1009756800ull * SECOND; /* it is 2026 */
	assert_int_equal(http_date_parse(text("Friday, 06-Nov-76 08:49:37 GMT"), &seconds), OK);
	assert_int_equal(seconds / 31557600, 2076 - 1970);
	assert_int_equal(http_date_parse(text("Sunday, 06-Nov-77 08:49:37 GMT"), &seconds), OK);
	assert_int_equal(seconds / 31557600, 1977 - 1970);
	assert_int_equal(http_date_parse(text("Sunday, 06-Nov-94 08:49:37 GMT"), &seconds), OK);
	assert_int_equal(seconds, 784111777);
	fake_stop();
}

static void times_out_of_range_print_as_the_epoch(void **state)
{
	char to[HTTP_DATE_SIZE];
	(void)state;
	http_date_print(to, -1);
	assert_string_equal(to, "Thu, 01 Jan 1970 00:00:00 GMT");
	http_date_print(to, INT64_MAX);
	assert_string_equal(to, "Thu, 01 Jan 1970 00:00:00 GMT");
	http_date_print(to, INT64_MIN);
	assert_string_equal(to, "Thu, 01 Jan 1970 00:00:00 GMT");
}

static void what_is_no_date_is_refused(void **state)
{
	static const char *const table[] = { "",
		                             " ",
		                             "x",
		                             "Sun",
		                             "Sun,",
		                             "Sun, 06 Nov 1994",
		                             "Sun, 06 Nov 1994 08:49:37",
		                             "Sun, 06 Nov 1994 08:49:37 UTC",
		                             "Sun, 06 Nov 1994 08:49:37 GMT ",
		                             " Sun, 06 Nov 1994 08:49:37 GMT",
		                             "Sun, 6 Nov 1994 08:49:37 GMT",
		                             "Sun, 06 nov 1994 08:49:37 GMT",
		                             "Sun, 06 Nov 94 08:49:37 GMT",
		                             "Sun, 32 Nov 1994 08:49:37 GMT",
		                             "Sun, 31 Nov 1994 08:49:37 GMT",
		                             "Sun, 00 Nov 1994 08:49:37 GMT",
		                             "Sun, 06 Nov 1994 24:00:00 GMT",
		                             "Sun, 06 Nov 1994 08:60:37 GMT",
		                             "Sun, 06 Nov 1994 08:49:61 GMT",
		                             "Sun, 06 Nov 1994 8:49:37 GMT",
		                             "Sun, 06-Nov-1994 08:49:37 GMT",
		                             "Sunday, 06-Nov-1994 08:49:37 GMT",
		                             "Sun Nov 06 08:49:37 94",
		                             "Sun Nov  6 08:49:37",
		                             "Sun Nov 6 08:49:37 1994",
		                             "Sun, 06 Nov -994 08:49:37 GMT",
		                             "06 Nov 1994 08:49:37 GMT",
		                             "784111777",
		                             "Sun, 06 Nov 1899 08:49:37 GMT",
		                             "Sun, 06 Nov 1994 08:49:37 GMT\0" };
	int64_t seconds;
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table - 1; k++) {
		if (http_date_parse(text(table[k]), &seconds) != ERR_MALFORMED)
			fail_msg("%s", table[k]);
	}
	assert_int_equal(http_date_parse((struct http_text){ NULL, 0 }, &seconds), ERR_MALFORMED);
	const char *good =
	        "Sun, 06 Nov 1994 08:49:37 GMT"; /* each of its beginnings, in memory of its own */
	for (uint32_t n = 1; n < 29; n++) {
		char *copy = malloc(n);
		memcpy(copy, good, n);
		assert_int_equal(http_date_parse((struct http_text){ copy, n }, &seconds),
		                 ERR_MALFORMED);
		free(copy);
	}
}

/* ---- Forms ---- */

static void forms_are_decoded(void **state)
{
	static const struct {
		const char *form, *name, *value;
		int result;
	} table[] = {
		{ "a=b", "a", "b", 1 },
		{ "a=b&c=d", "c", "d", 1 },
		{ "a=&b=c", "a", "", 0 },
		{ "a&b=c", "a", "", 0 },
		{ "a=b=c", "a", "b=c", 3 },
		{ "x=1&a=2&a=3", "a", "2", 1 },
		{ "a=x+y%20z", "a", "x y z", 5 },
		{ "%61=b", "a", "b", 1 },
		{ "a+b=c", "a b", "c", 1 },
		{ "a=%26%3D%2b", "a", "&=+", 3 },
		{ "&&a=b&&", "a", "b", 1 },
		{ "=v&a=b", "", "v", 1 },
		{ "aa=1&a=2", "a", "2", 1 },
		{ "a=1&aa=2", "aa", "2", 1 },
		{ "a=1234567", "a", "1234567", 7 },
		{ "a=%c3%a9", "a", "\xc3\xa9", 2 },
		{ "", "a", NULL, ERR_ABSENT },
		{ "b=a", "a", NULL, ERR_ABSENT },
		{ "A=b", "a", NULL, ERR_ABSENT },
		{ "&", "a", NULL, ERR_ABSENT },
		{ "ab=c", "a", NULL, ERR_ABSENT },
		{ "a=12345678", "a", NULL, ERR_TOO_BIG },
		{ "a=%", "a", NULL, ERR_MALFORMED },
		{ "a=%4", "a", NULL, ERR_MALFORMED },
		{ "a=%zz", "a", NULL, ERR_MALFORMED },
		{ "%=b", "a", NULL, ERR_MALFORMED },
		{ "b=%g0&a=c", "a", NULL, ERR_MALFORMED },
		{ "b=12345678901234567890&a=c", "a", "c", 1 },
		/* A NUL would end the value for who looks at its terminator, not at its size. */
		{ "a=x%00y", "a", NULL, ERR_MALFORMED },
		{ "a=%00", "a", NULL, ERR_MALFORMED },
		{ "a%00=b&a=c", "a", NULL, ERR_MALFORMED },
		{ "b=%00&a=c", "a", NULL, ERR_MALFORMED },
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		char to[8];
		uint32_t n = (uint32_t)strlen(table[k].form);
		char *copy = malloc(n + !n);
		memcpy(copy, table[k].form, n);
		int result = http_form_value((struct http_text){ copy, n }, table[k].name, to,
		                             sizeof to);
		free(copy);
		if (result != table[k].result)
			fail_msg("%s in %s: %d", table[k].name, table[k].form, result);
		if (table[k].value)
			assert_string_equal(to, table[k].value);
	}
	char to[8];
	assert_int_equal(http_form_value((struct http_text){ "a=b\0c", 5 }, "a", to, sizeof to),
	                 ERR_MALFORMED);
	char none;
	assert_int_equal(http_form_value(text("a="), "a", &none, 0), ERR_TOO_BIG);
	assert_int_equal(http_form_value(text("a="), "a", &none, 1), 0);
}

/* ---- Text ---- */

static void an_authority_is_a_grammar_not_a_set_of_characters(void **state)
{
	static const struct {
		const char *text, *host;
	} good[] = {
		{ "", "" },
		{ "a", "a" },
		{ "a:", "a" },
		{ "a:0", "a" },
		{ "a:65535", "a" },
		{ "a:00080", "a" },
		{ "www.Example.org:8080", "www.Example.org" },
		{ "10.0.0.1:80", "10.0.0.1" },
		{ "a%20b", "a%20b" },
		{ "-._~!$&'()*+,;=", "-._~!$&'()*+,;=" },
		{ "[::]", "[::]" },
		{ "[::1]:80", "[::1]" },
		{ "[1::]", "[1::]" },
		{ "[2001:DB8::1]", "[2001:DB8::1]" },
		{ "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]" },
		{ "[1:2:3:4:5:6:7::]", "[1:2:3:4:5:6:7::]" },
		{ "[::2:3:4:5:6:7:8]", "[::2:3:4:5:6:7:8]" },
		{ "[::ffff:192.0.2.1]:", "[::ffff:192.0.2.1]" },
		{ "[1:2:3:4:5:6:0.0.0.255]", "[1:2:3:4:5:6:0.0.0.255]" },
	};
	static const char *const bad[] = { "a:65536", "a:b",       "a:-1",  "a:1:2",  ":",
		                           ":80",     "[",         "[]",    "[::1",   "a]",
		                           "[a]",     "[1.2.3.4]", "[1:2]", "[:1::]", "a%",
		                           "a%4g",    "u@a",       "a b",   "a/",     "[::1]a",
		                           "[v1.a]" };
	(void)state;
	for (size_t k = 0; k < sizeof good / sizeof *good + sizeof bad / sizeof *bad; k++) {
		bool fits = k < sizeof good / sizeof *good;
		const char *t = fits ? good[k].text : bad[k - sizeof good / sizeof *good];
		uint32_t n = (uint32_t)strlen(t);
		char *copy = malloc(n + !n); /* exactly as long, for the sanitizer */
		struct http_text host = { NULL, 0 };
		memcpy(copy, t, n);
		bool is = http_authority_split((struct http_text){ copy, n }, &host);
		bool same = !fits || (host.size == strlen(good[k].host) &&
		                      memcmp(host.bytes, good[k].host, host.size) == 0);
		free(copy);
		if (is != fits || !same)
			fail_msg("%s", t);
	}
}

static void numbers_are_digits_up_to_their_bound(void **state)
{
	uint64_t v;
	char digits[21];
	(void)state;
	assert_true(http_number(text("0"), &v) && v == 0);
	assert_true(http_number(text("0010"), &v) && v == 10);
	assert_true(http_number(text("9223372036854775807"), &v) && v == INT64_MAX);
	static const char *const bad[] = { "",
		                           " 1",
		                           "1 ",
		                           "+1",
		                           "-1",
		                           "1a",
		                           "0x1",
		                           "9223372036854775808",
		                           "92233720368547758070",
		                           "\xb2" };
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		assert_false(http_number(text(bad[k]), &v));
	digits[http_number_print(digits, UINT64_MAX)] = 0;
	assert_string_equal(digits, "18446744073709551615");
	digits[http_number_print(digits, 0)] = 0;
	assert_string_equal(digits, "0");
}

static void lists_keep_quoted_commas_together(void **state)
{
	struct http_text rest = text(" , a ,\tb c\t,, \"d,e\" ,f\"g,h\",\"i"), element;
	static const char *const want[] = { "a", "b c", "\"d,e\"", "f\"g,h\"", "\"i" };
	(void)state;
	for (size_t k = 0; k < 5; k++) {
		assert_true(http_list_next(&rest, &element));
		assert_true(http_text_is(element, want[k]));
	}
	assert_false(http_list_next(&rest, &element));
}

static void statuses_have_reasons(void **state)
{
	(void)state;
	assert_string_equal(http_reason(200), "OK");
	assert_string_equal(http_reason(404), "Not Found");
	assert_string_equal(http_reason(416), "Range Not Satisfiable");
	assert_string_equal(http_reason(505), "HTTP Version Not Supported");
	for (uint32_t k = 0; k < 1000; k++)
		assert_non_null(http_reason(k));
}

/* ---- Chunks ---- */

static void chunks_are_the_same_however_they_are_cut(void **state)
{
	static const char wire[] = "5\r\nhello\r\n01;a=\"b\"\r\n \r\n00000000005 "
	                           "\t; a\t= \"q\\\"\\\\,; \xe9\" ;b ;c=d\r\nworld\r\n0;z\r\nA: "
	                           "b\r\nC:\r\n\r\nGET";
	(void)state;
	srand(4);
	for (int k = 0; k < 500; k++) {
		struct http_chunk c = { .left = 0 };
		char body[32];
		uint32_t size = 0, at = 0;
		enum http_chunk_result r = CHUNK_MORE;
		while (r != CHUNK_END) {
			const uint8_t *data;
			uint32_t used, data_size,
			        n = k == 0   ? sizeof wire - 1
			            : k == 1 ? 1
			                     : 1 + (uint32_t)rand() % 9;
			n = n < sizeof wire - 1 - at ? n : (uint32_t)sizeof wire - 1 - at;
			assert_true(n > 0);
			r = http_chunk_next(&c, (const uint8_t *)wire + at, n, &used, &data,
			                    &data_size);
			assert_true(r != CHUNK_BAD && used <= n);
			at += used;
			if (r == CHUNK_DATA) {
				memcpy(body + size, data, data_size);
				size += data_size;
			}
		}
		assert_int_equal(size, 11);
		assert_memory_equal(body, "hello world", 11);
		assert_string_equal(wire + at, "GET");
	}
}

static enum http_chunk_result feed(const char *start, char fill, uint32_t count)
{
	struct http_chunk c = { .left = 0 };
	const uint8_t *data;
	uint32_t used, size;
	enum http_chunk_result r = CHUNK_MORE;
	for (const char *p = start; *p && r == CHUNK_MORE; p++)
		r = http_chunk_next(&c, (const uint8_t *)p, 1, &used, &data, &size);
	for (uint32_t k = 0; k < count && r == CHUNK_MORE; k++)
		r = http_chunk_next(&c, (const uint8_t *)&fill, 1, &used, &data, &size);
	return r;
}

static void chunk_lines_and_trailers_have_bounds(void **state)
{
	(void)state;
	assert_int_equal(feed("", '0', HTTP_CHUNK_LINE_MAX), CHUNK_MORE);
	assert_int_equal(feed("", '0', HTTP_CHUNK_LINE_MAX + 1), CHUNK_BAD);
	assert_int_equal(feed("5;", 'x', HTTP_CHUNK_LINE_MAX - 2), CHUNK_MORE);
	assert_int_equal(feed("5;", 'x', HTTP_CHUNK_LINE_MAX - 1), CHUNK_BAD);
	assert_int_equal(feed("0\r\nX:", 'x', HTTP_TRAILER_MAX - 2), CHUNK_MORE);
	assert_int_equal(feed("0\r\nX:", 'x', HTTP_TRAILER_MAX), CHUNK_BAD);
	assert_int_equal(feed("fffffffffffffff", 'f', 1), CHUNK_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_what_the_c_library_says),
		cmocka_unit_test(times_out_of_range_print_as_the_epoch),
		cmocka_unit_test(years_of_two_digits_are_not_more_than_50_years_ahead),
		cmocka_unit_test(what_is_no_date_is_refused),
		cmocka_unit_test(forms_are_decoded),
		cmocka_unit_test(an_authority_is_a_grammar_not_a_set_of_characters),
		cmocka_unit_test(numbers_are_digits_up_to_their_bound),
		cmocka_unit_test(lists_keep_quoted_commas_together),
		cmocka_unit_test(statuses_have_reasons),
		cmocka_unit_test(chunks_are_the_same_however_they_are_cut),
		cmocka_unit_test(chunk_lines_and_trailers_have_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
