/* SPDX-License-Identifier: ISC */
/*
 * The tender's side of a ring that a hostile image shares. The counter that the tender owns lives
 * in its own memory and is only ever written out; the other one is read once, and believed only if
 * it makes sense: a count that does not is taken as "nothing to do" and counted as a lie. Entries
 * are copied before they are looked at.
 */
#ifndef TENDER_DEVICE_RING_H
#define TENDER_DEVICE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/device/memory.h>

/* Bytes: from one counter to the next (a cache line and the one that is fetched with it); of all counters of a ring. */
#define RING_COUNTERS_APART 128u
#define RING_HEAD           512u

struct ring {
	uint32_t *producer, *consumer, *flags; /* shared with the image */
	void *entries;                         /* shared with the image */
	uint32_t size;
	uint32_t mine; /* the counter that the tender owns */
	uint64_t lies;
};

/* Lays a ring out in shared memory, which is zero, and fills in the image's view: its RING_HEAD bytes at offset `head`, its
 * entries at offset `entries`. */
void ring_open(struct ring *, struct amp_ring *view, const struct device_memory *, uint64_t head,
               uint64_t entries, uint32_t size);

/* As consumer: entries that the image has produced and we have not yet taken. */
static inline uint32_t ring_ready(struct ring *r)
{
	uint32_t n = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - r->mine;
	if (n <= r->size)
		return n;
	r->lies++;
	return 0;
}

/* As producer: entries that may be written. */
static inline uint32_t ring_free(struct ring *r)
{
	uint32_t n = r->mine - __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
	if (n <= r->size)
		return r->size - n;
	r->lies++;
	return 0;
}

/* As producer: does the image have entries to take? */
static inline bool ring_unread(const struct ring *r)
{
	return __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE) != r->mine;
}

static inline void ring_wakeup(struct ring *r, bool need)
{
	__atomic_store_n(r->flags, need ? 1u : 0u, __ATOMIC_RELAXED);
}

#endif
