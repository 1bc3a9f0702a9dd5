/* SPDX-License-Identifier: ISC */
/*
 * From keys to items: chains under buckets, by the hash's lower half. It doubles when it is
 * crowded, a few buckets with each insertion, so that nothing ever waits for all of it. Four bytes
 * a bucket, three items to two buckets at most before it does.
 */
#ifndef MEMCACHE_TABLE_H
#define MEMCACHE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <app/memcache/memory.h>

struct memcache_table {
	const struct memcache_memory *memory;
	uint32_t *heads, *old; /* references; old: null unless it is growing */
	uint32_t size, done; /* buckets of heads (a power of two); of old, half as many: those that
	                        were split */
	uint32_t count;      /* items */
};

int memcache_table_open(struct memcache_table *, const struct memcache_memory *); /* ERR_MEMORY */
void memcache_table_close(struct memcache_table *);

struct memcache_item *memcache_table_find(const struct memcache_table *, uint32_t hash,
                                          const char *key, uint32_t size);
void memcache_table_insert(struct memcache_table *,
                           struct memcache_item *); /* its hash is set, its key is not there */
void memcache_table_remove(struct memcache_table *, struct memcache_item *);
/* The item lies elsewhere now; both still say the same. */
void memcache_table_move(struct memcache_table *, const struct memcache_item *from,
                         struct memcache_item *to);
/* For tests and checks: walks all of it. */
bool memcache_table_is_valid(const struct memcache_table *);

#endif
