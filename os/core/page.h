/* SPDX-License-Identifier: ISC */
/*
 * Pages, the layer below the heap: one record a page, in a table of its own, so that no overflow of
 * an object reaches what the allocator believes. Only the first record of a run says anything (and
 * the last, if the run is free); all others are PAGE_INSIDE, so a pointer into the middle of
 * something is recognised as wild.
 */
#ifndef CORE_PAGE_H
#define CORE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum page_kind {
	PAGE_INSIDE,    /* zero: nothing is known of it but by its neighbours */
	PAGE_FREE,      /* first of a free run */
	PAGE_FREE_LAST, /* last of a free run of two or more */
	PAGE_EDGE,      /* no page: what lies on both sides of an extent */
	PAGE_EXTENT,    /* first of an extent_alloc */
	PAGE_RUN,       /* first of a heap_alloc too large for a slab */
	PAGE_HELD,      /* first of a run that was freed and is not given back yet */
	PAGE_SLAB,      /* first of a slab */
	PAGE_SLAB_REST, /* the others of a slab */
};

#define PAGE_SLAB_OBJECTS 128u /* a slab's most */

/* A cache line. */
struct page {
	uint8_t kind;
	uint8_t class;  /* SLAB: which sizes */
	uint16_t back;  /* SLAB_REST: pages back to the first */
	uint32_t pages; /* FREE, FREE_LAST, EXTENT, RUN, HELD, SLAB: the run's length */
	struct page *next,
	        *prev; /* FREE: others of about its length; SLAB with room: others of its class */
	union {
		/* SLAB: bit i: object i may be handed out; it is. Neither: it was freed, and is held back. */
		struct {
			uint64_t free[PAGE_SLAB_OBJECTS / 64], taken[PAGE_SLAB_OBJECTS / 64];
		};
		uint64_t size; /* RUN, HELD: bytes that are used, canary included */
	};
	uint32_t free_count; /* SLAB: bits set in free */
	uint32_t reserved;
};
_Static_assert(sizeof(struct page) == 64, "a cache line");

/* A run of n pages, or null. Its first record is of that kind. *dirty: how many of its pages, from
 * the start, have been used before; the others are zero. */
struct page *page_take(uint32_t n, enum page_kind kind, uint32_t *dirty);
void page_give(struct page *);               /* frees a run: joined with free neighbours */
bool page_resize(struct page *, uint32_t n); /* in place, or false and nothing is changed */
void *page_address(const struct page *);
struct page *page_of(const void *); /* null: not in any extent */

/* heap.c's: gives back what is held and empty slabs, because no run was found. False: there were none. */
bool page_reclaim(void);
/* heap.c's: draws what it needs of random bytes; before the first page is taken. */
void page_draw_secrets(void);

/* For checks: is the table a row of whole runs, no two free ones side by side, and is every free one in its bin?
 * *used: bytes of extents and runs; of slabs, what slab_is_valid adds. */
bool page_is_valid(bool (*slab_is_valid)(const struct page *, uint64_t *used));

/* Accounting of live bytes, for heap_figures. */
void page_count_used(int64_t bytes);
void page_count_failure(void);

#endif
