/* SPDX-License-Identifier: ISC */
/* Arenas over the real heap. */
#include <core/arena.h>
#include <core/heap.h>
#include <core/start.h>

#include "fake.h"

static int start(void **state)
{
	(void)state;
	fake_start();
	struct amp_extent extent = { (uint64_t)fake_memory(4 << 20), 4 << 20 };
	heap_start(&extent, 1);
	return 0;
}

static void allocations_are_aligned_and_apart(void **state)
{
	(void)state;
	struct arena a = ARENA_INIT(0);
	uint8_t *all[2000];
	size_t sizes[2000];
	uint64_t used = heap_figures().used;
	for (int i = 0; i < 2000; i++) {
		sizes[i] = fake_random() % 300;
		all[i] = arena_alloc(&a, sizes[i]);
		assert_non_null(all[i]);
		assert_true((uintptr_t)all[i] % 16 == 0);
		memset(all[i], i & 255, sizes[i]);
	}
	for (int i = 0; i < 2000; i++) {
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(all[i][j], i & 255);
	}
	arena_free(&a);
	assert_true(heap_figures().used == used);
	assert_int_equal(a.taken, 0);
}

static void the_limit_holds(void **state)
{
	(void)state;
	struct arena a = ARENA_INIT(10000);
	size_t sum = 0;
	while (arena_alloc(&a, 100))
		sum += 112;
	assert_true(sum > 9000 && sum <= 10000);
	assert_true(a.taken <= 10000);
	assert_null(arena_alloc(&a, 20000));
	arena_reset(&a);
	assert_non_null(arena_alloc(&a, 100));
	arena_free(&a);
}

static void reset_keeps_the_first_chunk(void **state)
{
	(void)state;
	struct arena a = ARENA_INIT(0);
	void *first = arena_alloc(&a, 10);
	size_t taken = a.taken;
	for (int i = 0; i < 1000; i++)
		arena_alloc(&a, 500);
	assert_true(a.taken > taken);
	arena_reset(&a);
	assert_int_equal(a.taken, taken);
	assert_ptr_equal(arena_alloc(&a, 10), first);
	arena_free(&a);
	arena_reset(&a); /* of an empty one: no harm */
}

static void exhaustion_gives_null(void **state)
{
	(void)state;
	struct arena a = ARENA_INIT(0);
	uint64_t used = heap_figures().used;
	while (arena_alloc(&a, 60000))
		;
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 20));
	arena_free(&a);
	assert_true(heap_figures().used == used);
}

static void copies(void **state)
{
	(void)state;
	struct arena a = ARENA_INIT(0);
	assert_string_equal(arena_copy(&a, "ampoule", 8), "ampoule");
	assert_non_null(arena_copy(&a, NULL, 0));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_aligned_and_apart),
		cmocka_unit_test(the_limit_holds),
		cmocka_unit_test(reset_keeps_the_first_chunk),
		cmocka_unit_test(exhaustion_gives_null),
		cmocka_unit_test(copies),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
