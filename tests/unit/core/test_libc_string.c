/* SPDX-License-Identifier: ISC */
/* Our mem* and str* against the host's, at all small sizes and alignments, up against an unmapped
 * page. */
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>

#include "fake.h"

void *os_memcpy(void *, const void *, size_t);
void *os_memmove(void *, const void *, size_t);
void *os_mempcpy(void *, const void *, size_t);
void *os_memset(void *, int, size_t);
int os_memcmp(const void *, const void *, size_t);
void *os_memchr(const void *, int, size_t);
void *os_memrchr(const void *, int, size_t);
void os_explicit_bzero(void *, size_t);
size_t os_strlen(const char *);
size_t os_strnlen(const char *, size_t);
int os_strcmp(const char *, const char *);
int os_strncmp(const char *, const char *, size_t);
int os_strcasecmp(const char *, const char *);
int os_strncasecmp(const char *, const char *, size_t);
char *os_strchr(const char *, int);
char *os_strchrnul(const char *, int);
char *os_strrchr(const char *, int);
char *os_strcpy(char *, const char *);
char *os_stpcpy(char *, const char *);
char *os_strncpy(char *, const char *, size_t);
char *os_stpncpy(char *, const char *, size_t);
char *os_strcat(char *, const char *);
char *os_strncat(char *, const char *, size_t);
size_t os_strlcpy(char *, const char *, size_t);
size_t os_strlcat(char *, const char *, size_t);

#define SIZE 16384
static uint8_t a[SIZE], b[SIZE], c[SIZE];

static void fill_random(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)fake_random();
}

static size_t next_size(size_t n)
{
	return n < 400 ? n + 1 : n < 4000 ? n + 61 : n + 509;
}

static void copies_at_every_size_and_alignment(void **state)
{
	(void)state;
	fill_random(a, SIZE);
	for (size_t n = 0; n < 9000; n = next_size(n)) {
		size_t from = fake_random() % 64, to = fake_random() % 64;
		memset(b, 0x5a, SIZE);
		memset(c, 0x5a, SIZE);
		assert_ptr_equal(os_memcpy(b + to, a + from, n), b + to);
		memcpy(c + to, a + from, n);
		assert_memory_equal(b, c, n + 128);
		assert_ptr_equal(os_mempcpy(b, a, n), b + n);
	}
}

static void moves_with_any_overlap(void **state)
{
	(void)state;
	for (size_t n = 0; n < 9000; n = next_size(n)) {
		for (int i = 0; i < 12; i++) {
			/* Distances from nothing to more than n, in both directions. */
			size_t far = fake_random() % (n < 4000 ? 2 * n + 2
			                              : i % 2  ? 300
			                                       : 5000),
			       from = 0, to = 0;
			if (i % 3)
				from = far;
			else
				to = far;
			fill_random(b, n + far + 64);
			memcpy(c, b, n + far + 64);
			assert_ptr_equal(os_memmove(b + to, b + from, n), b + to);
			memmove(c + to, c + from, n);
			if (memcmp(b, c, n + far + 64) != 0)
				fail_msg("memmove of %zu bytes from %zu to %zu", n, from, to);
		}
	}
}

static void sets_exactly(void **state)
{
	(void)state;
	for (size_t n = 0; n < 9000; n = next_size(n)) {
		size_t at = fake_random() % 64;
		int value = (int)fake_random();
		memset(b, 0x11, n + 128);
		memset(c, 0x11, n + 128);
		assert_ptr_equal(os_memset(b + at, value, n), b + at);
		memset(c + at, value, n);
		assert_memory_equal(b, c, n + 128);
	}
	os_explicit_bzero(b, 100);
	assert_int_equal(b[99], 0);
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void compares_by_the_first_difference(void **state)
{
	(void)state;
	for (size_t n = 0; n < 2000; n = next_size(n)) {
		fill_random(a, n);
		memcpy(b, a, n);
		assert_int_equal(os_memcmp(a, b, n), 0);
		for (int i = 0; n > 0 && i < 10; i++) {
			size_t at = fake_random() % n, after = fake_random() % n;
			b[at] ^= (uint8_t)(1 << fake_random() % 8);
			b[after] ^= (uint8_t)(1 << fake_random() % 8);
			assert_int_equal(sign(os_memcmp(a, b, n)), sign(memcmp(a, b, n)));
		}
	}
}

/* Text that ends exactly before an unmapped page, so that reading on would be a fault. */
static uint8_t *before_a_hole(void)
{
	static uint8_t *pages;
	if (!pages) {
		pages = fake_memory(3 * 4096);
		assert_int_equal(mprotect(pages + 8192, 4096, PROT_NONE), 0);
	}
	return pages + 8192;
}

static void searches_do_not_leave_the_page(void **state)
{
	(void)state;
	uint8_t *end = before_a_hole();
	for (size_t n = 1; n < 300; n++) {
		char *s = (char *)end - n;
		memset(s, 'x', n - 1);
		s[n - 1] = '\0';
		assert_int_equal(os_strlen(s), n - 1);
		assert_int_equal(os_strnlen(s, 1000), n - 1);
		assert_int_equal(os_strnlen(s, n / 2), n / 2 < n - 1 ? n / 2 : n - 1);
		assert_ptr_equal(os_memchr(s, 0, n), s + n - 1);
		assert_null(os_memchr(s, 'y', n));
		assert_null(os_memchr(s, 0, n - 1));
		assert_ptr_equal(os_memchr(s, 0, SIZE_MAX), s + n - 1);
		assert_null(os_strchr(s, 'y'));
		assert_ptr_equal(os_strchr(s, 0), s + n - 1);
		assert_ptr_equal(os_strchrnul(s, 'y'), s + n - 1);
		memcpy(b, s, n);
		assert_int_equal(os_memcmp(b, s, n), 0);
		os_memcpy(b, s, n);
		os_memmove(s, b, n);
		assert_int_equal(os_strcmp((char *)b, s), 0);
	}
}

static void searches_as_the_host(void **state)
{
	(void)state;
	for (int round = 0; round < 30000; round++) {
		size_t n = fake_random() % 200, at = fake_random() % 40;
		for (size_t i = 0; i < n; i++)
			a[at + i] = (uint8_t)('a' + fake_random() % 20);
		a[at + n] = '\0';
		const char *s = (const char *)a + at;
		int wanted = (int)('a' + fake_random() % 24);
		assert_ptr_equal(os_memchr(s, wanted, n), memchr(s, wanted, n));
		assert_ptr_equal(os_memrchr(s, wanted, n), memrchr(s, wanted, n));
		assert_ptr_equal(os_strchr(s, wanted), strchr(s, wanted));
		assert_ptr_equal(os_strrchr(s, wanted), strrchr(s, wanted));
		assert_ptr_equal(os_strchrnul(s, wanted), strchrnul(s, wanted));
		assert_int_equal(os_strlen(s), strlen(s));
	}
	assert_ptr_equal(os_strrchr("abc", 0), strrchr("abc", 0));
}

static char *random_text(uint8_t *to)
{
	size_t n = fake_random() % 12;
	for (size_t i = 0; i < n; i++)
		to[i] = "aAbB\xe9@[`{"[fake_random() % 9];
	to[n] = '\0';
	return (char *)to;
}

static void compares_text_as_the_host(void **state)
{
	(void)state;
	for (int round = 0; round < 200000; round++) {
		const char *x = random_text(a), *y = random_text(b);
		size_t n = fake_random() % 14;
		assert_int_equal(sign(os_strcmp(x, y)), sign(strcmp(x, y)));
		assert_int_equal(sign(os_strncmp(x, y, n)), sign(strncmp(x, y, n)));
		assert_int_equal(sign(os_strcasecmp(x, y)), sign(strcasecmp(x, y)));
		assert_int_equal(sign(os_strncasecmp(x, y, n)), sign(strncasecmp(x, y, n)));
	}
}

static void copies_text_as_the_host(void **state)
{
	(void)state;
	char x[64], y[64], from[32];
	for (int round = 0; round < 50000; round++) {
		const char *s = strcpy(from, random_text(a));
		size_t n = fake_random() % 20, length = strlen(s);
		memset(x, '#', sizeof x);
		memset(y, '#', sizeof y);
		assert_ptr_equal(os_strncpy(x, s, n), x);
		memcpy(y, s, length < n ? length : n);
		if (n > length)
			memset(y + length, 0, n - length);
		assert_memory_equal(x, y, sizeof x);
		assert_ptr_equal(os_stpncpy(x, s, n), x + (length < n ? length : n));

		assert_ptr_equal(os_stpcpy(x, s), x + length);
		assert_ptr_equal(os_strcpy(x, s), x);
		assert_string_equal(x, s);
		random_text((uint8_t *)x);
		strcpy(y, x);
		assert_ptr_equal(os_strcat(x, s), x);
		assert_string_equal(x, strcat(y, s));
		assert_ptr_equal(os_strncat(x, s, n), x);
		strncat(y, s, n);
		assert_string_equal(x, y);
	}
}

static void bounded_copies_always_end(void **state)
{
	(void)state;
	char to[8] = "#######";
	assert_int_equal(os_strlcpy(to, "abcdef", 4), 6);
	assert_string_equal(to, "abc");
	assert_int_equal(to[4], '#');
	assert_int_equal(os_strlcpy(to, "abc", 0), 3);
	assert_int_equal(os_strlcat(to, "xyz", 5), 6);
	assert_string_equal(to, "abcx");
	assert_int_equal(os_strlcat(to, "q", 2), 3); /* no end within the room: nothing is done */
	assert_string_equal(to, "abcx");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_at_every_size_and_alignment),
		cmocka_unit_test(moves_with_any_overlap),
		cmocka_unit_test(sets_exactly),
		cmocka_unit_test(compares_by_the_first_difference),
		cmocka_unit_test(searches_do_not_leave_the_page),
		cmocka_unit_test(searches_as_the_host),
		cmocka_unit_test(compares_text_as_the_host),
		cmocka_unit_test(copies_text_as_the_host),
		cmocka_unit_test(bounded_copies_always_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
