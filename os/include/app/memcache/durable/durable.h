/* SPDX-License-Identifier: ISC */
/*
 * A durable memcached. Every item is in memory and in a B-tree on a block device. A client is told
 * of a change, its own or another's, when it is permanent: an answer about a key whose change is not yet
 * waits for the commit. All changes that come during a commit form the next commit. The next start
 * reads all items back, CAS numbers included. It goes on above every CAS number that was told, and
 * does a flush_all that was to come. Clients that connect while it reads wait.
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

/* As memcache_serve, with the items of the device; a blank device is an empty store. To be called
 * from a task. Further errors are btree_open's, ERR_MALFORMED (the device holds something else),
 * ERR_CORRUPT and ERR_IO among them, and ERR_TOO_BIG: the items do not fit into the memory. The
 * reason is logged. */
int memcache_durable_serve(struct memcache_server **, struct block *,
                           const struct memcache_options *);
void memcache_durable_figures(struct btree_figures *);

#endif
