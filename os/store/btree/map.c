/* SPDX-License-Identifier: ISC */
/*
 * The free pages: one bit each, in pages of their own, which are found by a directory, whose pages
 * the root names. All bits are in memory while the store is open; a commit writes the pages of
 * which a bit has changed, to new places, which changes bits in turn: that ends, since a page of
 * the map is given a new place once a commit.
 *
 * A page may be taken if neither the committed state nor the one under way nor an open snapshot
 * uses it. So a crash at any time finds the committed state untouched.
 */
#include <store/btree/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/heap.h>
#include <core/panic.h>

#ifndef WINDOW_MIN       /* tests have a smaller one */
#define WINDOW_MIN 4096u /* pages: 16 MiB */
#define TRIM_MIN   64u   /* pages of a run that is worth a request */
#endif
#define TRIM_MAX      8192u  /* of one request: 32 MiB */
#define TRIM_BEGIN    4096u  /* pages that were freed since the last look at all of the device */
#define TRIM_REQUESTS 4u     /* after a commit */
#define TRIM_PAGES    32768u /* that are looked at after a commit */

static bool bit(const uint8_t *map, uint64_t page)
{
	return map[page / 8] >> (page % 8) & 1;
}

static void bit_set(uint8_t *map, uint64_t page, bool to)
{
	map[page / 8] =
	        (uint8_t)((map[page / 8] & ~(1u << (page % 8))) | (uint32_t)to << (page % 8));
}

bool btree_pages_add(struct pages *p, uint64_t page)
{
	if (p->count == p->size) {
		uint32_t size = p->size ? 2 * p->size : 64;
		uint64_t *all = heap_resize(p->all, size * sizeof *all);
		if (!all)
			return false;
		p->all = all;
		p->size = size;
	}
	p->all[p->count++] = page;
	return true;
}

static uint32_t dir_count(const struct btree *t)
{
	return (t->map_count + MAP_POINTERS - 1) / MAP_POINTERS;
}

static int make(struct btree *t)
{
	t->map_count = (uint32_t)((t->pages + MAP_BITS - 1) / MAP_BITS);
	uint64_t bytes = (uint64_t)t->map_count * BTREE_PAGE;
	t->next = heap_alloc_aligned(bytes, BTREE_PAGE);
	t->busy = heap_alloc_zero(1, bytes);
	t->holes = heap_alloc_zero(1, bytes);
	t->map = heap_alloc_zero(t->map_count, sizeof *t->map);
	if (!t->next || !t->busy || !t->holes || !t->map)
		return ERR_MEMORY;
	memset(t->next, 0, bytes);
	return OK;
}

void btree_map_close(struct btree *t)
{
	heap_free(t->next);
	heap_free(t->busy);
	heap_free(t->holes);
	heap_free(t->map);
	heap_free(t->allocated.all);
	heap_free(t->freed.all);
	for (struct pending *p; (p = t->pending) != NULL;) {
		t->pending = p->next;
		heap_free(p->pages.all);
		heap_free(p);
	}
}

int btree_map_create(struct btree *t)
{
	int error = make(t);
	for (uint64_t page = 0; !error && page < ROOT_PAGES; page++) {
		bit_set(t->next, page, true);
		bit_set(t->busy, page, true);
	}
	return error;
}

int btree_map_grow(struct btree *t, uint64_t pages)
{
	uint8_t *next = t->next, *busy = t->busy, *holes = t->holes;
	struct pointer *map = t->map;
	uint32_t count = t->map_count;
	uint64_t before = t->pages;
	t->pages = pages;
	int error = make(t);
	if (error) {
		heap_free(t->next);
		heap_free(t->busy);
		heap_free(t->holes);
		heap_free(t->map);
		t->next = next;
		t->busy = busy;
		t->holes = holes;
		t->map = map;
		t->map_count = count;
		t->pages = before;
		return error;
	}
	memcpy(t->next, next, (uint64_t)count * BTREE_PAGE);
	memcpy(t->busy, busy, (uint64_t)count * BTREE_PAGE);
	memcpy(t->map, map, count * sizeof *map);
	heap_free(next);
	heap_free(busy);
	heap_free(holes); /* nothing is known of any yet */
	heap_free(map);
	t->state.pages = pages;
	return OK;
}

static int read_page(struct btree *t, struct pointer p, uint8_t *to, const char *what)
{
	if (p.page < ROOT_PAGES || p.page >= t->pages) {
		btree_damaged(t, p.page, what);
		t->map_flaw = 1;
		return ERR_CORRUPT;
	}
	int error = block_read(t->block, p.page * BTREE_PAGE, to, BTREE_PAGE);
	if (!error && btree_page_sum(to, p.page) == p.sum)
		return OK;
	btree_damaged(t, p.page, error ? "a page that cannot be read" : what);
	t->map_flaw = p.page;
	return error ? error : ERR_CORRUPT;
}

static uint64_t count_bits(const uint8_t *map, uint64_t pages)
{
	uint64_t n = 0;
	for (uint64_t k = 0; k < pages; k++)
		n += bit(map, k);
	return n;
}

int btree_map_open(struct btree *t)
{
	int error = make(t);
	uint8_t *page = error ? NULL : btree_page_alloc_bytes();
	if (!page)
		return ERR_MEMORY;
	for (uint32_t k = 0; k < t->map_count && !error; k++) {
		if (k % MAP_POINTERS == 0)
			error = read_page(t, t->state.dirs[k / MAP_POINTERS], page,
			                  "a directory of free pages");
		if (error)
			break;
		uint8_t *pointer = page + 16 * (k % MAP_POINTERS);
		t->map[k] = btree_pointer_load(pointer);
		error = read_page(t, t->map[k], t->next + (uint64_t)k * BTREE_PAGE,
		                  "a map of free pages");
	}
	heap_free(page);
	if (!error && (!bit(t->next, 0) || !bit(t->next, 1) ||
	               count_bits(t->next, t->pages) != t->state.used)) {
		t->map_flaw = t->map[0].page;
		btree_damaged(t, t->map_flaw, "a map that is not of its state");
		error = ERR_CORRUPT;
	}
	if (!error)
		memcpy(t->busy, t->next, (uint64_t)t->map_count * BTREE_PAGE);
	return error;
}

int btree_map_rebuild(struct btree *t)
{
	uint64_t bytes = (uint64_t)t->map_count * BTREE_PAGE, used = 0;
	uint8_t *seen = heap_alloc_zero(1, bytes);
	bool lost = false;
	if (!seen)
		return ERR_MEMORY;
	memset(t->busy, 0xff, bytes); /* for who reads */
	int error = btree_check_reach(t, seen, &used, &lost);
	if (error == ERR_MEMORY) {
		heap_free(seen);
		return error;
	}
	if (lost) {
		memset(t->next, 0xff, bytes);
		t->refuses = ERR_CORRUPT;
	} else {
		for (uint64_t page = 0; page < ROOT_PAGES; page++)
			bit_set(seen, page, true);
		memcpy(t->next, seen, bytes);
		memcpy(t->busy, seen, bytes);
		t->state.used = used + ROOT_PAGES;
	}
	/* Without places of its own it is written as a whole. */
	memset(t->map, 0, t->map_count * sizeof *t->map);
	memset(t->state.dirs, 0, sizeof t->state.dirs);
	heap_free(seen);
	return OK;
}

/* Pages are taken in turn from so much of the device's begin: twice what is in use, so that there are runs to write in one
 * go, and no more, so that a large device is not filled by what is free. */
static uint64_t window(const struct btree *t)
{
	uint64_t used = t->work.used,
	         pages = 2 * used > used + WINDOW_MIN ? 2 * used : used + WINDOW_MIN;
	return pages < t->pages ? pages : t->pages;
}

/* A free page below `end`, from the hint on; 0: there is none. */
static uint64_t search(struct btree *t, uint64_t end)
{
	uint64_t page = t->hint < end ? t->hint : 0;
	for (uint64_t k = 0; k < end; k++, page = page + 1 < end ? page + 1 : 0) {
		if (page % 8 == 0 && (t->next[page / 8] | t->busy[page / 8]) == 0xff &&
		    page + 8 <= end) {
			page += 7;
			k += 7;
			continue;
		}
		if (!bit(t->next, page) && !bit(t->busy, page) && btree_cache_forget(t, page))
			return page;
	}
	return 0;
}

uint64_t btree_map_alloc(struct btree *t)
{
	uint64_t end = window(t), page = search(t, end);
	if (!page && end < t->pages)
		page = search(t, t->pages);
	if (page) {
		if (!btree_pages_add(&t->allocated, page)) {
			t->why = ERR_MEMORY;
			return 0;
		}
		ensure(page >= ROOT_PAGES);
		bit_set(t->next, page, true);
		t->work.used++;
		bit_set(t->holes, page, false);
		t->hint = page + 1;
		return page;
	}
	t->why = ERR_TOO_BIG;
	return 0;
}

int btree_map_free(struct btree *t, uint64_t page)
{
	if (page < ROOT_PAGES || page >= t->pages || !bit(t->next, page)) {
		btree_damaged(t, page, "a page in use that the map calls free");
		return ERR_CORRUPT;
	}
	/* A page that only this state has ever used is free at once, and not once more when a
	 * snapshot goes. */
	if (bit(t->busy, page) && !btree_pages_add(&t->freed, page))
		return ERR_MEMORY;
	bit_set(t->next, page, false);
	t->work.used--;
	return OK;
}

void btree_map_undo(struct btree *t)
{
	for (uint32_t k = 0; k < t->freed.count; k++)
		bit_set(t->next, t->freed.all[k], true);
	for (uint32_t k = 0; k < t->allocated.count; k++)
		bit_set(t->next, t->allocated.all[k], false);
	t->allocated.count = t->freed.count = 0;
}

static bool pending_needed(const struct btree *t, uint64_t generation)
{
	return !list_empty(&t->snapshots) &&
	       container_of(t->snapshots.next, struct btree_snapshot, all)->state.generation <
	               generation;
}

static void make_free(struct btree *t, const struct pages *p)
{
	for (uint32_t k = 0; k < p->count; k++) {
		if (!bit(t->next, p->all[k]))
			bit_set(t->busy, p->all[k], false);
	}
	t->trim_freed += p->count;
}

void btree_map_done(struct btree *t)
{
	for (uint32_t k = 0; k < t->allocated.count; k++) {
		if (bit(t->next, t->allocated.all[k]))
			bit_set(t->busy, t->allocated.all[k], true);
	}
	t->allocated.count = 0;
	struct pending *p =
	        pending_needed(t, t->work.generation) ? heap_alloc_zero(1, sizeof *p) : NULL;
	if (p) {
		*p = (struct pending){ .generation = t->work.generation, .pages = t->freed };
		if (t->pending)
			t->pending_last->next = p;
		else
			t->pending = p;
		t->pending_last = p;
		t->freed = (struct pages){ .all = NULL };
	} else if (!pending_needed(t, t->work.generation)) {
		make_free(t, &t->freed);
	} /* else: without memory these stay busy until the store is opened anew */
	t->freed.count = 0;
}

void btree_map_release(struct btree *t)
{
	for (struct pending *p; (p = t->pending) && !pending_needed(t, p->generation);) {
		make_free(t, &p->pages);
		t->pending = p->next;
		heap_free(p->pages.all);
		heap_free(p);
	}
}

/* ---- Discarding ---- */

static bool is_free(const struct btree *t, uint64_t page)
{
	return !bit(t->next, page) && !bit(t->busy, page);
}

/* The next run of free pages from *at on; its size. *full: how many of them may hold data. */
static uint64_t free_run(const struct btree *t, uint64_t *at, uint64_t end, uint64_t *full)
{
	uint64_t page = *at, run = 0;
	while (page < end && (!is_free(t, page) || bit(t->holes, page))) {
		uint64_t k = page / 8;
		page += page % 8 == 0 && (t->next[k] | t->busy[k] | t->holes[k]) == 0xff ? 8 : 1;
	}
	page = page < end ? page : end;
	*at = page;
	for (*full = 0; page < end && run < TRIM_MAX && is_free(t, page); page++, run++)
		*full += !bit(t->holes, page);
	return run;
}

void btree_map_trim(struct btree *t)
{
	uint64_t from = window(t) + WINDOW_MIN / 4; /* not what is taken again at once */
	if (t->block->read_only || t->refuses || from >= t->pages)
		return;
	if (!t->trim_at) {
		if (t->trim_freed < TRIM_BEGIN)
			return;
		t->trim_at = from;
		t->trim_freed = 0;
	}
	uint64_t at = t->trim_at > from ? t->trim_at : from;
	uint64_t end = at + TRIM_PAGES < t->pages ? at + TRIM_PAGES : t->pages;
	for (uint32_t told = 0; at < end && told < TRIM_REQUESTS;) {
		uint64_t full, run = free_run(t, &at, end, &full);
		if (full >= TRIM_MIN) {
			told++;
			if (!block_discard(t->block, at * BTREE_PAGE, run * BTREE_PAGE))
				for (uint64_t k = 0; k < run; k++)
					bit_set(t->holes, at + k, true);
		}
		at += run;
	}
	t->trim_at = at < t->pages ? at : 0;
}

bool btree_map_used(const struct btree *t, uint64_t page)
{
	return bit(t->next, page);
}

bool btree_map_busy(const struct btree *t, uint64_t page)
{
	return page < t->pages && bit(t->busy, page);
}

/* ---- Writing ---- */

/* Gives page k of the map a new place, once. */
static int move(struct btree *t, uint32_t k, uint64_t *places)
{
	if (places[k])
		return OK;
	places[k] = btree_map_alloc(t);
	if (!places[k])
		return t->why;
	return t->map[k].page ? btree_map_free(t, t->map[k].page) : OK;
}

static int move_dir(struct btree *t, uint32_t d, uint64_t *dirs)
{
	if (dirs[d])
		return OK;
	dirs[d] = btree_map_alloc(t);
	if (!dirs[d])
		return t->why;
	return t->work.dirs[d].page ? btree_map_free(t, t->work.dirs[d].page) : OK;
}

static int move_touched(struct btree *t, uint64_t *places, uint64_t *dirs)
{
	/* The lists grow while we walk them. */
	for (uint32_t a = 0, f = 0; a < t->allocated.count || f < t->freed.count;) {
		uint64_t page = a < t->allocated.count ? t->allocated.all[a++] : t->freed.all[f++];
		uint32_t k = (uint32_t)(page / MAP_BITS);
		int error = move(t, k, places);
		error = error ? error : move_dir(t, k / MAP_POINTERS, dirs);
		if (error)
			return error;
	}
	return OK;
}

int btree_map_write(struct btree *t)
{
	uint64_t *places = heap_alloc_zero(t->map_count, sizeof *places), dirs[MAP_DIRS] = { 0 };
	struct pointer *moved = heap_alloc(t->map_count * sizeof *moved);
	int error = places && moved ? OK : ERR_MEMORY;
	/* A new store: all of it; a device that has grown: the new ones. */
	bool some = !t->map[0].page || !t->map[t->map_count - 1].page;
	for (uint32_t k = 0; some && k < t->map_count && !error; k++) {
		if (t->map[k].page)
			continue;
		error = move(t, k, places);
		error = error ? error : move_dir(t, k / MAP_POINTERS, dirs);
	}
	if (!error)
		error = move_touched(t, places, dirs);
	/* From here on no bit changes. */
	if (!error)
		memcpy(moved, t->map, t->map_count * sizeof *moved);
	for (uint32_t k = 0; k < t->map_count && !error; k++) {
		struct value_page *v = places[k] ? btree_value_page_new(t, places[k]) : NULL;
		if (!places[k])
			continue;
		if (!v) {
			error = ERR_MEMORY;
			break;
		}
		memcpy(v->bytes, t->next + (uint64_t)k * BTREE_PAGE, BTREE_PAGE);
		moved[k] = (struct pointer){ v->page, btree_page_sum(v->bytes, v->page) };
	}
	for (uint32_t d = 0; d < dir_count(t) && !error; d++) {
		struct value_page *v = dirs[d] ? btree_value_page_new(t, dirs[d]) : NULL;
		if (!dirs[d])
			continue;
		if (!v) {
			error = ERR_MEMORY;
			break;
		}
		memset(v->bytes, 0, BTREE_PAGE);
		for (uint32_t k = 0; k < MAP_POINTERS && d * MAP_POINTERS + k < t->map_count; k++)
			btree_pointer_store(v->bytes + 16 * k, moved[d * MAP_POINTERS + k]);
		t->work.dirs[d] = (struct pointer){ v->page, btree_page_sum(v->bytes, v->page) };
	}
	heap_free(places);
	if (error) {
		heap_free(moved);
		return error;
	}
	t->moved = moved;
	return OK;
}
