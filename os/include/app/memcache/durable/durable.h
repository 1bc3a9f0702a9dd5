/* SPDX-License-Identifier: ISC */
/*
 * A memcached that forgets nothing: every item is in memory, as always, and in a B-tree on a block
 * device, too. A client is told of a change when it is permanent; whatever changed while a commit
 * was under way is the next one, together. What was there comes back at the next start, CAS numbers
 * included.
 *
 * Nothing is evicted: memory or device full means that storing fails. Values are at most
 * DURABLE_VALUE_MAX.
 */
#ifndef MEMCACHE_DURABLE_H
#define MEMCACHE_DURABLE_H

#include <stdint.h>

#include <app/memcache/memcache.h>

struct block;
struct btree_figures;

#define DURABLE_ITEM_MAX (64u << 10) /* bytes of an item; a B-tree's value has to hold it */

/* As memcache_serve, with the items of the device; a blank one begins empty. From a task. Takes the
 * errors of btree_open, too: ERR_MALFORMED (something else is on it), ERR_CORRUPT, ERR_IO;
 * ERR_TOO_BIG: the memory cannot hold what is there. The reason is logged. */
int memcache_durable_serve(struct memcache_server **, struct block *,
                           const struct memcache_options *);
void memcache_durable_figures(struct btree_figures *);

#endif
