/* SPDX-License-Identifier: ISC */
/* Our snprintf against the host's: random formats, random values, and the corners by hand. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "fake.h"

int os_snprintf(char *, size_t, const char *, ...);
int os_vsnprintf(char *, size_t, const char *, va_list);
int os_sprintf(char *, const char *, ...);

#define ROOM 12000

static char ours[ROOM], theirs[ROOM];

/* Both with the same arguments; any format that they disagree on is shown. */
static void same(const char *format, ...)
{
	va_list a, b;
	va_start(a, format);
	va_copy(b, a);
	memset(ours, '#', ROOM);
	memset(theirs, '#', ROOM);
	int n = os_vsnprintf(ours, ROOM, format, a), m = vsnprintf(theirs, ROOM, format, b);
	va_end(a);
	va_end(b);
	if (n != m || memcmp(ours, theirs, ROOM) != 0)
		fail_msg("\"%s\": ours %d \"%.300s\", theirs %d \"%.300s\"", format, n, ours, m,
		         theirs);
}

/* '%', flags, width, precision, length. */
static void random_format(char *to, const char *flags, int width, int precision, const char *length,
                          char conversion)
{
	*to++ = '%';
	for (; *flags; flags++) {
		if (fake_random() % 3 == 0)
			*to++ = *flags;
	}
	if (fake_random() % 2)
		to += sprintf(to, "%d", (int)(fake_random() % (unsigned)width) + 1);
	if (fake_random() % 2)
		to += fake_random() % 8
		              ? sprintf(to, ".%d", (int)(fake_random() % (unsigned)precision))
		              : sprintf(to, ".");
	sprintf(to, "%s%c", length, conversion);
}

static uint64_t random_integer(void)
{
	static const uint64_t corners[] = {
		0,         1, 9, 10, 255, INT_MAX, (uint64_t)INT_MIN, LONG_MAX, (uint64_t)LONG_MIN,
		UINT64_MAX
	};
	if (fake_random() % 4 == 0)
		return corners[fake_random() % 10];
	return fake_random() >> (fake_random() % 64);
}

static double random_double(void)
{
	uint64_t bits = fake_random();
	double v;
	switch (fake_random() % 6) {
	case 0:
		memcpy(&v, &bits, sizeof v); /* anything: infinities, NaNs, subnormals */
		return v;
	case 1:
		return (double)(int64_t)bits / (double)(1ull << (fake_random() % 64));
	case 2: /* ties: few decimals, ending in 5 */
		return (double)((int64_t)(bits % 2000001) - 1000000) / 8.0;
	case 3:
		return ldexp(1, (int)(bits % 2098) - 1074);
	case 4:
		return pow(10, (int)(bits % 617) - 308);
	default:
		return (double)(bits % 1000000) / 1000.0;
	}
}

static void integers_as_the_host(void **state)
{
	(void)state;
	static const char *const lengths[] = { "", "l", "ll", "h", "hh", "z", "j", "t" };
	char format[64];
	for (int i = 0; i < 200000; i++) {
		char conversion = "diuoxX"[fake_random() % 6];
		const char *length = lengths[fake_random() % 8];
		random_format(format, "-+ #0", 40, 40, length, conversion);
		uint64_t v = random_integer();
		if (length[0] == '\0' || length[0] == 'h')
			same(format, (int)v);
		else
			same(format, (long)v);
	}
}

static void doubles_as_the_host(void **state)
{
	(void)state;
	char format[64];
	for (int i = 0; i < 150000; i++) {
		random_format(format, "-+ #0", 60, i % 50 == 0 ? 1200 : 25, "",
		              "fFeEgG"[fake_random() % 6]);
		same(format, random_double());
	}
}

static void long_doubles_as_the_host(void **state)
{
	(void)state;
	char format[64];
	for (int i = 0; i < 5000; i++) {
		long double v =
		        i % 4 == 0 ? (long double)random_double()
		                   : ldexpl((long double)(fake_random() | 1ull << 63),
		                            (int)(fake_random() % (i % 100 == 1 ? 32000 : 200)) -
		                                    (i % 100 == 1 ? 16000 : 100));
		random_format(format, "-+ #0", 60, 30, "L", "fFeEgG"[fake_random() % 6]);
		same(format, v);
	}
	same("%Lf %Le %Lg", LDBL_MAX, LDBL_MIN, LDBL_TRUE_MIN);
	same("%.5000Lf", LDBL_MIN);
}

static void hexadecimal_doubles_as_the_host(void **state)
{
	(void)state;
	char format[64];
	for (int i = 0; i < 50000; i++) {
		double v = random_double();
		if (fpclassify(v) ==
		    FP_SUBNORMAL) /* ours begins with 1, glibc's with 0: C allows both */
			v = 1;
		random_format(format, "-+ #0", 40, 20, "", "aA"[fake_random() % 2]);
		same(format, v);
	}
}

static void corners_of_floating_point(void **state)
{
	(void)state;
	static const double values[] = { 0.0,         -0.0,     0.5,       1.5,        2.5,
		                         0.25,        0.125,    9.5,       99.5,       999.5,
		                         9.9999,      0.00001,  0.0001,    0.00009995, 123456,
		                         1234567,     999999.5, 1e15,      1e16,       1e21,
		                         1e22,        1e23,     DBL_MAX,   DBL_MIN,    DBL_TRUE_MIN,
		                         DBL_EPSILON, INFINITY, -INFINITY, NAN,        5e-324,
		                         0.1,         1.0 / 3 };
	static const char *const formats[] = { "%f",   "%.0f",  "%.1f",  "%e",      "%.0e",
		                               "%g",   "%.0g",  "%.1g",  "%#g",     "%#.0f",
		                               "%.3g", "%.17g", "%.20f", "%010.2f", "%-12.3e|",
		                               "%+g",  "% g",   "%G" };
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		for (size_t j = 0; j < sizeof formats / sizeof formats[0]; j++) {
			/* glibc 2.36 prints "1.e+06", and so loses digits that # and the precision
			 * ask for. */
			if (values[i] != 999999.5 || strcmp(formats[j], "%#g") != 0)
				same(formats[j], values[i]);
		}
	}
	os_snprintf(ours, ROOM, "%#g", 999999.5);
	assert_string_equal(ours, "1.00000e+06");
	same("%.400f", 1e-300);
	same("%.1100f", DBL_TRUE_MIN);
	same("%.3000f", 1.0);
}

static void text_and_characters(void **state)
{
	(void)state;
	same("plain");
	same("");
	same("%%|%5d%%", 7);
	same("%s|%10s|%-10s|%.2s|%10.3s|%-6.1s|", "abc", "abc", "abc", "abc", "abcdef", "xyz");
	same("%c%5c%-5c|", 'a', 'b', 'c');
	same("%.0s|%.*s|%*s|%-*s", "gone", 2, "two", 6, "right", 6, "left");
	same("%*d|%.*d|%.*d", -6, 42, 3, 7, -1, 9);
	same("%p", (void *)0x1234abcd);
	same("%20p|%-20p|", (void *)1, (void *)2);
	char unterminated[3] = { 'a', 'b', 'c' };
	same("%.3s", unterminated);
	same("%hhd %hd %hhu %hu", 300, 70000, 300, 70000);
	same("%jd %zu %td", (intmax_t)-1, (size_t)-1, (ptrdiff_t)-5);
	same("%s", (char *)NULL + 0 == NULL ? "(null)" : "");
	assert_int_equal(os_snprintf(ours, ROOM, "%s", (char *)NULL), 6);
	assert_string_equal(ours, "(null)");
}

static void wide_characters_become_utf_8(void **state)
{
	(void)state;
	assert_int_equal(os_snprintf(ours, ROOM, "%ls|%lc|%.3ls|%8ls|", L"a\u00e9\u20ac\U0001f600",
	                             (wint_t)0x20ac, L"a\u20acb", L"\u00e9"),
	                 1 + 2 + 3 + 4 + 1 + 3 + 1 + 1 + 1 + 8 + 1);
	assert_string_equal(ours,
	                    "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80|\xe2\x82\xac|a|      \xc3\xa9|");
	assert_int_equal(os_snprintf(ours, ROOM, "%lc", (wint_t)0xd800), -1);
}

static void room_is_never_exceeded(void **state)
{
	(void)state;
	for (size_t room = 0; room < 20; room++) {
		memset(ours, '#', 40);
		assert_int_equal(os_snprintf(ours, room, "%s %d", "hello", 12345), 11);
		assert_int_equal(ours[room], '#');
		if (room > 0)
			assert_int_equal(strlen(ours), room - 1 < 11 ? room - 1 : 11);
	}
	assert_int_equal(os_snprintf(NULL, 0, "%d", 123), 3);
	assert_int_equal(os_sprintf(ours, "%d-%s", 5, "x"), 3);
	assert_string_equal(ours, "5-x");
}

static void what_is_not_supported_is_refused(void **state)
{
	(void)state;
	const char *const bad[] = {
		"%n", "%1$d", "%", "%y", "%5", "%.", "%l", "%99999999999d", "%.99999999999d"
	};
	int n = 0;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(os_snprintf(ours, ROOM, bad[i], &n), -1);
	assert_int_equal(os_snprintf(ours, ROOM, "%2147483647d%d", 1, 1),
	                 -1); /* over INT_MAX in all */
	assert_int_equal(os_snprintf(ours, ROOM, "%*d", INT_MIN, 1), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_as_the_host),
		cmocka_unit_test(doubles_as_the_host),
		cmocka_unit_test(long_doubles_as_the_host),
		cmocka_unit_test(hexadecimal_doubles_as_the_host),
		cmocka_unit_test(corners_of_floating_point),
		cmocka_unit_test(text_and_characters),
		cmocka_unit_test(wide_characters_become_utf_8),
		cmocka_unit_test(room_is_never_exceeded),
		cmocka_unit_test(what_is_not_supported_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
