/* SPDX-License-Identifier: ISC */
/* Multipart forms, however their bytes are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <app/http/http_internal.h>
#include <app/http/multipart.h>

#include "talk.h"

/* Sends it in pieces of `cut` bytes (0: at once). */
static const char *post(const char *path, const char *type, const char *body, uint32_t cut)
{
	char head[400];
	uint32_t size = (uint32_t)strlen(body);
	c = fake_open(c) ? c : fake_accept();
	answer();
	snprintf(head, sizeof head,
	         "POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\nContent-Length: %u\r\n\r\n",
	         path, type, size);
	queue(head);
	for (uint32_t at = 0; at < size; at += cut ? cut : size)
		fake_queue(c, body + at, cut && cut < size - at ? cut : size - at);
	fake_run(c);
	return answer();
}

#define TYPE        "multipart/form-data; boundary=xyz"
#define PART(name_) "--xyz\r\nContent-Disposition: form-data; name=" name_ "\r\n\r\n"

static void parts_come_whole_however_they_are_cut(void **state)
{
	static const struct {
		const char *body, *parts;
	} table[] = {
		{ PART("\"a\"") "one\r\n--xyz--", "<a - ->one$" },
		{ PART("a") "\r\n--xyz--\r\n", "<a - ->$" },
		{ "preamble\r\n" PART("a") "one\r\n" PART("b") "two\r\n--xyz--\r\nepilogue --xyz",
		  "<a - ->one$<b - ->two$" },
		{ "\r\n" PART("a") "\r\r\n\r\n-\r\n--\r\n--x\r\n--xy\r\n--xyz--",
		  "<a - ->\r\r\n\r\n-\r\n--\r\n--x\r\n--xy$" },
		{ PART("a") "--xyz\n--xyz\r\n--xyz \t\r\nContent-Disposition: form-data; "
		            "name=b\r\n\r\n\r\n--xyz--",
		  "<a - ->--xyz\n--xyz$<b - ->$" },
		{ "--xyz\r\nContent-Type: image/png\r\ncontent-disposition: Form-Data ; name=\"a "
		  "b\"; filename=\"x;y=\\\"z\\\".png\"\r\n"
		  "X-Other: 1\r\n\r\nPNG\r\n--xyz--",
		  "<a b x;y=\"z\".png image/png>PNG$" },
		{ "--xyz\r\nContent-Disposition: form-data; filename=a.txt; name=f "
		  ";other=1;\r\n\r\nx\r\n--xyz--",
		  "<f a.txt ->x$" },
		{ "--xyz\r\nContent-Disposition: form-data; "
		  "name=\"C:\\dir\\f\"\r\n\r\nx\r\n--xyz--",
		  "<C:\\dir\\f - ->x$" },
		{ "--xyz--", "" },
		{ "no part\r\n--xyz--\r\n", "" },
	};
	static const char *const paths[] = { "/parts", "/loop" };
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		for (uint32_t cut = 0; cut < 40; cut++) {
			const char *got = post(paths[cut % 2], TYPE, table[k].body, cut / 2);
			assert_starts(got, "HTTP/1.1 200");
			assert_string_equal(body_of(got), table[k].parts);
		}
	}
}

static void what_is_no_form_is_refused(void **state)
{
	static const char *const table[] = {
		"",
		"nothing",
		PART("a") "one",
		PART("a") "one\r\n--xyz",
		PART("a") "one\r\n--xyz-",
		PART("a") "one\r\n--xyz-x",
		PART("a") "one\r\n--xyz --",
		PART("a") "one\r\n--xyzz\r\n",
		PART("a") "one\r\n--xyz\n",
		"--xyz\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent-Type: a/b\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent-Disposition: form-data\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent-Disposition: form-data; name\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent-Disposition: form-data; name=\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent-Disposition: form-data; name=\"a\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent-Disposition: form-data; name=a b\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent-Disposition: form-data; name=a; =b\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent-Disposition: attachment; name=a\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: "
		"form-data; name=b\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent-Disposition: form-data; name=a\n\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent-Disposition: form-data; name=a\rb\r\n\r\none\r\n--xyz--",
		"--xyz\r\nContent Disposition: form-data; name=a\r\n\r\none\r\n--xyz--",
		"--xyz\r\n Content-Disposition: form-data; name=a\r\n\r\none\r\n--xyz--",
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		for (uint32_t cut = 0; cut < 4; cut++) {
			const char *got =
			        post(cut % 2 ? "/loop" : "/parts", TYPE, table[k], cut / 2);
			if (strncmp(got, "HTTP/1.1 400", 12) != 0)
				fail_msg("%s\n%s", table[k], got);
		}
	}
}

static void a_nul_is_refused(void **state)
{
	static const char body[] =
	        "--xyz\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\none\r\n--xyz--";
	(void)state;
	char head[200];
	snprintf(head, sizeof head,
	         "POST /parts HTTP/1.1\r\nHost: h\r\nContent-Type: " TYPE
	         "\r\nContent-Length: %zu\r\n\r\n",
	         sizeof body - 1);
	queue(head);
	fake_queue(c, body, sizeof body - 1);
	fake_run(c);
	assert_starts(answer(), "HTTP/1.1 400");
}

static void a_type_has_a_boundary(void **state)
{
	static const struct {
		const char *type;
		bool good;
	} table[] = {
		{ "multipart/form-data; boundary=xyz", true },
		{ "Multipart/Form-Data;charset=utf-8 ; BOUNDARY=\"xyz\"", true },
		{ "multipart/form-data; boundary=xyz; charset=utf-8", true },
		{ "multipart/form-data", false },
		{ "multipart/form-data; boundary", false },
		{ "multipart/form-data; boundary=", false },
		{ "multipart/form-data; boundary=\"\"", false },
		{ "multipart/form-data; boundary=\"xyz", false },
		{ "multipart/form-data; boundary=\"xyz \"", false },
		{ "multipart/form-data; boundary=a=b", false },
		{ "multipart/mixed; boundary=xyz", false },
		{ "multipart/form-data; "
		  "boundary="
		  "01234567890123456789012345678901234567890123456789012345678901234567890",
		  false },
	};
	(void)state;
	for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
		const char *got = post("/parts", table[k].type, PART("a") "one\r\n--xyz--", 0);
		assert_starts(got, table[k].good ? "HTTP/1.1 200" : "HTTP/1.1 415");
	}
}

static void the_longest_boundary_is_taken(void **state)
{
	char boundary[71], type[200], body[400];
	(void)state;
	memset(boundary, 'b', 70);
	boundary[70] = 0;
	snprintf(type, sizeof type, "multipart/form-data; boundary=%s", boundary);
	snprintf(body, sizeof body,
	         "--%s\r\nContent-Disposition: form-data; name=a\r\n\r\n%.69s\r\n--%s--", boundary,
	         boundary, boundary);
	for (uint32_t cut = 0; cut < 80; cut++)
		assert_int_equal(strlen(body_of(post("/parts", type, body, cut))), 69 + 8);
}

static void heads_and_parts_have_bounds(void **state)
{
	static char body[200000];
	(void)state;
	char *p = body + sprintf(body, "--xyz\r\nContent-Disposition: form-data; name=a\r\nX: ");
	memset(p, 'x', HTTP_PART_HEAD_MAX);
	strcpy(p + HTTP_PART_HEAD_MAX, "\r\n\r\n\r\n--xyz--");
	assert_starts(post("/parts", TYPE, body, 0), "HTTP/1.1 413");
	p = body;
	for (uint32_t k = 0; k <= HTTP_PARTS_MAX; k++) {
		if (k == HTTP_PARTS_MAX) {
			strcpy(p, "--xyz--");
			assert_starts(post("/parts", TYPE, body, 0), "HTTP/1.1 200");
		}
		p += sprintf(p, PART("a") "\r\n");
	}
	strcpy(p, "--xyz--");
	assert_starts(post("/parts", TYPE, body, 0), "HTTP/1.1 413");
}

static void a_handler_can_end_it(void **state)
{
	(void)state;
	assert_starts(post("/parts", TYPE, PART("stop") "x\r\n--xyz--", 0), "HTTP/1.1 409");
	assert_int_equal(app.body_error, ERR_READ_ONLY);
	queue("POST /parts HTTP/1.1\r\nHost: h\r\nContent-Type: " TYPE
	      "\r\nContent-Length: 100\r\n\r\n--x");
	fake_run(c); /* and nothing more comes */
	assert_starts(answer(), "HTTP/1.1 408");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(parts_come_whole_however_they_are_cut),
		TEST(what_is_no_form_is_refused),
		TEST(a_nul_is_refused),
		TEST(a_type_has_a_boundary),
		TEST(the_longest_boundary_is_taken),
		TEST(heads_and_parts_have_bounds),
		TEST(a_handler_can_end_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
