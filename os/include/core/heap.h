/* SPDX-License-Identifier: ISC */
/*
 * Memory: slabs for objects up to HEAP_SLAB_MAX, page runs (extents) above. malloc, calloc, realloc, free and
 * aligned_alloc call these. Exhaustion gives null: an error for the caller, never a crash.
 *
 * These end in a panic that names them:
 *   - freeing memory that was not allocated, or freeing it twice: always;
 *   - writing past the end (bytes up to heap_size belong to the object): when the memory is freed. One byte is missed 1 time
 *     in 256, eight 1 in 2^64;
 *   - writing what is not zero to freed memory: when its place is taken again, or when a run of up to 64 KiB is given back.
 *     Of an object of n > 248 bytes the first 128 and the last 64 are always looked at, the others in 64 of n cases.
 * Freed memory reads as zero, but for extents and runs above 1 MiB. What was freed is not handed out again before 64 others have
 * been freed (above 504 bytes: 16; of runs up to 64 KiB: 8), or memory runs out; then in a place drawn among a slab's free ones.
 */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_SLAB_MAX 2552u /* bytes; larger goes to page runs */

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
