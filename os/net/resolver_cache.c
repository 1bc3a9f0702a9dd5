/* SPDX-License-Identifier: ISC */
/* What was answered, until its TTL is over: a list with the name used last in front. 256 names are
 * compared faster than a message is parsed, and cannot be made slow by their choice. */
#include <net/resolver_internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/heap.h>
#include <core/list.h>

struct entry {
	struct list link;
	uint64_t expires_ns;
	struct resolver_answer answer;
	uint8_t size;
	uint8_t wire[];
};

static struct list entries = LIST_INIT(entries);
static uint32_t total;

static void drop(struct entry *e)
{
	list_remove(&e->link);
	heap_free(e);
	total--;
}

static struct entry *find(const struct resolver_name *n)
{
	list_each (at, &entries) {
		struct entry *e = container_of(at, struct entry, link);
		if (e->size == n->size && memcmp(e->wire, n->wire, n->size) == 0)
			return e;
	}
	return NULL;
}

bool resolver_cache_get(const struct resolver_name *n, struct resolver_answer *a)
{
	struct entry *e = find(n);

	if (!e)
		return false;
	if (clock_now() >= e->expires_ns) {
		drop(e);
		return false;
	}
	list_remove(&e->link);
	list_append(entries.next, &e->link); /* before the first */
	*a = e->answer;
	return true;
}

void resolver_cache_put(const struct resolver_name *n, const struct resolver_answer *a)
{
	struct entry *e = find(n);

	if (e)
		drop(e);
	if (a->ttl_s == 0)
		return;
	if (total == RESOLVER_CACHE_MAX)
		drop(container_of(entries.prev, struct entry, link));
	e = heap_alloc(sizeof *e + n->size);
	if (!e)
		return; /* goes on without */
	e->expires_ns = clock_now() + a->ttl_s * NS_PER_S;
	e->answer = *a;
	e->size = n->size;
	memcpy(e->wire, n->wire, n->size);
	list_append(entries.next, &e->link);
	total++;
}

void resolver_forget(void)
{
	while (!list_empty(&entries))
		drop(container_of(entries.next, struct entry, link));
}
