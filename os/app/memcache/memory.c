/* SPDX-License-Identifier: ISC */
/*
 * Segments: taking places in the open one, and emptying full ones when only the reserve is left,
 * which is where moved items go: one segment at a time, so one free segment always suffices.
 */
#include <app/memcache/memory.h>

#include <string.h>

#include <ampoule_abi.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/panic.h>

#define NONE         UINT32_MAX
#define RESERVE      1u /* free segments that only moving may take */
#define EMPTIED_MAX  2u /* segments gained for a new one: under a lower limit that is one for good */
#define CLEANING_MAX 8u /* passes that may gain nothing, until something is evicted after all */

int memcache_memory_open(struct memcache_memory *m, uint64_t size)
{
	uint64_t segment = MEMORY_SEGMENT_MAX;

	if (size < MEMORY_MIN || size > MEMORY_MAX)
		return ERR_INVALID;
	while (size / segment < MEMORY_SEGMENTS_MIN)
		segment /= 2;
	m->size = (uint32_t)segment;
	m->count = (uint32_t)(size / segment);
	m->base = extent_alloc((uint64_t)m->count * segment / AMP_PAGE);
	m->segments = heap_alloc_zero(m->count, sizeof *m->segments);
	m->free = heap_alloc_zero(m->count, sizeof *m->free);
	if (!m->base || !m->segments || !m->free) {
		memcache_memory_close(m);
		return ERR_MEMORY;
	}
	for (uint32_t k = 0; k < m->count; k++)
		m->free[k] = m->count - 1 - k; /* the area is touched from its begin on */
	m->free_count = m->count;
	m->open = m->moving = NONE;
	memcache_memory_limit(m, size);
	return OK;
}

void memcache_memory_limit(struct memcache_memory *m, uint64_t size)
{
	uint64_t count = size / m->size;
	if (count > m->count)
		count = m->count;
	if (count <= RESERVE)
		count = RESERVE + 1;
	m->reserve = RESERVE + m->count - (uint32_t)count;
	m->live_max = count * m->size / 8 * 7;
}

void memcache_memory_close(struct memcache_memory *m)
{
	if (m->base)
		extent_free(m->base, (uint64_t)m->count * m->size / AMP_PAGE);
	heap_free(m->segments);
	heap_free(m->free);
	*m = (struct memcache_memory){ .base = NULL };
}

uint32_t memcache_memory_item_max(const struct memcache_memory *m)
{
	return m->size - MEMORY_FIRST;
}

static uint32_t segment_of(const struct memcache_memory *m, const struct memcache_item *i)
{
	return (uint32_t)((uint64_t)((const uint8_t *)i - m->base) / m->size);
}

struct memcache_item *memcache_memory_walk(const struct memcache_memory *m, uint32_t segment,
                                           uint32_t *at)
{
	if (*at >= m->segments[segment].used)
		return NULL;
	struct memcache_item *i =
	        (struct memcache_item *)(m->base + (uint64_t)segment * m->size + *at);
	*at += i->room;
	return i;
}

/* ---- Segments ---- */

static void release(struct memcache_memory *m, uint32_t segment)
{
	struct memcache_segment *s = &m->segments[segment];
	s->state = SEGMENT_FREE;
	s->used = 0;
	m->free[m->free_count++] = segment;
}

static void shut(struct memcache_memory *m, uint32_t segment)
{
	if (segment == NONE)
		return;
	struct memcache_segment *s = &m->segments[segment];
	s->state = SEGMENT_FULL;
	if (!s->live && !s->pins)
		release(m, segment);
}

static uint32_t unfold(struct memcache_memory *m, uint64_t age)
{
	ensure(m->free_count > 0);
	uint32_t segment = m->free[--m->free_count];
	struct memcache_segment *s = &m->segments[segment];
	*s = (struct memcache_segment){
		.used = MEMORY_FIRST, .state = SEGMENT_OPEN, .turn = s->turn + 1, .age = age
	};
	return segment;
}

static bool fits(const struct memcache_memory *m, uint32_t segment, uint32_t room)
{
	return segment != NONE && m->size - m->segments[segment].used >= room;
}

static struct memcache_item *place(struct memcache_memory *m, uint32_t segment, uint32_t room)
{
	struct memcache_segment *s = &m->segments[segment];
	uint8_t *at = m->base + (uint64_t)segment * m->size + s->used;
	s->used += room;
	s->live += room;
	m->live += room;
	return (struct memcache_item *)at;
}

void memcache_memory_give(struct memcache_memory *m, struct memcache_item *i)
{
	uint32_t segment = segment_of(m, i);
	struct memcache_segment *s = &m->segments[segment];
	i->bits = 0;
	s->live -= i->room;
	m->live -= i->room;
	if (!s->live && !s->pins && s->state == SEGMENT_FULL)
		release(m, segment);
}

/* ---- Pins ---- */

void memcache_memory_pin(struct memcache_memory *m, const struct memcache_item *i)
{
	struct memcache_segment *s = &m->segments[segment_of(m, i)];
	m->pinned += !s->pins;
	s->pins++;
}

bool memcache_memory_may_wait(const struct memcache_memory *m)
{
	return m->pinned <= m->count / 4;
}

void memcache_memory_unpin(struct memcache_memory *m, const struct memcache_item *i)
{
	uint32_t segment = segment_of(m, i);
	struct memcache_segment *s = &m->segments[segment];
	ensure(s->pins > 0);
	s->pins--;
	m->pinned -= !s->pins;
	if (!s->live && !s->pins && s->state == SEGMENT_FULL)
		release(m, segment);
}

bool memcache_memory_is_pinned(const struct memcache_memory *m, const struct memcache_item *i)
{
	return m->segments[segment_of(m, i)].pins > 0;
}

/* ---- Emptying ---- */

/* To the segment for that, which is as old as its youngest. */
static void move(struct memcache_memory *m, struct memcache_item *i, uint64_t age)
{
	if (!fits(m, m->moving, i->room)) {
		shut(m, m->moving);
		m->moving = unfold(m, age);
	}
	if (m->segments[m->moving].age < age)
		m->segments[m->moving].age = age;
	struct memcache_item *to = place(m, m->moving, i->room);
	memcpy(to, i, i->room);
	m->moved(m->of, i, to);
}

/* Takes all out of a segment that is not pinned: moved on, or forgotten. */
static void empty(struct memcache_memory *m, uint32_t segment, bool evict)
{
	struct memcache_segment *s = &m->segments[segment];
	struct memcache_item *i;
	uint32_t at = MEMORY_FIRST, kept = 0;
	/* The survivors of an eviction were used lately: they are as young as what comes now. */
	uint64_t age = evict ? m->age : s->age;
	while ((i = memcache_memory_walk(m, segment, &at))) {
		if (!(i->bits & ITEM_LINKED))
			continue;
		bool stays = !m->dead(m->of, i);
		if (stays && evict) {
			stays = i->bits & ITEM_RECENT && kept + i->room <= m->size / 2;
			kept += stays ? i->room : 0;
			m->evictions += !stays;
			i->bits &= (uint8_t)~ITEM_RECENT;
		}
		if (stays)
			move(m, i, age);
		else
			m->moved(m->of, i, NULL);
		m->live -= i->room;
		s->live -= i->room;
	}
	m->cleaned += !evict;
	release(m, segment);
}

/* The oldest full segment, or the emptiest; NONE: all are pinned. */
static uint32_t choose(const struct memcache_memory *m, bool evict)
{
	uint32_t best = NONE;
	for (uint32_t k = 0; k < m->count; k++) {
		const struct memcache_segment *s = &m->segments[k],
		                              *b = &m->segments[best == NONE ? k : best];
		if (s->state != SEGMENT_FULL || s->pins)
			continue;
		if (best == NONE || (evict ? s->age < b->age : s->live < b->live))
			best = k;
	}
	return best;
}

/* One free segment more than the reserve. False: it cannot be had. */
static bool reclaim(struct memcache_memory *m)
{
	/* Each pass frees a segment and takes at most one. Cleaning gains one in CLEANING_MAX
	 * passes, unless items are so large that nothing fits into what is left of a segment; two
	 * evictions always gain one, because each keeps half a segment at most. */
	for (uint32_t vain = 0, gained = 0;
	     m->free_count <= RESERVE || (m->free_count <= m->reserve && gained < EMPTIED_MAX);) {
		bool evict = !m->keep && (m->live > m->live_max || vain >= CLEANING_MAX);
		uint32_t before = m->free_count, segment = choose(m, evict);
		if (segment == NONE || vain > CLEANING_MAX + 4)
			return m->free_count > RESERVE;
		empty(m, segment, evict);
		gained += m->free_count > before;
		vain = m->free_count > before ? 0 : vain + 1;
	}
	return true;
}

struct memcache_item *memcache_memory_take(struct memcache_memory *m, uint32_t room)
{
	if (room > memcache_memory_item_max(m))
		return NULL;
	if (!fits(m, m->open, room)) {
		if (m->keep && m->live + room > m->live_max)
			return NULL;
		shut(m, m->open);
		m->open = NONE;
		if (!reclaim(m))
			return NULL;
		m->open = unfold(m, ++m->age);
	}
	struct memcache_item *i = place(m, m->open, room);
	i->room = room;
	i->bits = 0;
	return i;
}

bool memcache_memory_is_valid(const struct memcache_memory *m)
{
	uint64_t all = 0;
	uint32_t pinned = 0;
	for (uint32_t k = 0; k < m->count; k++) {
		const struct memcache_segment *s = &m->segments[k];
		struct memcache_item *i;
		uint32_t at = MEMORY_FIRST, live = 0;
		while (s->state != SEGMENT_FREE && (i = memcache_memory_walk(m, k, &at))) {
			if (!i->room || i->room % ITEM_UNIT || at > s->used)
				return false;
			live += i->bits & (ITEM_LINKED | ITEM_FILLING) ? i->room : 0;
		}
		if (live != s->live || s->used > m->size)
			return false;
		all += live;
		pinned += s->pins > 0;
	}
	return all == m->live && pinned == m->pinned;
}
