/* SPDX-License-Identifier: ISC */
/* A perfect hash of names: each name of any list is found by one look, and none is where another
 * one is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <builder/names.h>

/* As names.h describes it, and os/core/file.c does it. */
static uint32_t look(const struct names *n, const char *name)
{
	uint64_t h = n->salt;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3ull;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ull;
	h ^= h >> 29;
	uint32_t bucket = n->buckets[(h & 0xffffffff) * n->bucket_count >> 32];
	uint32_t slot =
	        bucket & 0x80000000u
	                ? bucket & 0x7fffffffu
	                : (uint32_t)((((h ^ bucket) * 0xbf58476d1ce4e5b9ull) >> 32) * n->count >>
	                             32);
	assert_true(slot < n->count);
	return n->slots[slot];
}

static void all_are_found(const char *format, uint32_t count)
{
	struct names n;
	char **list = calloc(count + 1, sizeof *list);
	bool *seen = calloc(count + 1, 1);
	for (uint32_t k = 0; k < count; k++) {
		list[k] = malloc(64);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(list[k], 64, format, k);
#pragma GCC diagnostic pop
	}
	assert_true(names_hash(&n, (const char *const *)list, count));
	for (uint32_t k = 0; k < count; k++) {
		assert_int_equal(look(&n, list[k]), k);
		seen[n.slots[k]] = true;
	}
	for (uint32_t k = 0; k < count; k++)
		assert_true(seen[k]);
	/* Any other name leads to some slot, too: the comparison tells. */
	if (count)
		look(&n, "no such name");
	names_free(&n);
	for (uint32_t k = 0; k < count; k++)
		free(list[k]);
	free(list);
	free(seen);
}

static void names_of_all_counts_are_found(void **state)
{
	(void)state;
	for (uint32_t count = 0; count < 300; count++)
		all_are_found("file%u", count);
	all_are_found("site/a/path/that/is/long/%u/index.html", 10000);
	all_are_found("%u", 70000);
}

static void names_that_are_one_are_refused(void **state)
{
	(void)state;
	struct names n;
	const char *const list[] = { "a", "b", "a" };
	assert_false(names_hash(&n, list, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_all_counts_are_found),
		cmocka_unit_test(names_that_are_one_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
