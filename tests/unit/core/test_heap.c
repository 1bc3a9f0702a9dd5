/* SPDX-License-Identifier: ISC */
/* The heap against a model: every live object keeps its fill, nothing overlaps, everything comes
 * back. */
#include <core/heap.h>
#include <core/page.h>
#include <core/start.h>

#include "fake.h"

#define ZONES     3
#define ZONE_SIZE (8u << 20)
#define OBJECTS   4000

static struct amp_extent extents[ZONES];

struct object {
	uint8_t *at;
	size_t size, pages; /* pages: of an extent; else 0 */
	uint8_t fill;
};
static struct object objects[OBJECTS];

static int start(void **state)
{
	(void)state;
	fake_start();
	for (int i = 0; i < ZONES; i++)
		extents[i] = (struct amp_extent){ (uint64_t)fake_memory(ZONE_SIZE), ZONE_SIZE };
	heap_start(extents, ZONES);
	return 0;
}

static bool in_an_extent(const void *p, size_t size)
{
	for (int i = 0; i < ZONES; i++) {
		if ((uint64_t)p >= extents[i].base &&
		    (uint64_t)p + size <= extents[i].base + ZONE_SIZE)
			return true;
	}
	return false;
}

static size_t random_size(void)
{
	switch (fake_random() % 10) {
	case 0:
		return fake_random() % 100000;
	case 1:
	case 2:
		return fake_random() % 6000;
	default:
		return fake_random() % 600;
	}
}

static void fill(struct object *o)
{
	o->fill = (uint8_t)fake_random();
	memset(o->at, o->fill, o->size);
}

static void check_fill(const struct object *o, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (o->at[i] != o->fill)
			fail_msg("byte %zu of %zu at %p: %u, not %u", i, size, (void *)o->at,
			         o->at[i], o->fill);
}

static void allocate(struct object *o)
{
	size_t align = 16;
	o->size = random_size();
	o->pages = 0;
	switch (fake_random() % 6) {
	case 0:
		align = 1ull << fake_random() % 13;
		o->at = heap_alloc_aligned(o->size, align);
		break;
	case 1:
		o->at = heap_alloc_zero(1, o->size);
		for (size_t i = 0; o->at && i < o->size; i++)
			assert_int_equal(o->at[i], 0);
		break;
	case 2:
		o->pages = fake_random() % 20 + 1;
		o->size = o->pages * AMP_PAGE;
		align = AMP_PAGE;
		o->at = extent_alloc(o->pages);
		break;
	default:
		o->at = heap_alloc(o->size);
	}
	if (!o->at)
		return;
	assert_true((uintptr_t)o->at % align == 0);
	assert_true(in_an_extent(o->at, o->size));
	if (!o->pages)
		assert_true(heap_size(o->at) >= o->size);
	fill(o);
}

static void release(struct object *o)
{
	check_fill(o, o->size);
	if (o->pages)
		extent_free(o->at, o->pages);
	else
		heap_free(o->at);
	o->at = NULL;
}

static void resize(struct object *o)
{
	size_t size = random_size(), before = o->size;
	uint8_t *to = heap_resize(o->at, size);
	if (!to) {
		assert_true(size > before);
		return;
	}
	o->at = to;
	check_fill(o, size < before ? size : before);
	o->size = size;
	fill(o);
}

static void objects_keep_their_contents(void **state)
{
	(void)state;
	uint64_t used = heap_figures().used;
	for (int round = 0; round < 300000; round++) {
		struct object *o = &objects[fake_random() % OBJECTS];
		if (!o->at)
			allocate(o);
		else if (!o->pages && fake_random() % 4 == 0)
			resize(o);
		else
			release(o);
	}
	for (int i = 0; i < OBJECTS; i++) {
		if (objects[i].at)
			release(&objects[i]);
	}
	assert_true(heap_figures().used == used);
	assert_true(heap_figures().peak > used);
}

static void all_memory_comes_back_whole(void **state)
{
	(void)state;
	/* After the test above, runs have joined to what they were at the start; one holds the page
	 * records. */
	size_t pages = ZONE_SIZE / AMP_PAGE - 100;
	void *runs[ZONES];
	for (int i = 0; i < ZONES; i++) {
		runs[i] = extent_alloc(pages);
		assert_non_null(runs[i]);
	}
	assert_null(extent_alloc(pages));
	for (int i = 0; i < ZONES; i++)
		extent_free(runs[i], pages);
}

static void exhaustion_gives_null_and_is_counted(void **state)
{
	(void)state;
	struct heap_figures before = heap_figures();
	void **chain = NULL, **p;
	while ((p = heap_alloc(1000)) != NULL) {
		*p = chain;
		chain = p;
	}
	assert_true(heap_figures().failures == before.failures + 1);
	assert_true(heap_figures().used > before.total * 9 / 10);
	assert_null(heap_alloc(100000));
	assert_null(heap_alloc_zero(1000, 1000));
	assert_null(heap_resize(chain, 50000));
	assert_null(extent_alloc(100));
	for (; chain; chain = p) {
		p = *chain;
		heap_free(chain);
	}
	assert_true(heap_figures().used == before.used);
	p = heap_alloc(100000);
	assert_non_null(p);
	heap_free(p);
}

static void impossible_requests_give_null(void **state)
{
	(void)state;
	assert_null(heap_alloc(SIZE_MAX));
	assert_null(heap_alloc(SIZE_MAX - 4095));
	assert_null(heap_alloc_zero(SIZE_MAX / 2, 3));
	assert_null(heap_alloc_zero(1ull << 32, 1ull << 32));
	assert_null(heap_alloc_aligned(1, 3));
	assert_null(heap_alloc_aligned(1, 0));
	assert_null(heap_alloc_aligned(1, 8192));
	assert_null(extent_alloc(0));
	assert_null(extent_alloc(SIZE_MAX));
	void *none = heap_alloc(0), *other = heap_alloc(0);
	assert_non_null(none);
	assert_ptr_not_equal(none, other);
	heap_free(none);
	heap_free(other);
	heap_free(NULL);
}

static void large_zeroed_memory_is_zero_when_used_before(void **state)
{
	(void)state;
	uint8_t *p = heap_alloc(300000);
	memset(p, 0xff, 300000);
	heap_free(p);
	p = heap_alloc_zero(1, 300000);
	for (size_t i = 0; i < 300000; i++)
		assert_int_equal(p[i], 0);
	heap_free(p);
}

static void runs_grow_in_place_if_they_can(void **state)
{
	(void)state;
	uint8_t *p = heap_alloc(100000), *q;
	uint64_t used = heap_figures().used;
	q = heap_resize(p, 50000);
	assert_ptr_equal(p, q);
	assert_true(heap_figures().used < used);
	q = heap_resize(p, 100000);
	assert_ptr_equal(p, q);
	assert_true(heap_figures().used == used);
	heap_free(p);
}

/* ---- What must end in a panic ---- */

static void free_it(void *p)
{
	heap_free(p);
}

static void free_twice(void *p)
{
	heap_free(p);
	heap_free(p);
}

static void freeing_twice_is_found(void **state)
{
	(void)state;
	void *small = heap_alloc(40), *large = heap_alloc(50000);
	assert_true(fake_panics(free_twice, small, "freed twice"));
	assert_true(fake_panics(free_twice, large, "free("));
	heap_free(small);
	heap_free(large);
}

static void freeing_what_was_not_allocated_is_found(void **state)
{
	(void)state;
	uint8_t *small = heap_alloc(200), *large = heap_alloc(50000);
	int local;
	assert_true(fake_panics(free_it, &local, "not memory of the heap"));
	assert_true(fake_panics(free_it, (void *)8, "not memory of the heap"));
	assert_true(fake_panics(free_it, small + 1, "within an object"));
	assert_true(fake_panics(free_it, small + 16, "within an object"));
	assert_true(fake_panics(free_it, large + 16, "nothing is allocated"));
	assert_true(fake_panics(free_it, large + AMP_PAGE, "nothing is allocated"));
	assert_true(fake_panics(free_it, (void *)extents[0].base, "free("));
	heap_free(small);
	heap_free(large);
}

static void write_past_the_end(void *p)
{
	uint8_t *byte = (uint8_t *)p + heap_size(p);
	*byte ^= 1;
	heap_free(p);
}

static void writing_past_the_end_is_found(void **state)
{
	(void)state;
	for (size_t size = 0; size < 3 * AMP_PAGE; size += size < 100 ? 13 : 811) {
		void *p = heap_alloc(size);
		assert_true(fake_panics(write_past_the_end, p, "past the end"));
		heap_free(p);
	}
	/* A run's end is that of what was asked for, not of its last page. */
	void *page = heap_alloc_aligned(AMP_PAGE, AMP_PAGE);
	assert_true(heap_size(page) < AMP_PAGE + 16);
	heap_free(page);
	/* The end moves with the size. */
	void *p = heap_alloc(9 * AMP_PAGE);
	p = heap_resize(p, 5 * AMP_PAGE);
	assert_true(fake_panics(write_past_the_end, p, "past the end"));
	p = heap_resize(p, 20 * AMP_PAGE);
	assert_true(fake_panics(write_past_the_end, p, "past the end"));
	memset(p, 0xff, heap_size(p));
	p = heap_resize(p, 20 * AMP_PAGE - 100); /* within its pages */
	assert_true(fake_panics(write_past_the_end, p, "past the end"));
	p = heap_resize(p, 20 * AMP_PAGE - 50);
	assert_true(fake_panics(write_past_the_end, p, "past the end"));
	heap_free(p);
}

static void write_after_free(void *p)
{
	size_t size = heap_size(p);
	heap_free(p);
	/* Of a large object not all is looked at each time. */
	((uint8_t *)p)[fake_random() % (size < 128 || size > HEAP_SLAB_MAX ? size : 128)] = 1;
	for (int i = 0; i < 4096; i++)
		heap_free(heap_alloc(size));
}

static void writing_to_freed_memory_is_found(void **state)
{
	(void)state;
	static const size_t sizes[] = { 1, 100, 2000, HEAP_SLAB_MAX, 5000, 60000 };
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		void *p = heap_alloc(sizes[i]);
		assert_true(fake_panics(write_after_free, p, "after they were freed"));
		heap_free(p);
	}
}

static void freed_memory_reads_as_zero(void **state)
{
	(void)state;
	static const size_t sizes[] = { 1, 100, 2000, HEAP_SLAB_MAX, 5000, 60000, 200000 };
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint8_t *p = heap_alloc(sizes[i]);
		memset(p, 0xff, sizes[i]);
		heap_free(p);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[k], 0);
	}
}

/* One place in 128 lies behind the last one: 100 of 12,800 are expected. */
static void places_are_drawn_evenly(void **state)
{
	(void)state;
	static uint8_t *all[128 * 100];
	unsigned behind = 0;
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
		all[i] = heap_alloc(24);
		behind += i && all[i] == all[i - 1] + 32;
	}
	assert_in_range(behind, 20, 300);
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		heap_free(all[i]);
}

static void free_wrong_extent(void *p)
{
	extent_free(p, 3);
}

static void free_as_heap(void *p)
{
	heap_free(p);
}

static void extents_are_freed_as_they_were_allocated(void **state)
{
	(void)state;
	uint8_t *p = extent_alloc(4), *q = heap_alloc(3 * AMP_PAGE);
	assert_true(fake_panics(free_wrong_extent, p, "no such extent"));
	assert_true(fake_panics(free_wrong_extent, p + AMP_PAGE, "no such extent"));
	assert_true(fake_panics(free_wrong_extent, q, "no such extent"));
	assert_true(fake_panics(free_as_heap, p, "nothing is allocated"));
	extent_free(p, 4);
	heap_free(q);
}

/* The record that describes it: of a slab its first. */
static struct page *record_of(const void *p)
{
	struct page *record = page_of(p);
	return record->kind == PAGE_SLAB_REST ? record - record->back : record;
}

static void what_was_written_over_is_found(void **state)
{
	(void)state;
	void *object = heap_alloc(100), *run = heap_alloc(5 * AMP_PAGE - 8),
	     *extent = extent_alloc(2);
	struct page *all[] = { record_of(object), page_of(run), page_of(extent), page_of(run) + 5 };
	assert_true(heap_is_valid());
	for (unsigned k = 0; k < sizeof all / sizeof *all; k++) {
		struct page kept = *all[k];
		all[k]->kind = PAGE_EDGE;
		assert_false(heap_is_valid());
		*all[k] = kept;
		all[k]->pages++;
		assert_false(heap_is_valid());
		*all[k] = kept;
	}
	struct page *slab = record_of(object), kept = *slab;
	slab->free_count--;
	assert_false(heap_is_valid());
	*slab = kept;
	slab->free[0] ^= 1ull << 20;
	assert_false(heap_is_valid());
	*slab = kept;
	slab->prev = slab;
	assert_false(heap_is_valid());
	*slab = kept;
	assert_true(heap_is_valid());
	heap_free(object);
	heap_free(run);
	extent_free(extent, 2);
	assert_true(heap_is_valid());
}

static int is_valid_in_the_end(void **state)
{
	(void)state;
	return heap_is_valid() ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(objects_keep_their_contents, is_valid_in_the_end),
		cmocka_unit_test_teardown(all_memory_comes_back_whole, is_valid_in_the_end),
		cmocka_unit_test_teardown(exhaustion_gives_null_and_is_counted,
		                          is_valid_in_the_end),
		cmocka_unit_test_teardown(impossible_requests_give_null, is_valid_in_the_end),
		cmocka_unit_test_teardown(large_zeroed_memory_is_zero_when_used_before,
		                          is_valid_in_the_end),
		cmocka_unit_test_teardown(runs_grow_in_place_if_they_can, is_valid_in_the_end),
		cmocka_unit_test_teardown(freeing_twice_is_found, is_valid_in_the_end),
		cmocka_unit_test_teardown(freeing_what_was_not_allocated_is_found,
		                          is_valid_in_the_end),
		cmocka_unit_test_teardown(writing_past_the_end_is_found, is_valid_in_the_end),
		cmocka_unit_test_teardown(writing_to_freed_memory_is_found, is_valid_in_the_end),
		cmocka_unit_test_teardown(freed_memory_reads_as_zero, is_valid_in_the_end),
		cmocka_unit_test_teardown(places_are_drawn_evenly, is_valid_in_the_end),
		cmocka_unit_test_teardown(extents_are_freed_as_they_were_allocated,
		                          is_valid_in_the_end),
		cmocka_unit_test(what_was_written_over_is_found),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
