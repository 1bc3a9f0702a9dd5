/* SPDX-License-Identifier: ISC */
/*
 * What was answered: a list with the name used last in front, bounded in bytes. A thousand names are compared faster than a
 * server answers, and cannot be made slow by their choice. An entry whose TTL is over stays for a while, for times when no
 * server answers (RFC 8767).
 */
#include <string.h>

#include <core/clock.h>
#include <core/heap.h>
#include <core/list.h>
#include <net/resolver/internal.h>

struct entry {
	struct list link;
	uint64_t expires_ns, gone_ns; /* its TTL; and when it is of no use at all */
	uint32_t count, size;
	uint16_t type;
	uint8_t name_size;
	uint8_t bytes[]; /* the name, then `size` bytes of records */
};

static struct list entries = LIST_INIT(entries);
static uint64_t used; /* bytes of all */

static uint64_t bytes_of(const struct entry *e)
{
	return sizeof *e + e->name_size + e->size;
}

static void drop(struct entry *e)
{
	used -= bytes_of(e);
	list_remove(&e->link);
	heap_free(e);
}

static struct entry *find(const struct resolver_key *k)
{
	list_each (at, &entries) {
		struct entry *e = container_of(at, struct entry, link);
		if (e->type == k->type && e->name_size == k->name.size &&
		    memcmp(e->bytes, k->name.wire, e->name_size) == 0)
			return e;
	}
	return NULL;
}

enum resolver_age resolver_cache_get(const struct resolver_key *k, struct resolver_set *set)
{
	struct entry *e = find(k);
	uint64_t now = clock_now();

	if (e && now >= e->expires_ns && now >= e->gone_ns) {
		drop(e);
		e = NULL;
	}
	if (!e)
		return RESOLVER_UNKNOWN;
	list_remove(&e->link);
	list_append(entries.next, &e->link); /* before the first */
	bool fresh = now < e->expires_ns;
	*set = (struct resolver_set){ e->count, e->size,
		                      fresh ? (uint32_t)((e->expires_ns - now) / NS_PER_S) : 0,
		                      e->bytes + e->name_size };
	return fresh ? RESOLVER_FRESH : RESOLVER_STALE;
}

void resolver_cache_put(const struct resolver_key *k, const struct resolver_set *set)
{
	struct entry *e = find(k);
	uint64_t size = sizeof *e + k->name.size + set->size;

	if (e)
		drop(e);
	if (set->ttl_s == 0 || size > resolver_options.cache_bytes)
		return;
	while (used + size > resolver_options.cache_bytes)
		drop(container_of(entries.prev, struct entry, link));
	e = heap_alloc(size);
	if (!e)
		return; /* goes on without */
	*e = (struct entry){
		.count = set->count, .size = set->size, .type = k->type, .name_size = k->name.size
	};
	e->expires_ns = clock_now() + set->ttl_s * NS_PER_S;
	e->gone_ns = set->count ? e->expires_ns + resolver_options.stale_ns : 0;
	memcpy(e->bytes, k->name.wire, k->name.size);
	memcpy(e->bytes + k->name.size, set->data, set->size);
	list_append(entries.next, &e->link);
	used += size;
}

void resolver_cache_revive(const struct resolver_key *k)
{
	struct entry *e = find(k);

	if (e)
		e->expires_ns = clock_now() + RESOLVER_STALE_TTL_S * NS_PER_S;
}

void resolver_cache_clear(void)
{
	while (!list_empty(&entries))
		drop(container_of(entries.next, struct entry, link));
}
