/* SPDX-License-Identifier: ISC */
/* What is printed of an image's text: signs, and nothing that a terminal acts on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <tender/defect.h>

static void shows(const char *text, const char *want)
{
	char copy[64];
	snprintf(copy, sizeof copy, "%s", text);
	assert_string_equal(defect_clean(copy), want);
}

static void letters_stay(void **state)
{
	(void)state;
	shows("", "");
	shows("plain ~ text", "plain ~ text");
	shows("Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f");
	shows("\xce\xb1 \xd0\x96 \xe2\x82\xac \xe2\x80\x99",
	      "\xce\xb1 \xd0\x96 \xe2\x82\xac \xe2\x80\x99");
	shows("\xe6\xb0\xb4 \xed\x95\x9c \xef\xbc\x81", "\xe6\xb0\xb4 \xed\x95\x9c \xef\xbc\x81");
}

static void controls_in_every_encoding_go(void **state)
{
	(void)state;
	shows("a\x1b[31mb\n\t\x7f", "a?[31mb???");
	shows("\x9b"
	      "31m",
	      "?31m"); /* CSI in one byte, of ISO 8859 */
	shows("\xc2\x9b"
	      "31m",
	      "??31m");                    /* U+009B */
	shows("\xc2\x80\xc2\x9f", "????"); /* the first and last of C1 */
	shows("\xc0\x9b"
	      "31m",
	      "??31m");                    /* overlong */
	shows("\xe0\x82\x9b", "???");      /* overlong */
	shows("\xf0\x80\x82\x9b", "????"); /* overlong */
}

static void marks_without_a_sign_go(void **state)
{
	static const char *const marks[] = {
		"\xc2\xad",     /* U+00AD soft hyphen */
		"\xcc\x80",     /* U+0300 combining */
		"\xd8\x9c",     /* U+061C Arabic letter mark */
		"\xe2\x80\x8b", /* U+200B zero width */
		"\xe2\x80\x8d", /* U+200D joiner */
		"\xe2\x80\x8e", /* U+200E left to right */
		"\xe2\x80\xa8", /* U+2028 line separator */
		"\xe2\x80\xae", /* U+202E right to left from here */
		"\xe2\x81\xa0", /* U+2060 word joiner */
		"\xe2\x81\xa6", /* U+2066 isolate */
		"\xef\xb8\x8f", /* U+FE0F variation */
		"\xef\xbb\xbf", /* U+FEFF */
		"\xee\x80\x80", /* U+E000 private */
		"\xed\xa0\x80", /* a surrogate */
		"\xd7\x90",     /* a letter that turns the direction */
	};
	(void)state;
	for (unsigned i = 0; i < sizeof marks / sizeof *marks; i++) {
		char text[16];
		snprintf(text, sizeof text, "<%s>", marks[i]);
		shows(text, strlen(marks[i]) == 2 ? "<\?\?>" : "<\?\?\?>");
	}
	shows("\xf0\x9f\x98\x80\xf3\xa0\x80\x81", "????????"); /* U+1F600, a tag */
}

/* Whatever the bytes are, no byte of what is left is a control character, nor C1 as UTF-8, and no byte is added. */
static void no_bytes_slip_through(void **state)
{
	(void)state;
	for (uint32_t v = 1; v < 1u << 24; v += 1 + v / 5000) {
		char text[8] = { (char)v, (char)(v >> 8), (char)(v >> 16), 'x' };
		size_t before = strlen(text);
		defect_clean(text);
		assert_int_equal(strlen(text), before);
		for (const unsigned char *p = (unsigned char *)text; *p; p++) {
			assert_true(*p >= 0x20 && *p != 0x7f);
			assert_false(*p == 0xc2 && p[1] < 0xa0);
		}
	}
}

static void a_line_is_cut_within_a_letter_and_stays_clean(void **state)
{
	(void)state;
	struct defect d;
	char text[1200];
	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xbc", 3);
	defect_set(&d, "%s", text);
	assert_int_equal(strlen(d.text), sizeof d.text - 1);
	assert_int_equal(d.text[sizeof d.text - 2], '?');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_stay),
		cmocka_unit_test(controls_in_every_encoding_go),
		cmocka_unit_test(marks_without_a_sign_go),
		cmocka_unit_test(no_bytes_slip_through),
		cmocka_unit_test(a_line_is_cut_within_a_letter_and_stays_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
