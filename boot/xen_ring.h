/* SPDX-License-Identifier: ISC */
/*
 * A ring of a page that is shared with a backend (public/io/ring.h), from the frontend's side. Requests and answers lie in the same
 * entries. The backend may write anything anywhere into it at any time: both counters are kept apart from the page, the
 * backend's is read once and believed only as far as there are requests, and answers are copied before they are looked at.
 */
#ifndef BOOT_XEN_RING_H
#define BOOT_XEN_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define XEN_RING_HEAD 64u

struct xen_ring {
	volatile uint32_t *
	        page; /* requests made, and the one to tell of; the same of answers; entries at XEN_RING_HEAD */
	uint32_t size, entry;       /* entries, a power of two; bytes of one */
	uint32_t made, told, taken; /* requests, those that are shown; answers */
	uint64_t lies;
};

/* The page is zero. */
static inline void xen_ring_open(struct xen_ring *r, void *page, uint32_t entry)
{
	*r = (struct xen_ring){ .page = page, .size = 1, .entry = entry };
	while (2 * r->size * entry <= 4096 - XEN_RING_HEAD)
		r->size *= 2;
	r->page[1] = r->page[3] = 1;
}

static inline uint32_t xen_ring_free(const struct xen_ring *r)
{
	return r->size - (r->made - r->taken);
}

static inline void *xen_ring_at(const struct xen_ring *r, uint32_t index)
{
	return (uint8_t *)(uintptr_t)r->page + XEN_RING_HEAD +
	       (uint64_t)(index & (r->size - 1)) * r->entry;
}

/* Puts the next request, of which there has to be room, and shows it with the next push. */
static inline void xen_ring_put(struct xen_ring *r, const void *request, uint32_t size)
{
	memcpy(xen_ring_at(r, r->made++), request, size);
}

/* Shows what was put. Is the backend to be told? */
static inline bool xen_ring_push(struct xen_ring *r)
{
	uint32_t before = r->told;
	r->told = r->made;
	if (before == r->told)
		return false;
	__atomic_store_n(&r->page[0], r->told, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return r->told - r->page[1] < r->told - before;
}

/* Answers that may be taken. */
static inline uint32_t xen_ring_ready(struct xen_ring *r)
{
	uint32_t n = __atomic_load_n(&r->page[2], __ATOMIC_ACQUIRE) - r->taken;
	if (n <= r->told - r->taken)
		return n;
	r->lies++;
	return 0;
}

/* Copies the answer that is `at` on; taking it is the caller's. */
static inline void xen_ring_look(const struct xen_ring *r, uint32_t at, void *answer, uint32_t size)
{
	memcpy(answer, xen_ring_at(r, r->taken + at), size);
	__asm__ volatile("" ::: "memory"); /* the copy stays the copy */
}

/* Has the backend send an event for the next answer behind those that are there. To be followed by a look. */
static inline void xen_ring_listen(struct xen_ring *r)
{
	r->page[3] = r->page[2] + 1;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
