/* SPDX-License-Identifier: ISC */
/* Files of a site: conditions in RFC 9110 §13.2.2's order, ranges (§14), codings (§12.5.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "talk.h"

/* The response to METHOD TARGET with these fields (each with CRLF). */
static const char *ask(const char *method, const char *target, const char *fields)
{
	char text[2000];
	snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, target, fields);
	answer();
	send(text);
	assert_true(fake_open(c));
	return answer();
}

static const char *file(const char *fields)
{
	return ask("GET", "/file", fields);
}

static unsigned status(const char *response)
{
	return (unsigned)strtoul(response + 9, NULL, 10);
}

static void a_file_comes_whole(void **state)
{
	(void)state;
	assert_string_equal(
	        file(""),
	        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:38 GMT\r\nContent-Length: 36\r\n"
	        "Content-Type: text/plain\r\nETag: \"plain\"\r\n"
	        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nVary: Accept-Encoding\r\n"
	        "Accept-Ranges: bytes\r\n\r\n" APP_FILE);
	assert_int_equal(status(ask("POST", "/file", "")), 405);
	assert_has(ask("DELETE", "/file", ""), "\r\nAllow: GET, HEAD\r\n");
	const char *a =
	        ask("HEAD", "/file", "Range: bytes=0-1\r\n"); /* §14.2: only GET has ranges */
	assert_starts(a, "HTTP/1.1 200 ");
	assert_string_equal(body_of(a), "");
}

static void conditions_go_in_their_order(void **state)
{
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT\r\n"
#define AT     "Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define AFTER  "Mon, 07 Nov 1994 08:49:37 GMT\r\n"
	static const struct {
		const char *fields;
		unsigned status;
	} table[] = {
		{ "If-None-Match: \"plain\"\r\n", 304 },
		{ "If-None-Match: W/\"plain\"\r\n", 304 }, /* weak comparison */
		{ "If-None-Match: *\r\n", 304 },
		{ "If-None-Match: \"a\", W/\"b\",\t\"plain\"\r\n", 304 },
		{ "If-None-Match: \"a\"\r\nIf-None-Match: \"plain\"\r\n", 304 },
		{ "If-None-Match: \"a,\"plain\"\"\r\n", 200 },
		{ "If-None-Match: \"other\"\r\n", 200 },
		{ "If-None-Match: plain\r\n", 200 },
		{ "If-None-Match: \"Plain\"\r\n", 200 },
		{ "If-None-Match: \"gzip\"\r\n", 200 },
		{ "If-None-Match:\r\n", 200 },
		{ "If-None-Match: \"gzip\"\r\nAccept-Encoding: gzip\r\n", 304 },
		{ "If-None-Match: \"plain\"\r\nAccept-Encoding: gzip\r\n", 200 },
		{ "If-Modified-Since: " AT, 304 },
		{ "If-Modified-Since: " AFTER, 304 },
		{ "If-Modified-Since: " BEFORE, 200 },
		{ "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304 },
		{ "If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", 304 },
		{ "If-Modified-Since: yesterday\r\n", 200 },
		{ "If-Modified-Since:\r\n", 200 },
		/* §13.1.3: not looked at beside If-None-Match */
		{ "If-None-Match: \"other\"\r\nIf-Modified-Since: " AFTER, 200 },
		{ "If-None-Match: \"plain\"\r\nIf-Modified-Since: " BEFORE, 304 },
		{ "If-Match: \"plain\"\r\n", 200 },
		{ "If-Match: *\r\n", 200 },
		{ "If-Match: \"a\", \"plain\"\r\n", 200 },
		{ "If-Match: W/\"plain\"\r\n", 412 }, /* strong comparison */
		{ "If-Match: \"other\"\r\n", 412 },
		{ "If-Match:\r\n", 412 },
		{ "If-Unmodified-Since: " AT, 200 },
		{ "If-Unmodified-Since: " BEFORE, 412 },
		{ "If-Unmodified-Since: nonsense\r\n", 200 },
		/* §13.1.4: not looked at beside If-Match */
		{ "If-Match: \"plain\"\r\nIf-Unmodified-Since: " BEFORE, 200 },
		{ "If-Match: \"plain\"\r\nIf-None-Match: \"plain\"\r\n", 304 },
		{ "If-Match: \"other\"\r\nIf-None-Match: \"plain\"\r\n", 412 },
		{ "If-Unmodified-Since: " BEFORE "If-None-Match: \"plain\"\r\n", 412 },
		{ "If-Unmodified-Since: " AT "If-Modified-Since: " AT, 304 },
		{ "If-Match: \"plain\"\r\nRange: bytes=0-0\r\n", 206 },
		{ "If-None-Match: \"plain\"\r\nRange: bytes=0-0\r\n", 304 },
		{ "If-None-Match: \"other\"\r\nRange: bytes=99-\r\n", 416 },
		/* §13.1.5 */
		{ "Range: bytes=0-0\r\nIf-Range: \"plain\"\r\n", 206 },
		{ "Range: bytes=0-0\r\nIf-Range: W/\"plain\"\r\n", 200 },
		{ "Range: bytes=0-0\r\nIf-Range: \"other\"\r\n", 200 },
		{ "Range: bytes=0-0\r\nIf-Range: " AT, 206 },
		{ "Range: bytes=0-0\r\nIf-Range: " AFTER, 200 },
		{ "Range: bytes=0-0\r\nIf-Range: " BEFORE, 200 },
		{ "Range: bytes=0-0\r\nIf-Range: Wed, 06 Nov 1994 08:49:37 GMT\r\n",
		  206 }, /* a date, though it begins with W */
		{ "Range: bytes=0-0\r\nIf-Range: plain\r\n", 200 },
		{ "Range: bytes=99-\r\nIf-Range: \"other\"\r\n", 200 },
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		const char *a = file(table[k].fields);
		if (status(a) != table[k].status)
			fail_msg("wanted %u for %s, got:\n%s", table[k].status, table[k].fields, a);
		if (status(a) == 304 || status(a) == 412) {
			assert_string_equal(body_of(a), "");
			assert_has(a, "\r\nETag: ");
			assert_has(a, "\r\nVary: Accept-Encoding\r\n");
			assert_lacks(a, "Content-Type");
		}
		if (status(a) == 304)
			assert_lacks(a, "Content-Length");
	}
	/* Of one that nothing is known about, nothing can be said but that it is there. */
	assert_int_equal(status(ask("GET", "/bare", "If-None-Match: *\r\n")), 304);
	assert_int_equal(status(ask("GET", "/bare", "If-None-Match: \"a\"\r\n")), 200);
	assert_int_equal(status(ask("GET", "/bare", "If-Match: \"a\"\r\n")), 412);
	assert_int_equal(status(ask("GET", "/bare", "If-Modified-Since: " AFTER)), 200);
	assert_int_equal(status(ask("GET", "/bare", "If-Unmodified-Since: " BEFORE)), 200);
	assert_int_equal(status(ask("GET", "/bare", "Range: bytes=1-1\r\nIf-Range: \"a\"\r\n")),
	                 200);
	assert_int_equal(status(ask("GET", "/bare", "Range: bytes=1-1\r\nIf-Range: " AT)), 200);
}

static void one_range_is_sent_alone(void **state)
{
	static const struct {
		const char *range, *content, *body;
	} table[] = {
		{ "bytes=0-0", "0-0/36", "0" },
		{ "bytes=0-9", "0-9/36", "0123456789" },
		{ "bytes=30-", "30-35/36", "uvwxyz" },
		{ "bytes=35-35", "35-35/36", "z" },
		{ "bytes=30-99", "30-35/36", "uvwxyz" },
		{ "bytes=-3", "33-35/36", "xyz" },
		{ "bytes=-36", "0-35/36", APP_FILE },
		{ "bytes=-99", "0-35/36", APP_FILE },
		{ "bytes=0-", "0-35/36", APP_FILE },
		{ "BYTES=1-2", "1-2/36", "12" },
		{ "bytes= 1-2", "1-2/36", "12" },
		{ "bytes=1-2,", "1-2/36", "12" },
		{ "bytes=99-,3-3", "3-3/36", "3" },
		{ "bytes=34-9223372036854775807", "34-35/36", "yz" },
		{ "bytes=-9223372036854775807", "0-35/36", APP_FILE },
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		char fields[100], line[100];
		snprintf(fields, sizeof fields, "Range: %s\r\n", table[k].range);
		const char *a = file(fields);
		assert_starts(a, "HTTP/1.1 206 Partial Content\r\n");
		snprintf(line, sizeof line, "\r\nContent-Range: bytes %s\r\n", table[k].content);
		assert_has(a, line);
		snprintf(line, sizeof line, "\r\nContent-Length: %zu\r\n", strlen(table[k].body));
		assert_has(a, line);
		assert_has(a, "\r\nETag: \"plain\"\r\n");
		assert_string_equal(body_of(a), table[k].body);
	}
}

static void malformed_and_greedy_ranges_are_ignored(void **state)
{
	static const char *const table[] = { "bytes",
		                             "bytes=",
		                             "bytes=,",
		                             "bytes=x",
		                             "bytes=-",
		                             "bytes=1",
		                             "bytes=2-1",
		                             "bytes=1-x",
		                             "bytes=x-1",
		                             "bytes=--1",
		                             "bytes=1--2",
		                             "bytes=-1-2",
		                             "bytes=1-2-3",
		                             "bytes=1 - 2",
		                             "bytes=0x1-2",
		                             "bytes=+1-2",
		                             "lines=1-2",
		                             "=1-2",
		                             "bytes 1-2",
		                             "bytes=1-2;3-4",
		                             "bytes=1-2,x",
		                             "bytes=1-2,4-3",
		                             "bytes=0-18446744073709551616",
		                             "bytes=18446744073709551616-",
		                             "bytes=9223372036854775808-",
		                             "bytes=0-,0-,0-",
		                             "bytes=-36,-36,-1",
		                             "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,"
		                             "11-11,12-12,13-13,14-14,15-15,16-16" };
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		char fields[200];
		snprintf(fields, sizeof fields, "Range: %s\r\n", table[k]);
		const char *a = file(fields);
		if (status(a) != 200 || strcmp(body_of(a), APP_FILE) != 0)
			fail_msg("%s:\n%s", table[k], a);
	}
}

static void ranges_outside_get_416(void **state)
{
	static const char *const table[] = { "bytes=36-", "bytes=36-40", "bytes=-0", "bytes=99-,-0",
		                             "bytes=9223372036854775807-" };
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		char fields[100];
		snprintf(fields, sizeof fields, "Range: %s\r\n", table[k]);
		const char *a = file(fields);
		assert_starts(a, "HTTP/1.1 416 ");
		assert_has(a, "\r\nContent-Range: bytes */36\r\n");
		assert_string_equal(body_of(a), "");
	}
}

static void several_ranges_come_in_parts(void **state)
{
	(void)state;
	const char *a = file("Range: bytes=0-1, 10-12,-2,99-\r\n"),
	           *type = strstr(a, "multipart/byteranges; boundary=");
	char boundary[64], want[1000];
	assert_starts(a, "HTTP/1.1 206 ");
	assert_non_null(type);
	assert_int_equal(sscanf(type, "multipart/byteranges; boundary=%63[^\r]", boundary), 1);
	snprintf(want, sizeof want,
	         "\r\n--%s\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/36\r\n\r\n01"
	         "\r\n--%s\r\nContent-Type: text/plain\r\nContent-Range: bytes 10-12/36\r\n\r\nabc"
	         "\r\n--%s\r\nContent-Type: text/plain\r\nContent-Range: bytes "
	         "34-35/36\r\n\r\nyz\r\n--%s--\r\n",
	         boundary, boundary, boundary, boundary);
	assert_string_equal(body_of(a), want);
	snprintf(want, sizeof want, "\r\nContent-Length: %zu\r\n", strlen(body_of(a)));
	assert_has(a, want);
	char head[1000];
	snprintf(head, sizeof head, "%.*s", (int)(body_of(a) - a), a);
	assert_lacks(head, "text/plain"); /* only in the parts */
	assert_lacks(head, "Content-Range");
	assert_has(file("Range: "
	                "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-"
	                "14,15-15\r\n"),
	           "bytes 15-15/36");
}

static void boundaries_are_drawn_anew(void **state)
{
	char first[64], second[64];
	(void)state;
	for (int k = 0; k < 2; k++) {
		const char *type =
		        strstr(file("Range: bytes=0-1,5-6\r\n"), "multipart/byteranges; boundary=");
		assert_non_null(type);
		assert_int_equal(
		        sscanf(type, "multipart/byteranges; boundary=%63[^\r]", k ? second : first),
		        1);
	}
	assert_string_not_equal(first, second);
}

static void the_coding_is_the_clients_choice(void **state)
{
	static const struct {
		const char *accepts;
		bool gzip;
	} table[] = {
		{ "gzip", true },
		{ "GZIP", true },
		{ "gzip, deflate, br", true },
		{ "deflate, gzip;q=1.0", true },
		{ "*", true },
		{ "gzip;q=0.001", true },
		{ "gzip;q=0.5, identity;q=0.5", true },
		{ "identity;q=0, gzip", true },
		{ "gzip ; q=0.8", true },
		{ "gzip;q=1.000", true },
		{ "br;q=1, *;q=0.1", true },
		{ "gzip;Q=0.3", true },
		{ ",,gzip,,", true },
		{ "identity", false },
		{ "", false },
		{ "br", false },
		{ "gzip;q=0", false },
		{ "gzip;q=0.000", false },
		{ "gzip;q=0, *", false },
		{ "gzip;q=0.4, identity;q=0.5", false },
		{ "gzip;q=0.5, identity", false },
		{ "*;q=0", false },
		{ "gzip;q=2", false },
		{ "gzip;q=1.1", false },
		{ "gzip;q=x", false },
		{ "gzip;q=", false },
		{ "gzip;q=-1", false },
		{ "gzip;x=1", false },
		{ "gzip;q=0.1234", false },
		{ "xgzip", false },
		{ "gzipx", false },
		{ "gzip gzip", false },
		{ "gzip;q=1,gzip;q=0", false },
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		char fields[100];
		snprintf(fields, sizeof fields, "Accept-Encoding: %s\r\n", table[k].accepts);
		const char *a = file(fields);
		if (strcmp(body_of(a), table[k].gzip ? APP_GZIP : APP_FILE) != 0)
			fail_msg("%s:\n%s", table[k].accepts, a);
		assert_int_equal(strstr(a, "\r\nContent-Encoding: gzip\r\n") != NULL,
		                 table[k].gzip);
		assert_has(a, table[k].gzip ? "ETag: \"gzip\"" : "ETag: \"plain\"");
	}
	assert_string_equal(body_of(file("Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n")),
	                    APP_GZIP);
	assert_string_equal(body_of(file("")), APP_FILE);
	assert_string_equal(body_of(ask("GET", "/bare", "Accept-Encoding: gzip\r\n")),
	                    APP_FILE); /* has no other */
	const char *a =
	        file("Accept-Encoding: gzip\r\nRange: bytes=1-5\r\n"); /* a range is of the variant
	                                                                  that was chosen */
	assert_string_equal(body_of(a), "as if");
	assert_has(a, "Content-Range: bytes 1-5/18\r\n");
}

static void of_two_codings_the_one_that_is_wanted_more_comes(void **state)
{
	static const struct {
		const char *accepts, *body;
	} table[] = {
		{ "br", APP_BR },
		{ "gzip", APP_GZIP },
		{ "gzip, br", APP_BR },
		{ "gzip, deflate, br, zstd", APP_BR },
		{ "*", APP_BR },
		{ "br;q=0.5, gzip", APP_GZIP },
		{ "br;q=0, *", APP_GZIP },
		{ "br;q=0, gzip;q=0", APP_FILE },
		{ "br;q=0.3, gzip;q=0.2, identity;q=0.5", APP_FILE },
		{ "x-gzip", APP_GZIP },
		{ "identity", APP_FILE },
		{ "zstd", APP_FILE },
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		char fields[100];
		snprintf(fields, sizeof fields, "Accept-Encoding: %s\r\n", table[k].accepts);
		const char *a = ask("GET", "/three", fields);
		if (strcmp(body_of(a), table[k].body) != 0)
			fail_msg("%s:\n%s", table[k].accepts, a);
	}
}

/* What curl --compressed -r 5-8,20-24 could not unpack. */
static void several_ranges_of_a_compressed_file_are_ignored(void **state)
{
	(void)state;
	for (int br = 0; br < 2; br++) {
		char fields[100];
		snprintf(fields, sizeof fields, "Accept-Encoding: %s\r\nRange: bytes=1-2,5-6\r\n",
		         br ? "br" : "gzip");
		const char *a = ask("GET", "/three", fields);
		assert_starts(a, "HTTP/1.1 200 ");
		assert_has(a,
		           br ? "\r\nContent-Encoding: br\r\n" : "\r\nContent-Encoding: gzip\r\n");
		assert_lacks(a, "multipart");
		assert_string_equal(body_of(a), br ? APP_BR : APP_GZIP);
	}
	const char *a = ask("GET", "/three", "Range: bytes=1-2,5-6\r\n");
	assert_starts(a, "HTTP/1.1 206 "); /* without a coding there is nothing to unpack */
	assert_lacks(a, "Content-Encoding");
}

static void fields_of_the_file_stand_on_no_other_message(void **state)
{
	(void)state;
	const char *a = ask("GET", "/three", "Accept-Encoding: br\r\nIf-None-Match: \"br\"\r\n");
	assert_starts(a, "HTTP/1.1 304 ");
	assert_has(a, "\r\nETag: \"br\"\r\n");
	assert_has(a, "\r\nCache-Control: max-age=60\r\n");
	assert_lacks(a, "Content-");
	a = ask("GET", "/three", "Accept-Encoding: br\r\nIf-Match: \"other\"\r\n");
	assert_starts(a, "HTTP/1.1 412 ");
	assert_has(a, "\r\nContent-Length: 0\r\n");
	assert_lacks(a, "Content-Encoding");
	assert_lacks(a, "Content-Language");
	assert_lacks(a, "Cache-Control"); /* nobody may keep an error for as long as the file */
	a = ask("GET", "/three", "Accept-Encoding: br\r\nRange: bytes=99-\r\n");
	assert_starts(a, "HTTP/1.1 416 ");
	assert_lacks(a, "Content-Encoding");
	a = get("/unsure");
	assert_starts(a, "HTTP/1.1 500 ");
	assert_has(a, "\r\nX-Kept: yes\r\n");
	assert_has(a, "\r\nContent-Security-Policy: default-src 'self'\r\n");
	assert_has(a, "\r\nContent-Type: text/html; charset=utf-8\r\n");
	assert_lacks(a, "Content-Encoding");
	assert_lacks(a, "Content-Disposition");
	assert_lacks(a, "ETag");
}

static void a_range_of_an_empty_file_is_all_of_it(void **state)
{
	static const char *const ranges[] = { "0-", "0-0", "-1", "-0", "5-9", "0-1,3-4" };
	(void)state;
	for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
		char fields[100];
		snprintf(fields, sizeof fields, "Range: bytes=%s\r\n", ranges[k]);
		const char *a = ask("GET", "/nothing", fields);
		assert_starts(a, "HTTP/1.1 200 ");
		assert_has(a, "\r\nContent-Length: 0\r\n");
	}
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_file_comes_whole),
		TEST(conditions_go_in_their_order),
		TEST(one_range_is_sent_alone),
		TEST(malformed_and_greedy_ranges_are_ignored),
		TEST(ranges_outside_get_416),
		TEST(several_ranges_come_in_parts),
		TEST(boundaries_are_drawn_anew),
		TEST(the_coding_is_the_clients_choice),
		TEST(of_two_codings_the_one_that_is_wanted_more_comes),
		TEST(several_ranges_of_a_compressed_file_are_ignored),
		TEST(fields_of_the_file_stand_on_no_other_message),
		TEST(a_range_of_an_empty_file_is_all_of_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
