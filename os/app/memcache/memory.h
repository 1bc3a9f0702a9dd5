/* SPDX-License-Identifier: ISC */
/*
 * The memory that items lie in: one area of fixed size, taken at the start and never left, in
 * segments that are filled one after another. There are no size classes, so none can starve. A full
 * segment is emptied in one of two ways:
 *
 *   cleaned   if enough of the memory is taken by what was deleted or replaced: what lives in the
 *             emptiest segment is moved together
 *   evicted   else: the oldest segment; what was used since it came there is kept once more (at
 *             most half a segment), all else is forgotten. That is LRU to within a segment's time,
 *             and a get writes no list.
 *
 * So any allocation may move or forget any item whose segment is not pinned.
 */
#ifndef MEMCACHE_MEMORY_H
#define MEMCACHE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include <app/memcache/item.h>

#define MEMORY_SEGMENT_MAX                                                                         \
	(1u << 20) /* bytes; less where the memory is so small that there would be few */
#define MEMORY_SEGMENTS_MIN 16u
#define MEMORY_MIN          (1u << 20) /* bytes in all */
#define MEMORY_MAX          (64ull << 30)

enum segment_state { SEGMENT_FREE, SEGMENT_OPEN, SEGMENT_FULL };

struct memcache_segment {
	uint32_t used;  /* bytes from its begin */
	uint32_t live;  /* bytes of items that are linked or being filled */
	uint32_t pins;  /* who needs that nothing moves */
	uint32_t state; /* enum segment_state */
	uint32_t turn;  /* how often it was begun anew: an offset into it is good for one turn */
	uint64_t age;   /* of its contents: less is older */
};

struct memcache_memory {
	uint8_t *base;
	struct memcache_segment *segments;
	uint32_t count, size; /* segments, bytes of each */
	uint32_t *free;       /* a stack */
	uint32_t free_count;
	uint32_t open, moving; /* where new items go, and moved ones; UINT32_MAX: none */
	uint32_t pinned;       /* segments with pins */
	uint64_t live;         /* bytes, of all */
	uint64_t live_max;     /* above it, emptying means evicting */
	uint64_t age;
	uint64_t evictions, cleaned; /* items; segments */
	bool keep;                   /* nothing is evicted: there is an end to what can be stored */
	uint32_t reserve; /* free segments that only moving may take; more under a limit */
	/* The item's place has changed, or (to null) it is being evicted; either way it was linked.
	 */
	void (*moved)(void *of, struct memcache_item *from, struct memcache_item *to);
	/* Whether it is of no use any more, so that it is not kept. */
	bool (*dead)(void *of, const struct memcache_item *);
	void *of;
};

/* ERR_INVALID (size below MEMORY_MIN or above MEMORY_MAX), ERR_MEMORY. */
int memcache_memory_open(struct memcache_memory *, uint64_t size);
void memcache_memory_close(struct memcache_memory *);

/* From now on no more than that, though it was all taken: what is above it is emptied bit by bit, with
 * each new segment. At most what memcache_memory_open was given. */
void memcache_memory_limit(struct memcache_memory *, uint64_t size);
uint32_t memcache_memory_item_max(const struct memcache_memory *); /* room of the largest item */

/* A place for an item of that room (a multiple of ITEM_UNIT), which counts as live; null: there is
 * none. Contents are undefined but for `room`. */
struct memcache_item *memcache_memory_take(struct memcache_memory *, uint32_t room);
void memcache_memory_give(struct memcache_memory *,
                          struct memcache_item *); /* it is dead; its place is found again later */

/* Until unpinned the item stays where it is, even when it was given. */
void memcache_memory_pin(struct memcache_memory *, const struct memcache_item *);
void memcache_memory_unpin(struct memcache_memory *, const struct memcache_item *);
/* Whether few enough segments are pinned for a pin to stay until a client does something. */
bool memcache_memory_may_wait(const struct memcache_memory *);
bool memcache_memory_is_pinned(const struct memcache_memory *, const struct memcache_item *);

static inline struct memcache_item *memcache_memory_item(const struct memcache_memory *m,
                                                         uint32_t reference)
{
	return (struct memcache_item *)(m->base + (uint64_t)reference * ITEM_UNIT);
}

static inline uint32_t memcache_memory_reference(const struct memcache_memory *m,
                                                 const struct memcache_item *i)
{
	return (uint32_t)((uint64_t)((const uint8_t *)i - m->base) / ITEM_UNIT);
}

/* Walking: the item at *at of a segment, and *at moves to the next; null: the segment's end. Begin
 * with MEMORY_FIRST. */
#define MEMORY_FIRST ITEM_UNIT
struct memcache_item *memcache_memory_walk(const struct memcache_memory *, uint32_t segment,
                                           uint32_t *at);

bool memcache_memory_is_valid(
        const struct memcache_memory *); /* for tests and checks: walks all of it */

#endif
