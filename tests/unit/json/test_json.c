/* SPDX-License-Identifier: ISC */
/*
 * The grammar of RFC 8259 as tables of what is in it and what is not, each cut at every byte;
 * bounds; trees; and what the writer prints, read again, by us and by Python.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <app/json/json.h>
#include <core/error.h>

/* ---- The grammar ---- */

struct text {
	const char *bytes;
	size_t size;
};
#define T(literal_) { literal_, sizeof literal_ - 1 }

static const struct text good[] = {
	T("{}"),
	T("[]"),
	T("0"),
	T("-0"),
	T("\"\""),
	T("true"),
	T("false"),
	T("null"),
	T(" [ ] "),
	T("\t\r\n {\n}\r"),
	T("[[]]"),
	T("[[],[[]],{}]"),
	T("{\"a\":1}"),
	T("{\"\":0}"),
	T("{\"a\":{\"b\":[1,2,{\"c\":null}]}}"),
	T("{\"a\":1,\"a\":2}"),
	T("[1,2,3]"),
	T("[ 1 , 2 ]"),
	T("1.5"),
	T("-1.5e10"),
	T("1E5"),
	T("1e+5"),
	T("1e-5"),
	T("0.0"),
	T("0e0"),
	T("0e+1"),
	T("1.0E+2"),
	T("123456789012345678901234567890"),
	T("-9223372036854775808"),
	T("1e9999"),
	T("-0.0"),
	T("20e1"),
	T("[-1]"),
	T("[0.4e006]"),
	T("\"abc\""),
	T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
	T("\"\\u0000\""),
	T("\"\\u0041\\uffff\""),
	T("\"\\uD83D\\uDE00\""),
	T("\"\\ud800\\udc00\\udbff\\udfff\""),
	T("\"\xc2\x80\xdf\xbf\""),
	T("\"\xe0\xa0\x80\xef\xbf\xbf\""),
	T("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
	T("\"\xed\x9f\xbf\xee\x80\x80\""),
	T("\"\x7f\""),
	T("\"/\""),
	T("\"\xe2\x80\xa8\""),
	T("[true,false,null]"),
	T("[\"a\",1,{}]"),
	T("{\"\\u0061\":[]}"),
};
static const struct text bad[] = {
	T(""),
	T(" "),
	T("{"),
	T("["),
	T("}"),
	T("]"),
	T("[1"),
	T("[1,"),
	T("[1,]"),
	T("[,1]"),
	T("[,]"),
	T("[1,,2]"),
	T("[1 2]"),
	T("[1}"),
	T("{1}"),
	T("{a:1}"),
	T("{'a':1}"),
	T("{\"a\"}"),
	T("{\"a\":}"),
	T("{\"a\":1,}"),
	T("{,}"),
	T("{\"a\":1 \"b\":2}"),
	T("{\"a\" 1}"),
	T("{\"a\":1]"),
	T("{\"a\":1:2}"),
	T("{:1}"),
	T("{\"a\",1}"),
	T("{\"a\":1}}"),
	T("[]]"),
	T("{} {}"),
	T("1 2"),
	T("nul"),
	T("nulll"),
	T("True"),
	T("TRUE"),
	T("tru e"),
	T("fals"),
	T("nan"),
	T("NaN"),
	T("Infinity"),
	T("-Infinity"),
	T("+1"),
	T("-"),
	T("--1"),
	T("01"),
	T("-01"),
	T("00"),
	T("1."),
	T(".5"),
	T("-.5"),
	T("1.e1"),
	T("1e"),
	T("1e+"),
	T("1e-"),
	T("1E+-2"),
	T("1e1.5"),
	T("0x10"),
	T("1_000"),
	T("1a"),
	T("- 1"),
	T("1 .5"),
	T("\""),
	T("\"abc"),
	T("'abc'"),
	T("abc"),
	T("\"\\\""),
	T("\"\\a\""),
	T("\"\\x41\""),
	T("\"\\u\""),
	T("\"\\u12\""),
	T("\"\\u12g4\""),
	T("\"\\U0041\""),
	T("\"\\ud800\""),
	T("\"\\udc00\""),
	T("\"\\ud800\\ud800\""),
	T("\"\\ud800x\""),
	T("\"\\ud800\\n\""),
	T("\"\\ud800\\u0041\""),
	T("\"\\ud83d\xf0\x9f\x98\x80\""),
	T("\"\n\""),
	T("\"\t\""),
	T("\"\0\""),
	T("\"\x1f\""),
	T("\"\x80\""),
	T("\"\xbf\""),
	T("\"\xc0\x80\""),
	T("\"\xc1\xbf\""),
	T("\"\xc2\""),
	T("\"\xc2 \""),
	T("\"\xe0\x80\x80\""),
	T("\"\xe0\x9f\xbf\""),
	T("\"\xe2\x82\""),
	T("\"\xed\xa0\x80\""),
	T("\"\xed\xbf\xbf\""),
	T("\"\xf0\x80\x80\x80\""),
	T("\"\xf0\x8f\xbf\xbf\""),
	T("\"\xf4\x90\x80\x80\""),
	T("\"\xf5\x80\x80\x80\""),
	T("\"\xff\""),
	T("\"\xfe\""),
	T("\xef\xbb\xbf[]"),
	T("[\xc2\xa0]"),
	T("\v[]"),
	T("\f[]"),
	T("[1]//"),
	T("/**/[]"),
	T("#\n1"),
	T("[1]\0"),
	T("*"),
	T("[\"a\"\"b\"]"),
	T("{\"a\"\n}"),
	T("\"\\"),
	T("[\"\\\"]"),
	T("tr\0ue"),
	T("1\0"),
	T("{\"a\":1,\"b\"}"),
	T("[\xff]"),
	T("\xff"),
};
#define COUNT(a_) (sizeof(a_) / sizeof *(a_))

/* All events and their texts, as one text. */
static int events_of(const char *bytes, size_t size, size_t cut, char *to, size_t room,
                     uint64_t *offset)
{
	static const char letters[] = "?.!{}[]ksntfz";
	struct json_reader r;
	char text[256];
	size_t given = 0, n = 0;
	json_reader_open(&r, text, sizeof text, 64);
	for (;;) {
		enum json_event e = json_next(&r);
		if (e == JSON_MORE) {
			size_t piece = cut && size - given > cut ? cut : size - given;
			if (given == size) {
				json_finish(&r);
				continue;
			}
			/* In memory of its own, so that a byte behind the end is noticed. */
			static char *own;
			free(own);
			own = malloc(piece);
			memcpy(own, bytes + given, piece);
			json_give(&r, own, piece);
			given += piece;
			continue;
		}
		if (n + r.text_size + 4 >= room)
			return ERR_MEMORY;
		to[n++] = letters[e];
		if (e == JSON_KEY || e == JSON_STRING || e == JSON_NUMBER) {
			memcpy(to + n, r.text, r.text_size);
			n += r.text_size;
			to[n++] = '|';
		}
		to[n] = 0;
		*offset = r.offset;
		if (e == JSON_END)
			return OK;
		if (e == JSON_ERROR) {
			assert_non_null(r.expected);
			assert_int_equal(json_next(&r), JSON_ERROR);
			return r.error;
		}
	}
}

static void check_all_cuts(const struct text *t, int want)
{
	static char whole[4096], pieces[4096];
	uint64_t at, other;
	int error = events_of(t->bytes, t->size, 0, whole, sizeof whole, &at);
	if (error != want)
		fail_msg("%s: %d, not %d (%s)", t->bytes, error, want, whole);
	for (size_t cut = 1; cut <= t->size; cut++) {
		assert_int_equal(events_of(t->bytes, t->size, cut, pieces, sizeof pieces, &other),
		                 want);
		assert_string_equal(whole, pieces);
		assert_int_equal(at, other);
	}
}

static void what_the_grammar_has_is_accepted(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(good); k++)
		check_all_cuts(&good[k], OK);
}

static void what_the_grammar_has_not_is_refused(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(bad); k++)
		check_all_cuts(&bad[k], ERR_MALFORMED);
}

/* The tables themselves: Python's reader agrees (but for what it allows beyond the grammar: NaN,
 * lone surrogates). */
static void python_agrees_with_the_tables(void **state)
{
	(void)state;
	if (system("command -v /usr/bin/python3 >/dev/null"))
		skip();
	FILE *p = popen("/usr/bin/python3 -c '\n"
	                "import json, sys\n"
	                "def no(x): raise ValueError(x)\n"
	                "def look(v):\n"
	                "    if isinstance(v, str): v.encode()\n"
	                "    elif isinstance(v, list): [look(x) for x in v]\n"
	                "    elif isinstance(v, dict): [look(x) for kv in v.items() for x in kv]\n"
	                "data = sys.stdin.buffer.read().split(b\"\\x1e\")[:-1]\n"
	                "for d in data:\n"
	                "    want, text = d[0:1] == b\"+\", d[1:]\n"
	                "    try:\n"
	                "        look(json.loads(text.decode(), parse_constant=no)); got = not "
	                "text.startswith(b\"\\xef\\xbb\\xbf\")\n"
	                "    except (ValueError, UnicodeError): got = False\n"
	                "    if got != want: sys.exit(repr(text))\n"
	                "'",
	                "w");
	assert_non_null(p);
	for (size_t k = 0; k < COUNT(good) + COUNT(bad); k++) {
		const struct text *t = k < COUNT(good) ? &good[k] : &bad[k - COUNT(good)];
		fputc(k < COUNT(good) ? '+' : '-', p);
		fwrite(t->bytes, 1, t->size, p);
		fputc(0x1e, p);
	}
	assert_int_equal(pclose(p), 0);
}

static void errors_tell_where_and_what(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t offset;
		const char *expected;
	} cases[] = {
		{ "[1,}", 3, "a value" },
		{ "{\"a\" 1}", 5, ":" },
		{ "{\"a\":1]", 6, ", or }" },
		{ "[1}", 2, ", or ]" },
		{ "{1", 1, "a key in quotes, or }" },
		{ "{\"a\":1,}", 7, "a key in quotes" },
		{ "nuLl", 2, "null" },
		{ "1.x", 2, "a digit" },
		{ "[] x", 3, "nothing more" },
		{ "\"\\q\"", 2, "one of \" \\ / b f n r t u" },
		{ "[", 1, "more: the document ends too early" },
	};
	for (size_t k = 0; k < COUNT(cases); k++) {
		struct json_value v[8];
		struct json_defect d;
		char bytes[64];
		strcpy(bytes, cases[k].text);
		assert_int_equal(json_parse(v, 8, bytes, (uint32_t)strlen(bytes), &d),
		                 ERR_MALFORMED);
		assert_int_equal(d.offset, cases[k].offset);
		assert_string_equal(d.expected, cases[k].expected);
	}
}

/* ---- Bounds ---- */

static void depth_is_bounded(void **state)
{
	(void)state;
	for (uint32_t most = 0; most <= 600; most = most < 5 ? most + 1 : most + 119) {
		struct json_reader r;
		char text[1], bytes[1024];
		uint32_t real = most < JSON_DEPTH_MAX ? most : JSON_DEPTH_MAX, k;
		for (k = 0; k < sizeof bytes; k++)
			bytes[k] = '[';
		json_reader_open(&r, text, 1, most);
		json_give(&r, bytes, sizeof bytes);
		for (k = 0; json_next(&r) == JSON_ARRAY;)
			k++;
		assert_int_equal(k, real);
		assert_int_equal(r.error, ERR_TOO_BIG);
	}
}

static void texts_are_bounded(void **state)
{
	(void)state;
	struct json_reader r;
	char text[4];
	json_reader_open(&r, text, 4, 1);
	json_give(&r, "[\"abcd\",1234,\"\xf0\x9f\x98\x80\",\"abcde\"]", 29);
	assert_int_equal(json_next(&r), JSON_ARRAY);
	assert_int_equal(json_next(&r), JSON_STRING);
	assert_int_equal(json_next(&r), JSON_NUMBER);
	assert_int_equal(json_next(&r), JSON_STRING);
	assert_int_equal(r.text_size, 4);
	assert_int_equal(json_next(&r), JSON_ERROR);
	assert_int_equal(r.error, ERR_TOO_BIG);
}

static void integers_are_exact_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is;
		int64_t value;
	} cases[] = { { "0", true, 0 },
		      { "-0", true, 0 },
		      { "9223372036854775807", true, INT64_MAX },
		      { "-9223372036854775808", true, INT64_MIN },
		      { "9223372036854775808", false, 0 },
		      { "-9223372036854775809", false, 0 },
		      { "1.0", false, 0 },
		      { "1e3", false, 0 },
		      { "-1", true, -1 },
		      { "99999999999999999999999", false, 0 } };
	for (size_t k = 0; k < COUNT(cases); k++) {
		int64_t v = 0;
		assert_int_equal(
		        json_to_integer(cases[k].text, (uint32_t)strlen(cases[k].text), &v),
		        cases[k].is);
		assert_int_equal(v, cases[k].value);
	}
	uint64_t u;
	assert_true(json_to_unsigned("18446744073709551615", 20, &u) && u == UINT64_MAX);
	assert_false(json_to_unsigned("18446744073709551616", 20, &u));
	assert_false(json_to_unsigned("-1", 2, &u));
	assert_false(json_to_unsigned("", 0, &u));
}

/* ---- Trees ---- */

static void a_tree_has_all_that_the_document_has(void **state)
{
	(void)state;
	char bytes[] = "{\"n\":12,\"s\":\"a\\u0000\\n\\ud83d\\ude00\",\"list\":[1,[2,3],{\"k\":"
	               "true}],\"empty\":{},\"last\":-5}";
	struct json_value v[32];
	int64_t n;
	assert_int_equal(json_parse(v, 32, bytes, sizeof bytes - 1, NULL), OK);
	assert_int_equal(v->kind, JSON_OBJECT);
	assert_int_equal(v->count, 5);
	const struct json_value *s = json_member_of(v, "s", JSON_STRING),
	                        *list = json_member_of(v, "list", JSON_ARRAY);
	assert_int_equal(s->text_size, 7);
	assert_memory_equal(s->text, "a\0\n\xf0\x9f\x98\x80", 8);
	assert_true(
	        json_to_integer(json_member(v, "n")->text, json_member(v, "n")->text_size, &n) &&
	        n == 12);
	assert_string_equal(json_member(v, "n")->text, "12");
	assert_int_equal(list->count, 3);
	assert_string_equal(json_element(list, 0)->text, "1");
	assert_string_equal(json_element(json_element(list, 1), 1)->text, "3");
	assert_int_equal(json_member(json_element(list, 2), "k")->kind, JSON_TRUE);
	assert_null(json_element(list, 3));
	assert_null(json_member(v, "none"));
	assert_null(json_member(list, "k"));
	assert_null(json_member_of(v, "n", JSON_STRING));
	assert_int_equal(json_member(v, "empty")->count, 0);
	assert_string_equal(json_member(v, "last")->text, "-5");
	assert_string_equal(json_element(v, 4)->key, "last");
}

static void a_tree_is_bounded(void **state)
{
	(void)state;
	struct json_value v[3];
	char three[] = "[1,2]", four[] = "[1,2,3]", deep[80] = "";
	assert_int_equal(json_parse(v, 3, three, 5, NULL), OK);
	assert_int_equal(json_parse(v, 3, four, 7, NULL), ERR_TOO_BIG);
	memset(deep, '[', 40);
	struct json_value many[64];
	assert_int_equal(json_parse(many, 64, deep, 40, NULL), ERR_TOO_BIG);
}

/* The same as the reader says, for all documents of the tables, in memory that ends where it must.
 */
static void trees_and_readers_agree(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(good) + COUNT(bad); k++) {
		const struct text *t = k < COUNT(good) ? &good[k] : &bad[k - COUNT(good)];
		struct json_value v[32];
		char *bytes = malloc(t->size + 1);
		memcpy(bytes, t->bytes, t->size);
		assert_int_equal(json_parse(v, 32, bytes, (uint32_t)t->size, NULL),
		                 k < COUNT(good) ? OK : ERR_MALFORMED);
		free(bytes);
	}
}

/* ---- Writing ---- */

static void write_sample(struct json_writer *w)
{
	json_object(w);
	json_key(w, "text \"quoted\"");
	json_string(w, "a\\b\n\t\x01<script>&\x7f\xc3\xa9\xff\xed\xa0\x80");
	json_key(w, "numbers");
	json_array(w);
	json_integer(w, INT64_MIN);
	json_integer(w, 0);
	json_unsigned(w, UINT64_MAX);
	json_number(w, "1.50e-7", 7);
	json_array_end(w);
	json_key(w, "more");
	json_array(w);
	json_object(w);
	json_object_end(w);
	json_bool(w, true);
	json_bool(w, false);
	json_null(w);
	json_array(w);
	json_array_end(w);
	json_array_end(w);
	json_object_end(w);
}

static const char sample[] = "{\"text "
                             "\\\"quoted\\\"\":\"a\\\\b\\n\\t\\u0001<script>&"
                             "\\u007f\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
                             "\"numbers\":[-9223372036854775808,0,18446744073709551615,1.50e-7],"
                             "\"more\":[{},true,false,null,[]]}";

static void what_is_written_is_json(void **state)
{
	(void)state;
	struct json_writer w;
	char to[1024];
	uint64_t at;
	static char events[2048];
	json_writer_open(&w, to, sizeof to);
	write_sample(&w);
	assert_int_equal(json_writer_end(&w), OK);
	assert_int_equal(w.size, sizeof sample - 1);
	assert_memory_equal(to, sample, w.size);
	assert_int_equal(events_of(to, w.size, 0, events, sizeof events, &at), OK);
}

static void in_a_page_nothing_ends_a_script(void **state)
{
	(void)state;
	struct json_writer w;
	char to[256];
	json_writer_open(&w, to, sizeof to);
	w.html = true;
	json_string(&w, "</script><!--&");
	assert_int_equal(json_writer_end(&w), OK);
	static const char want[] = "\"\\u003c/script\\u003e\\u003c!--\\u0026\"";
	assert_int_equal(w.size, sizeof want - 1);
	assert_memory_equal(to, want, w.size);
}

static void what_does_not_fit_is_told(void **state)
{
	(void)state;
	for (uint32_t room = 0; room < sizeof sample - 1; room++) {
		struct json_writer w;
		char *to = malloc(room);
		json_writer_open(&w, to, room);
		write_sample(&w);
		assert_int_equal(json_writer_end(&w), ERR_TOO_BIG);
		free(to);
	}
}

static char collected[1024];
static uint32_t collected_size;

static int collect(void *of, const char *bytes, uint32_t size)
{
	(void)of;
	memcpy(collected + collected_size, bytes, size);
	collected_size += size;
	return OK;
}

static int refuse(void *of, const char *bytes, uint32_t size)
{
	(void)of, (void)bytes, (void)size;
	return ERR_CLOSED;
}

static void a_sink_takes_what_the_buffer_cannot(void **state)
{
	(void)state;
	for (uint32_t room = 1; room < 100; room++) {
		struct json_writer w;
		char to[100];
		json_writer_open(&w, to, room);
		w.flush = collect;
		collected_size = 0;
		write_sample(&w);
		assert_int_equal(json_writer_end(&w), OK);
		assert_int_equal(collected_size, sizeof sample - 1);
		assert_memory_equal(collected, sample, collected_size);
		json_writer_open(&w, to, room);
		w.flush = refuse;
		write_sample(&w);
		assert_int_equal(json_writer_end(&w), ERR_CLOSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_grammar_has_is_accepted),
		cmocka_unit_test(what_the_grammar_has_not_is_refused),
		cmocka_unit_test(python_agrees_with_the_tables),
		cmocka_unit_test(errors_tell_where_and_what),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(texts_are_bounded),
		cmocka_unit_test(integers_are_exact_or_refused),
		cmocka_unit_test(a_tree_has_all_that_the_document_has),
		cmocka_unit_test(a_tree_is_bounded),
		cmocka_unit_test(trees_and_readers_agree),
		cmocka_unit_test(what_is_written_is_json),
		cmocka_unit_test(in_a_page_nothing_ends_a_script),
		cmocka_unit_test(what_does_not_fit_is_told),
		cmocka_unit_test(a_sink_takes_what_the_buffer_cannot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
