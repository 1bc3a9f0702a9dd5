/* SPDX-License-Identifier: ISC */
/*
 * Page runs. Free runs hang in bins by length: exact below 16 pages, then eight bins for each power
 * of two, with a bit map of the bins that are not empty. A run is cut from the front of the first
 * one that fits, and joined with its free neighbours when it is freed. All in constant time, but
 * for the search of one bin.
 */
#include <string.h>

#include <ampoule_abi.h>
#include <core/cold.h>
#include <core/heap.h>
#include <core/page.h>
#include <core/panic.h>
#include <core/start.h>

#define EXACT_BINS 16u
#define BINS       256u
#define BIN_SEARCH 8u /* runs looked at in a bin that may hold shorter ones */
#define RUN_MAX    (UINT32_MAX / 2)
_Static_assert(EXACT_BINS == 1u << 4 && EXACT_BINS + (30 - 4) * 8 + 7 < BINS && BINS % 64 == 0,
               "the longest run, of 31 bits, has a bin, and each bin a bit");

struct zone {
	uintptr_t base;
	struct page *first; /* base's record; count of them, with an edge before and behind */
	uint64_t count;
	struct page *fresh; /* this record's page and all after it were never used */
};

static struct zone zones[AMP_EXTENTS_MAX];
static uint32_t zone_count;
static struct page *bins[BINS];
static uint64_t bin_used[BINS / 64];
static struct heap_figures figures;

static unsigned bin_of(uint32_t n)
{
	if (n < EXACT_BINS)
		return n;
	unsigned power = 31 - (unsigned)__builtin_clz(n); /* 4 and more */
	return EXACT_BINS + (power - 4) * 8 + (n >> (power - 3) & 7);
}

static __attribute__((noinline)) void bin_add(struct page *p, uint32_t n)
{
	unsigned b = bin_of(n);
	p[n - 1].kind = PAGE_FREE_LAST;
	p[n - 1].pages = n;
	p->kind = PAGE_FREE;
	p->pages = n;
	p->prev = NULL;
	p->next = bins[b];
	if (p->next)
		p->next->prev = p;
	bins[b] = p;
	bin_used[b / 64] |= 1ull << b % 64;
}

/* Takes a free run out of its bin; its records then say nothing. */
static __attribute__((noinline)) void bin_remove(struct page *p)
{
	unsigned b = bin_of(p->pages);
	if (p->next)
		p->next->prev = p->prev;
	if (p->prev)
		p->prev->next = p->next;
	else
		bins[b] = p->next;
	if (!bins[b])
		bin_used[b / 64] &= ~(1ull << b % 64);
	p[p->pages - 1].kind = PAGE_INSIDE;
	p->kind = PAGE_INSIDE;
}

static struct page *search_bin(unsigned b, uint32_t n, uint32_t most)
{
	struct page *p = bins[b];
	for (uint32_t i = 0; p && i < most; i++, p = p->next) {
		if (p->pages >= n)
			return p;
	}
	return NULL;
}

static struct page *find_free(uint32_t n)
{
	unsigned b = bin_of(n);
	struct page *p = search_bin(b, n, BIN_SEARCH);
	if (p)
		return p;
	/* Any run of a higher bin fits. */
	uint64_t above = b % 64 == 63 ? 0 : bin_used[b / 64] & ~0ull << (b % 64 + 1);
	for (unsigned w = b / 64;;) {
		if (above)
			return bins[w * 64 + (unsigned)__builtin_ctzll(above)];
		if (++w == BINS / 64)
			break;
		above = bin_used[w];
	}
	return search_bin(b, n, UINT32_MAX);
}

static struct zone *zone_of(const struct page *p)
{
	for (uint32_t i = 0; i < zone_count; i++) {
		if ((uint64_t)(p - zones[i].first) < zones[i].count)
			return &zones[i];
	}
	panic("heap: a page record lies outside the table");
}

/* Marks n pages from p on as used; how many of them, from the start, were before. */
static uint32_t use(struct page *p, uint32_t n)
{
	struct zone *z = zone_of(p);
	if (p + n <= z->fresh)
		return n;
	uint32_t dirty = p < z->fresh ? (uint32_t)(z->fresh - p) : 0;
	z->fresh = p + n;
	return dirty;
}

struct page *page_take(uint32_t n, enum page_kind kind, uint32_t *dirty)
{
	if (n == 0 || n > RUN_MAX)
		return NULL;
	struct page *p = find_free(n);
	if (!p && page_reclaim())
		p = find_free(n);
	if (!p)
		return NULL;
	uint32_t have = p->pages;
	ensure(p->kind == PAGE_FREE && have >= n);
	bin_remove(p);
	if (have > n)
		bin_add(p + n, have - n);
	p->kind = (uint8_t)kind;
	p->pages = n;
	*dirty = use(p, n);
	return p;
}

static void give(struct page *p, uint32_t n)
{
	p->kind = PAGE_INSIDE;
	if (p[n].kind == PAGE_FREE) {
		uint32_t more = p[n].pages;
		bin_remove(p + n);
		n += more;
	}
	if (p[-1].kind == PAGE_FREE_LAST || p[-1].kind == PAGE_FREE) {
		uint32_t more = p[-1].pages;
		p -= more;
		bin_remove(p);
		n += more;
	}
	bin_add(p, n);
}

void page_give(struct page *p)
{
	give(p, p->pages);
}

bool page_resize(struct page *p, uint32_t n)
{
	uint32_t have = p->pages;
	ensure(n > 0 && have > 0);
	if (n < have) {
		p->pages = n;
		give(p + n, have - n);
	} else if (n > have) {
		struct page *after = p + have;
		uint32_t want = n - have;
		if (after->kind != PAGE_FREE || after->pages < want)
			return false;
		uint32_t more = after->pages;
		bin_remove(after);
		if (more > want)
			bin_add(after + want, more - want);
		use(after, want);
		p->pages = n;
	}
	return true;
}

void *page_address(const struct page *p)
{
	const struct zone *z = zone_of(p);
	return (void *)(z->base + (uintptr_t)(p - z->first) * AMP_PAGE);
}

struct page *page_of(const void *address)
{
	for (uint32_t i = 0; i < zone_count; i++) {
		uint64_t n = ((uintptr_t)address - zones[i].base) / AMP_PAGE;
		if ((uintptr_t)address >= zones[i].base && n < zones[i].count)
			return zones[i].first + n;
	}
	return NULL;
}

/* The zone's runs, one behind the other. *free_runs: how many of them are free. */
static bool zone_is_valid(const struct zone *z,
                          bool (*slab_is_valid)(const struct page *, uint64_t *), uint64_t *used,
                          uint64_t *free_runs)
{
	const struct page *end = z->first + z->count, *p = z->first;
	bool after_free = false;

	if (z->fresh < z->first || z->fresh > end)
		return false;
	/* Pages beyond the longest run were never given away. */
	while (p < end && !(p->kind == PAGE_INSIDE && p - z->first == RUN_MAX)) {
		if (p->pages == 0 || p->pages > (uint64_t)(end - p))
			return false;
		switch (p->kind) {
		case PAGE_FREE: {
			const struct page *last = p + p->pages - 1;
			if (after_free || last->pages != p->pages ||
			    (last != p && last->kind != PAGE_FREE_LAST))
				return false;
			++*free_runs;
			break;
		}
		case PAGE_SLAB:
			if (!slab_is_valid(p, used))
				return false;
			break;
		case PAGE_HELD:
			break;
		case PAGE_EXTENT:
		case PAGE_RUN:
			*used += (uint64_t)p->pages * AMP_PAGE;
			break;
		default:
			return false;
		}
		after_free = p->kind == PAGE_FREE;
		if (!after_free && p + p->pages > z->fresh)
			return false;
		p += p->pages;
	}
	return true;
}

COLD bool page_is_valid(bool (*slab_is_valid)(const struct page *, uint64_t *used))
{
	uint64_t used = 0, free_runs = 0, in_bins = 0;
	for (uint32_t i = 0; i < zone_count; i++)
		if (!zone_is_valid(&zones[i], slab_is_valid, &used, &free_runs))
			return false;
	for (unsigned b = 0; b < BINS; b++) {
		const struct page *before = NULL;
		if ((bins[b] != NULL) != (bin_used[b / 64] >> b % 64 & 1))
			return false;
		for (const struct page *p = bins[b]; p; before = p, p = p->next)
			if (p->kind != PAGE_FREE || p->prev != before || bin_of(p->pages) != b ||
			    ++in_bins > free_runs)
				return false;
	}
	return in_bins == free_runs && used == figures.used && figures.used <= figures.peak &&
	       figures.peak <= figures.total;
}

void page_count_used(int64_t bytes)
{
	figures.used += (uint64_t)bytes;
	if (figures.used > figures.peak)
		figures.peak = figures.used;
}

void page_count_failure(void)
{
	figures.failures++;
}

struct heap_figures heap_figures(void)
{
	return figures;
}

void *extent_alloc(size_t pages)
{
	uint32_t dirty;
	struct page *p = pages > RUN_MAX ? NULL : page_take((uint32_t)pages, PAGE_EXTENT, &dirty);
	if (!p) {
		page_count_failure();
		return NULL;
	}
	page_count_used((int64_t)pages * AMP_PAGE);
	return page_address(p);
}

void extent_free(void *address, size_t pages)
{
	struct page *p = page_of(address);
	if (!address)
		return;
	if (!p || p->kind != PAGE_EXTENT || (uintptr_t)address % AMP_PAGE != 0 || p->pages != pages)
		panic("extent_free(%p, %zu): no such extent is allocated", address, pages);
	page_count_used(-(int64_t)pages * AMP_PAGE);
	page_give(p);
}

static void zone_add(uintptr_t base, uint64_t pages, struct page *first)
{
	ensure(zone_count < AMP_EXTENTS_MAX);
	zones[zone_count++] =
	        (struct zone){ .base = base, .first = first, .count = pages, .fresh = first };
	first[-1].kind = PAGE_EDGE;
	first[pages].kind = PAGE_EDGE;
	/* A run's length has 31 bits: 8 TiB. Pages of one extent beyond that are not used. */
	if (pages > 0)
		bin_add(first, pages < RUN_MAX ? (uint32_t)pages : RUN_MAX);
}

COLD void heap_start(const struct amp_extent *extents, uint32_t count)
{
	uint64_t records = 0, largest = 0;
	page_draw_secrets();
	for (uint32_t i = 0; i < count; i++) {
		figures.total += extents[i].size;
		records += extents[i].size / AMP_PAGE + 2;
		if (extents[i].size > extents[largest].size)
			largest = i;
	}
	/* The table lies at the start of the largest extent. */
	uint64_t table_size = (records * sizeof(struct page) + AMP_PAGE - 1) & -(uint64_t)AMP_PAGE;
	if (count == 0 || extents[largest].size < table_size)
		panic("heap: %llu bytes are too few", (unsigned long long)figures.total);
	struct page *table = (struct page *)extents[largest].base;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t skip = i == largest ? table_size : 0;
		uint64_t pages = (extents[i].size - skip) / AMP_PAGE;
		zone_add(extents[i].base + skip, pages, table + 1);
		table += pages + 2;
	}
}
