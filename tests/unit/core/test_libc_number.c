/* SPDX-License-Identifier: ISC */
/* strto* against the host's, and qsort. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake.h"

long os_strtol(const char *, char **, int);
unsigned long os_strtoul(const char *, char **, int);
int os_atoi(const char *);
void os_qsort(void *, size_t, size_t, int (*)(const void *, const void *));
void os_qsort_r(void *, size_t, size_t, int (*)(const void *, const void *, void *), void *);

static void same(const char *text, int base)
{
	char *end_a, *end_b;
	errno = 0;
	long a = os_strtol(text, &end_a, base);
	int error_a = errno;
	errno = 0;
	long b = strtol(text, &end_b, base);
	if (a != b || end_a != end_b || error_a != errno)
		fail_msg("strtol(\"%s\", %d): %ld (+%td, %d), not %ld (+%td, %d)", text, base, a,
		         end_a - text, error_a, b, end_b - text, errno);
	errno = 0;
	unsigned long c = os_strtoul(text, &end_a, base);
	error_a = errno;
	errno = 0;
	unsigned long d = strtoul(text, &end_b, base);
	if (c != d || end_a != end_b || error_a != errno)
		fail_msg("strtoul(\"%s\", %d): %lu (+%td, %d), not %lu (+%td, %d)", text, base, c,
		         end_a - text, error_a, d, end_b - text, errno);
}

static void numbers_as_the_host(void **state)
{
	(void)state;
	static const char letters[] = "0011223456789abcfxXzZ+- \t_";
	static const int bases[] = { 0, 2, 8, 10, 10, 10, 16, 16, 36, 7 };
	char text[40];
	for (int i = 0; i < 300000; i++) {
		size_t n = fake_random() % 24;
		for (size_t j = 0; j < n; j++)
			text[j] = letters[fake_random() % (i % 2 ? 13 : sizeof letters - 1)];
		text[n] = '\0';
		same(text, bases[fake_random() % 10]);
	}
}

static void corners(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"9223372036854775807",
		"9223372036854775808",
		"-9223372036854775808",
		"-9223372036854775809",
		"18446744073709551615",
		"18446744073709551616",
		"-18446744073709551615",
		"-18446744073709551616",
		"0x",
		"0xg",
		"0x1",
		"-0x1",
		"+0x1",
		"0",
		"-",
		"+",
		"",
		" ",
		"\v\f 12",
		"08",
		"0b1",
		"z",
		"--1",
		"- 1",
		"0x7fffffffffffffff",
		"0xffffffffffffffff",
		"0x10000000000000000",
		"01777777777777777777777",
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		for (int base = 0; base <= 36; base++) {
			if (base != 1)
				same(texts[i], base);
		}
	}
	errno = 0;
	assert_int_equal(os_strtol("1", NULL, 1), 0);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(os_strtol("1", NULL, 37), 0);
	assert_int_equal(os_atoi("-42x"), -42);
}

static size_t comparisons;

static int by_value(const void *a, const void *b)
{
	comparisons++;
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static int ints[20000], expected[20000];

static void make_pattern(int pattern, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		switch (pattern) {
		case 0:
			ints[i] = (int)fake_random();
			break;
		case 1:
			ints[i] = (int)i;
			break;
		case 2:
			ints[i] = (int)(n - i);
			break;
		case 3:
			ints[i] = 7;
			break;
		case 4:
			ints[i] = (int)(fake_random() % 3);
			break;
		case 5: /* organ pipe */
			ints[i] = (int)(i < n / 2 ? i : n - i);
			break;
		default: /* interleaved: bad for the middle of three */
			ints[i] = (int)(i % 2 ? i : n - i);
		}
	}
}

static void sorts_every_pattern_in_n_log_n(void **state)
{
	(void)state;
	for (int pattern = 0; pattern < 7; pattern++) {
		for (size_t n = 0; n <= 20000; n = n < 40 ? n + 1 : n * 3) {
			make_pattern(pattern, n);
			memcpy(expected, ints, n * sizeof ints[0]);
			qsort(expected, n, sizeof expected[0], by_value);
			comparisons = 0;
			os_qsort(ints, n, sizeof ints[0], by_value);
			assert_memory_equal(ints, expected, n * sizeof ints[0]);
			assert_true(comparisons <=
			            100 + n * 5 * (64 - (size_t)__builtin_clzll(n + 1)));
		}
	}
}

/* McIlroy's adversary ("A Killer Adversary for Quicksort", 1999): decides the values while they are
 * compared. */
static int values[5000], solid, candidate;

static int adversary(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	comparisons++;
	if (values[x] == INT_MAX && values[y] == INT_MAX)
		values[x == candidate ? x : y] = solid++;
	if (values[x] == INT_MAX)
		candidate = x;
	else if (values[y] == INT_MAX)
		candidate = y;
	return (values[x] > values[y]) - (values[x] < values[y]);
}

static void an_adversary_cannot_make_it_quadratic(void **state)
{
	(void)state;
	enum { N = 5000 };
	for (int i = 0; i < N; i++) {
		ints[i] = i;
		values[i] = INT_MAX;
	}
	solid = candidate = 0;
	comparisons = 0;
	os_qsort(ints, N, sizeof ints[0], adversary);
	assert_true(comparisons < 40 * N * 2);
	for (int i = 1; i < N; i++)
		assert_true(values[ints[i - 1]] <= values[ints[i]]);
}

struct big {
	char pad[61];
	unsigned char key;
	char more[90];
};

static int by_key(const void *a, const void *b, void *context)
{
	const struct big *x = a, *y = b;
	++*(int *)context;
	return x->key - y->key;
}

static void sorts_elements_of_any_size(void **state)
{
	(void)state;
	struct big all[200];
	int calls = 0;
	for (int i = 0; i < 200; i++) {
		memset(&all[i], i, sizeof all[i]);
		all[i].key = (unsigned char)fake_random();
		all[i].pad[0] = all[i].more[89] = (char)all[i].key;
	}
	os_qsort_r(all, 200, sizeof all[0], by_key, &calls);
	assert_true(calls > 0);
	for (int i = 0; i < 200; i++) {
		if (i > 0)
			assert_true(all[i - 1].key <= all[i].key);
		assert_int_equal(all[i].pad[0], (char)all[i].key);
		assert_int_equal(all[i].more[89], (char)all[i].key);
		assert_int_equal(all[i].pad[1], all[i].more[5]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_as_the_host),
		cmocka_unit_test(corners),
		cmocka_unit_test(sorts_every_pattern_in_n_log_n),
		cmocka_unit_test(an_adversary_cannot_make_it_quadratic),
		cmocka_unit_test(sorts_elements_of_any_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
