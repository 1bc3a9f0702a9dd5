/* SPDX-License-Identifier: ISC */
/*
 * Memory: slabs for objects up to HEAP_SLAB_MAX, page runs (extents) above. malloc, calloc, realloc, free and
 * aligned_alloc call these. Exhaustion gives null: an error for the caller, never a crash. Freeing memory that was
 * not allocated, or freeing it twice, is detected and ends in a panic.
 */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_SLAB_MAX 2048u /* bytes; larger goes to page runs */

/* Aligned to 16 bytes, or to `align` (a power of two up to a page). Contents are undefined. */
void *heap_alloc(size_t size);
void *heap_alloc_aligned(size_t size, size_t align);
void *heap_alloc_zero(size_t count, size_t size); /* overflow of the product gives null */
void *heap_resize(void *p, size_t size);          /* as realloc */
void heap_free(void *p);                          /* null is allowed */
size_t heap_size(void *p); /* bytes that fit in it: at least what was asked for */

/* Whole pages, contiguous, page-aligned. Fresh ones are zero, used ones are not; they cost no resident
 * memory until touched. */
void *extent_alloc(size_t pages);
void extent_free(void *p, size_t pages);

struct heap_figures {
	uint64_t total;    /* bytes of all extents that the tender gave */
	uint64_t used;     /* bytes in live objects and page runs, rounded as they are stored */
	uint64_t peak;     /* the most that used has been */
	uint64_t failures; /* allocations that found nothing */
};
struct heap_figures heap_figures(void);
/* For tests and checks: looks at every run and slab. */
bool heap_is_valid(void);

#endif
