/* SPDX-License-Identifier: ISC */
/*
 * Clean pages by number. A page is in the table as long as it is pinned or the policy
 * keeps it; two tasks that want the same page read it once. Contents are checked once, when they
 * are read: sum and structure.
 */
#include <store/btree/internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/panic.h>

#define BUCKETS_FIRST 64u

/* ---- Tables ---- */

static struct btree_node **bucket(const struct table *t, uint64_t page)
{
	return &t->buckets[page * 0x9e3779b97f4a7c15ull >> 32 & (t->size - 1)];
}

struct btree_node *btree_table_find(const struct table *t, uint64_t page)
{
	struct btree_node *n = t->size ? *bucket(t, page) : NULL;
	while (n && n->cached.page != page)
		n = n->chain;
	return n;
}

static bool table_grow(struct table *t)
{
	struct table to = { .size = t->size ? 2 * t->size : BUCKETS_FIRST, .count = t->count };
	to.buckets = heap_alloc_zero(to.size, sizeof *to.buckets);
	if (!to.buckets)
		return t->size != 0; /* longer chains, then */
	for (uint32_t k = 0; k < t->size; k++) {
		for (struct btree_node *n = t->buckets[k], *next; n; n = next) {
			next = n->chain;
			struct btree_node **at = bucket(&to, n->cached.page);
			n->chain = *at;
			*at = n;
		}
	}
	heap_free(t->buckets);
	*t = to;
	return true;
}

bool btree_table_add(struct table *t, struct btree_node *n)
{
	if (t->count >= t->size && !table_grow(t))
		return false;
	struct btree_node **at = bucket(t, n->cached.page);
	n->chain = *at;
	*at = n;
	t->count++;
	return true;
}

void btree_table_remove(struct table *t, struct btree_node *n)
{
	struct btree_node **at = bucket(t, n->cached.page);
	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	t->count--;
}

struct btree_node *btree_node_new(uint64_t page)
{
	struct btree_node *n = heap_alloc_zero(1, sizeof *n);
	if (!n)
		return NULL;
	n->bytes = btree_page_alloc_bytes();
	if (!n->bytes) {
		heap_free(n);
		return NULL;
	}
	n->cached.page = page;
	task_queue_init(&n->waiters);
	return n;
}

void btree_node_free(struct btree_node *n)
{
	heap_free(n->bytes);
	heap_free(n);
}

/* ---- Keeping ---- */

static struct btree_node *node_of(struct btree_cached *c)
{
	return container_of(c, struct btree_node, cached);
}

static void drop(struct btree *t, struct btree_node *n)
{
	if (n->kept) {
		t->options.policy->gone(t->options.policy_of, &n->cached);
		t->kept--;
	}
	btree_table_remove(&t->clean, n);
	btree_node_free(n);
}

static void keep(struct btree *t, struct btree_node *n)
{
	if (!t->options.policy)
		return;
	if (!n->kept) {
		while ((t->kept + 1) * BTREE_PAGE > t->options.cache) {
			struct btree_cached *c = t->options.policy->victim(t->options.policy_of);
			if (!c)
				return;
			ensure(!c->pins && node_of(c)->kept);
			drop(t, node_of(c));
		}
		n->kept = true;
		t->kept++;
	}
	t->options.policy->used(t->options.policy_of, &n->cached);
}

void btree_cache_unpin(struct btree *t, struct btree_node *n)
{
	ensure(n->cached.pins);
	if (!--n->cached.pins && !n->kept)
		drop(t, n);
}

void btree_cache_adopt(struct btree *t, struct btree_node *n)
{
	ensure(btree_cache_forget(t, n->cached.page));
	n->cached.pins = 1;
	n->cached.level = (uint8_t)btree_node_level(n->bytes);
	if (!btree_table_add(&t->clean, n)) {
		btree_node_free(n);
		return;
	}
	keep(t, n);
	btree_cache_unpin(t, n);
}

/* The page will hold other contents. A sound store's page is not given away while it is in use. */
bool btree_cache_forget(struct btree *t, uint64_t page)
{
	struct btree_node *n = btree_table_find(&t->clean, page);
	if (n && n->cached.pins)
		return false;
	if (n)
		drop(t, n);
	return true;
}

void btree_cache_close(struct btree *t)
{
	for (uint32_t k = 0; k < t->clean.size; k++) {
		while (t->clean.buckets[k])
			drop(t, t->clean.buckets[k]);
	}
	heap_free(t->clean.buckets);
}

/* ---- Reading ---- */

int btree_node_read(struct btree *t, struct btree_node *n, struct pointer p, uint32_t level)
{
	int error = block_read(t->block, p.page * BTREE_PAGE, n->bytes, BTREE_PAGE);
	t->figures.reads++;
	if (error) {
		btree_damaged(t, p.page, "a page that cannot be read");
		return error;
	}
	const char *flaw = btree_page_sum(n->bytes, p.page) != p.sum
	                           ? (level ? "a branch" : "a leaf")
	                           : btree_node_flaw(n->bytes, level, t->pages);
	if (!flaw)
		return OK;
	btree_damaged(t, p.page, flaw);
	return ERR_CORRUPT;
}

int btree_cache_get(struct btree *t, struct pointer p, uint32_t level, struct btree_node **to)
{
	if (!btree_map_busy(t, p.page)) {
		btree_damaged(t, p.page, "a page in use that the map calls free");
		return ERR_CORRUPT;
	}
	struct btree_node *n = btree_table_find(&t->clean, p.page);
	if (n) {
		n->cached.pins++;
		t->figures.hits++;
		while (n->loading)
			task_wait(&n->waiters, CLOCK_NEVER);
	} else {
		n = btree_node_new(p.page);
		if (!n)
			return ERR_MEMORY;
		n->cached.pins = 1;
		n->cached.level = (uint8_t)level;
		n->sum = p.sum;
		if (!btree_table_add(&t->clean, n)) {
			btree_node_free(n);
			return ERR_MEMORY;
		}
		n->loading = true;
		n->error = btree_node_read(t, n, p, level);
		n->loading = false;
		task_wake_all(&n->waiters);
	}
	int error = n->error;
	if (!error && (level != n->cached.level || p.sum != n->sum)) {
		btree_damaged(t, p.page, "a page that two nodes point to");
		error = ERR_CORRUPT;
	}
	if (error) {
		btree_cache_unpin(t, n);
		return error;
	}
	keep(t, n);
	*to = n;
	return OK;
}

/* ---- For checks ---- */

#define SAMPLE 4u /* buckets whose pages are summed, by turns: a page costs a microsecond */

static bool table_is_valid(const struct table *t)
{
	uint32_t count = 0;
	if (t->size & (t->size - 1))
		return false;
	for (uint32_t k = 0; k < t->size; k++)
		for (const struct btree_node *n = t->buckets[k]; n; n = n->chain)
			if (bucket(t, n->cached.page) != &t->buckets[k] || count++ == t->count)
				return false;
	return count == t->count;
}

/* A clean page is what was read or written, as long as it is in memory. */
static bool is_unchanged(const struct btree_node *n)
{
	return n->loading || n->error || btree_page_sum(n->bytes, n->cached.page) == n->sum;
}

bool btree_cache_is_valid(const struct btree *t)
{
	uint64_t kept = 0;
	if (!table_is_valid(&t->clean) || !table_is_valid(&t->dirty))
		return false;
	for (uint32_t k = 0; k < t->clean.size; k++)
		for (const struct btree_node *n = t->clean.buckets[k]; n; n = n->chain) {
			if (!n->kept && !n->cached.pins)
				return false;
			kept += n->kept;
		}
	uint32_t first = (uint32_t)(t->figures.hits + t->figures.reads);
	for (uint32_t k = 0; k < SAMPLE && k < t->clean.size; k++)
		for (const struct btree_node *n =
		             t->clean.buckets[(first + k) & (t->clean.size - 1)];
		     n; n = n->chain)
			if (!is_unchanged(n))
				return false;
	/* Nothing that the committed state or a snapshot uses is overwritten. */
	for (uint32_t k = 0; k < t->dirty.size; k++)
		for (const struct btree_node *n = t->dirty.buckets[k]; n; n = n->chain)
			if (btree_map_busy(t, n->cached.page))
				return false;
	return kept == t->kept && kept * BTREE_PAGE <= t->options.cache;
}
