/* SPDX-License-Identifier: ISC */
/*
 * The image's side of the rings in abi/ampoule_abi.h: single producer, single consumer, batched. The indices
 * that the other side owns are cached, so that a batch touches a shared line once.
 */
#ifndef CORE_RING_H
#define CORE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <core/panic.h>

struct ring {
	uint32_t *producer, *consumer, *flags;
	void *entries;
	uint32_t size, mask;
	uint32_t mine;   /* the counter that we own; published by ring_publish */
	uint32_t theirs; /* the other side's, as last seen */
};

static inline void ring_open(struct ring *r, const struct amp_ring *from)
{
	ensure(from->size && !(from->size & (from->size - 1)));
	*r = (struct ring){ .producer = (uint32_t *)from->producer,
		            .consumer = (uint32_t *)from->consumer,
		            .flags = (uint32_t *)from->flags,
		            .entries = (void *)from->entries,
		            .size = from->size,
		            .mask = from->size - 1 };
}

/* As producer: how many entries may be written, at least `want` if that many are free; looks at the other
 * side's counter only if the cached one does not do. */
static inline uint32_t ring_free(struct ring *r, uint32_t want)
{
	uint32_t n = r->size - (r->mine - r->theirs);
	if (n < want) {
		r->theirs = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
		n = r->size - (r->mine - r->theirs);
	}
	return n;
}

/* As consumer: how many entries are there to read, looked up anew if the cached ones are used up. */
static inline uint32_t ring_ready(struct ring *r)
{
	if (r->theirs == r->mine)
		r->theirs = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	return r->theirs - r->mine;
}

/* Entry i from our counter on; the caller has asked ring_free or ring_ready for at least i + 1. */
static inline uint64_t *ring_addr(struct ring *r, uint32_t i)
{
	return (uint64_t *)r->entries + ((r->mine + i) & r->mask);
}

static inline struct amp_desc *ring_desc(struct ring *r, uint32_t i)
{
	return (struct amp_desc *)r->entries + ((r->mine + i) & r->mask);
}

/* Makes the next n entries the other side's. */
static inline void ring_produce(struct ring *r, uint32_t n)
{
	r->mine += n;
	__atomic_store_n(r->producer, r->mine, __ATOMIC_RELEASE);
}

static inline void ring_consume(struct ring *r, uint32_t n)
{
	r->mine += n;
	__atomic_store_n(r->consumer, r->mine, __ATOMIC_RELEASE);
}

/* Ask only after a full fence behind ring_produce: else this load may pass that store, both sides miss each other,
 * and the packet waits for the next gate_wait. */
static inline bool ring_wants_kick(const struct ring *r)
{
	return __atomic_load_n(r->flags, __ATOMIC_RELAXED) & AMP_RING_NEED_WAKEUP;
}

#endif
