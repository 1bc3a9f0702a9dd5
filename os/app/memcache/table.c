/* SPDX-License-Identifier: ISC */
/*
 * While it grows, an old bucket below `done` has been split in two of the new ones; the others
 * still hold their items, and the new buckets that they will fill are not looked at, nor set yet.
 */
#include <app/memcache/table.h>

#include <string.h>

#include <ampoule_abi.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/panic.h>

#define BUCKETS_MIN 1024u /* a page */
#define BUCKETS_MAX (1u << 30)
#define STEP        4u /* old buckets that are split with an insertion */

static uint32_t *take(uint32_t buckets)
{
	return extent_alloc((uint64_t)buckets * sizeof(uint32_t) / AMP_PAGE);
}

static void give(uint32_t *heads, uint32_t buckets)
{
	if (heads)
		extent_free(heads, (uint64_t)buckets * sizeof(uint32_t) / AMP_PAGE);
}

int memcache_table_open(struct memcache_table *t, const struct memcache_memory *memory)
{
	*t = (struct memcache_table){ .memory = memory,
		                      .size = BUCKETS_MIN,
		                      .heads = take(BUCKETS_MIN) };
	if (!t->heads)
		return ERR_MEMORY;
	memset(t->heads, 0, BUCKETS_MIN * sizeof *t->heads);
	return OK;
}

void memcache_table_close(struct memcache_table *t)
{
	give(t->heads, t->size);
	give(t->old, t->size / 2);
	*t = (struct memcache_table){ .heads = NULL };
}

static uint32_t *bucket(const struct memcache_table *t, uint32_t hash)
{
	if (t->old) {
		uint32_t k = hash & (t->size / 2 - 1);
		if (k >= t->done)
			return &t->old[k];
	}
	return &t->heads[hash & (t->size - 1)];
}

struct memcache_item *memcache_table_find(const struct memcache_table *t, uint32_t hash,
                                          const char *key, uint32_t size)
{
	for (uint32_t at = *bucket(t, hash); at;) {
		struct memcache_item *i = memcache_memory_item(t->memory, at);
		if (i->hash == hash && i->key_size == size &&
		    !memcmp(memcache_item_key(i), key, size))
			return i;
		at = i->next;
	}
	return NULL;
}

static void split(struct memcache_table *t)
{
	uint32_t half = t->size / 2, ends[2] = { 0, 0 };
	for (uint32_t at = t->old[t->done], next; at; at = next) {
		struct memcache_item *i = memcache_memory_item(t->memory, at);
		uint32_t upper = (i->hash & half) != 0;
		next = i->next;
		i->next = ends[upper];
		ends[upper] = at;
	}
	t->heads[t->done] = ends[0];
	t->heads[t->done + half] = ends[1];
	if (++t->done == half) {
		give(t->old, half);
		t->old = NULL;
	}
}

static void grow(struct memcache_table *t)
{
	uint32_t *heads = t->size < BUCKETS_MAX ? take(t->size * 2) : NULL;
	if (!heads) /* chains get longer, that is all */
		return;
	t->old = t->heads;
	t->heads = heads;
	t->size *= 2;
	t->done = 0;
}

void memcache_table_insert(struct memcache_table *t, struct memcache_item *i)
{
	if (!t->old && t->count / 3 > t->size / 2)
		grow(t);
	for (uint32_t k = 0; k < STEP && t->old; k++)
		split(t);
	uint32_t *head = bucket(t, i->hash);
	i->next = *head;
	*head = memcache_memory_reference(t->memory, i);
	t->count++;
}

/* What refers to the item, which is there. */
static uint32_t *link_to(const struct memcache_table *t, const struct memcache_item *i)
{
	uint32_t reference = memcache_memory_reference(t->memory, i), *link = bucket(t, i->hash);
	while (*link != reference) {
		ensure(*link);
		link = &memcache_memory_item(t->memory, *link)->next;
	}
	return link;
}

void memcache_table_remove(struct memcache_table *t, struct memcache_item *i)
{
	*link_to(t, i) = i->next;
	t->count--;
}

void memcache_table_move(struct memcache_table *t, const struct memcache_item *from,
                         struct memcache_item *to)
{
	*link_to(t, from) = memcache_memory_reference(t->memory, to);
}

/* The chain's items; UINT32_MAX: one of them does not belong there. */
static uint32_t chain_count(const struct memcache_table *t, const uint32_t *head)
{
	uint32_t n = 0;
	for (uint32_t at = *head; at; n++) {
		const struct memcache_item *i = memcache_memory_item(t->memory, at);
		if (!(i->bits & ITEM_LINKED) || bucket(t, i->hash) != head || n == t->count)
			return UINT32_MAX;
		at = i->next;
	}
	return n;
}

bool memcache_table_is_valid(const struct memcache_table *t)
{
	uint32_t half = t->size / 2;
	uint64_t all = 0;
	if (t->size & (t->size - 1) || (t->old && t->done >= half))
		return false;
	for (uint32_t k = 0; k < t->size; k++)
		if (!t->old || (k & (half - 1)) < t->done)
			all += chain_count(t, &t->heads[k]);
	for (uint32_t k = t->done; t->old && k < half; k++)
		all += chain_count(t, &t->old[k]);
	return all == t->count;
}
