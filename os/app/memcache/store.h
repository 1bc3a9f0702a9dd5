/* SPDX-License-Identifier: ISC */
/*
 * What the commands do, whatever their words are: keys to values with times to live, numbers that
 * change with each change (CAS), and a bound on memory. No function blocks; none but those that
 * make an item allocate.
 *
 * An item that a function gives is good until the next call that stores anything, or for as long as
 * its segment is pinned (memory.h).
 */
#ifndef MEMCACHE_STORE_H
#define MEMCACHE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include <app/memcache/memory.h>
#include <app/memcache/table.h>

#define MEMCACHE_RELATIVE_MAX (60 * 60 * 24 * 30) /* seconds: a longer time is a date */
#define MEMCACHE_SECONDS_FROM 2u /* the store's clock begins here: 1 is in the past */

enum memcache_count {
	MEMCACHE_GET_HITS,
	MEMCACHE_GET_MISSES,
	MEMCACHE_GET_EXPIRED,
	MEMCACHE_GET_FLUSHED,
	MEMCACHE_SETS,
	MEMCACHE_TOUCHES,
	MEMCACHE_FLUSHES,
	MEMCACHE_METAS,
	MEMCACHE_DELETE_HITS,
	MEMCACHE_DELETE_MISSES,
	MEMCACHE_INCR_HITS,
	MEMCACHE_INCR_MISSES,
	MEMCACHE_DECR_HITS,
	MEMCACHE_DECR_MISSES,
	MEMCACHE_CAS_HITS,
	MEMCACHE_CAS_MISSES,
	MEMCACHE_CAS_BAD,
	MEMCACHE_TOUCH_HITS,
	MEMCACHE_TOUCH_MISSES,
	MEMCACHE_STORED,
	MEMCACHE_RECLAIMED,
	MEMCACHE_NO_MEMORY,
	MEMCACHE_TOO_LARGE,
	MEMCACHE_COUNTS
};

struct memcache_key {
	const char *bytes;
	uint32_t size; /* 1 to ITEM_KEY_MAX */
	bool binary;   /* it came in base64 */
};

/* Somebody who wants to know what changes, to keep it: durable.h. All are called before the change
 * is told to a client. */
struct memcache_backend {
	/* The key has another value, other times or none any more. Called on the loop; must not
	 * touch the store. */
	void (*changed)(void *of, const char *key, uint32_t size);
	void (*flushed)(void *of); /* the store's `flushed` or `flush_at` is another one */
	/* Somebody is to be told what this key is. `hash` is hash_bytes's lower half. May be null. */
	void (*looked)(void *of, const char *key, uint32_t size, uint32_t hash);
	/* Since the last call for this: whether something has changed, or was looked at, that is to
	 * be waited for, and its ticket. */
	bool (*pending)(void *of, uint64_t *ticket);
	void *of;
};

/* What may be watched; bits of memcache_store.watched. */
enum memcache_watched {
	MEMCACHE_FETCHERS = 1,
	MEMCACHE_MUTATIONS = 2,
	MEMCACHE_EVICTIONS = 4,
	MEMCACHE_CONNECTIONS = 8, /* the server's */
};

/* Something that is watched. Who is told must not touch the store. */
struct memcache_event {
	enum memcache_watched what;
	uint8_t status; /* of a fetch: enum memcache_found; else enum memcache_result */
	uint8_t mode;   /* of a mutation: enum memcache_mode */
	bool fetched;   /* of an eviction */
	const char *key;
	uint32_t key_size, size; /* size: of the value */
	int64_t left;            /* seconds to live; -1: for ever */
	uint32_t idle;           /* seconds since it was last used */
};
enum memcache_found { MEMCACHE_IS_NOT, MEMCACHE_IS, MEMCACHE_WAS_FLUSHED, MEMCACHE_HAS_EXPIRED };

struct memcache_store {
	struct memcache_memory memory;
	struct memcache_table table;
	const struct memcache_backend *backend; /* null: what is lost is lost */
	uint32_t watched;                       /* what somebody watches: watch.c sets it */
	void (*watch)(struct memcache_store *, const struct memcache_event *);
	uint32_t item_max;                            /* room of the largest item */
	uint32_t now;                                 /* seconds; memcache_tick */
	uint64_t began;                               /* ns of clock_now()'s time */
	int64_t began_wall;                           /* seconds since 1970 */
	uint64_t cas;                                 /* the last one given */
	uint64_t flushed;                             /* items with a lower or equal one are gone */
	uint32_t flush_at;                            /* second of a flush to come; 0: none */
	uint32_t mortal;                              /* linked items that expire some day */
	bool crawl_again;                             /* a flush left items behind */
	uint32_t crawl_segment, crawl_turn, crawl_at; /* at 0: it has to begin */
	uint64_t counts[MEMCACHE_COUNTS];
};

/* ERR_INVALID (memory below MEMORY_MIN), ERR_MEMORY. item_max 0: 1 MiB, or what the memory allows.
 */
int memcache_store_open(struct memcache_store *, uint64_t memory, uint32_t item_max);
void memcache_store_close(struct memcache_store *);

void memcache_tick(struct memcache_store *, uint64_t now_ns); /* once for each batch of commands */
/* The second in which something with this time to live, or until this date, is gone; 0: never. */
uint32_t memcache_expiry(const struct memcache_store *, int64_t time);

/* ---- Looking ---- */

/* Null: there is none that lives. */
struct memcache_item *memcache_find(struct memcache_store *, const struct memcache_key *);
void memcache_used(struct memcache_store *, struct memcache_item *);
static inline int64_t memcache_left(const struct memcache_store *s, const struct memcache_item *i)
{
	return i->expires ? (int64_t)i->expires - s->now : -1; /* seconds */
}

/* ---- Storing ---- */

enum memcache_mode {
	MEMCACHE_SET,
	MEMCACHE_ADD,
	MEMCACHE_REPLACE,
	MEMCACHE_APPEND,
	MEMCACHE_PREPEND,
	MEMCACHE_CAS
};
enum memcache_result {
	MEMCACHE_OK,
	MEMCACHE_NOT_STORED,
	MEMCACHE_EXISTS,
	MEMCACHE_NOT_FOUND,
	MEMCACHE_NOT_A_NUMBER,
	MEMCACHE_OUT_OF_MEMORY,
	MEMCACHE_TOO_BIG, /* told to watchers only */
};

/* Whether an item of that size could ever be stored. */
bool memcache_fits(const struct memcache_store *, const struct memcache_key *, uint64_t value_size);
/* An item for the caller to fill: value_size + 2 bytes at memcache_item_value. It is pinned and not to be
 * found, until one of the next two. Null: no memory. */
struct memcache_item *memcache_new(struct memcache_store *, const struct memcache_key *,
                                   uint32_t flags, uint32_t expires, uint32_t value_size);
void memcache_abandon(struct memcache_store *, struct memcache_item *);
/* A value was not stored, since there is no room for it, or (`big`) never will be: of an older one,
 * a set leaves nothing, since that would be served as if this had never been said. */
void memcache_refused(struct memcache_store *, const struct memcache_key *, enum memcache_mode,
                      uint32_t expires, bool big);
struct memcache_storing {
	enum memcache_mode mode;
	uint64_t cas;     /* compared where mode is MEMCACHE_CAS or appends; 0: not compared */
	bool invalidate;  /* a lower number stores too, as stale: meta flag I */
	uint64_t new_cas; /* out: what the item has now; 0: it was not stored */
};
enum memcache_result memcache_put(struct memcache_store *, struct memcache_item *,
                                  struct memcache_storing *);
/* A plain "set" of a value that is all there, where the old item's place will do; null: take the
 * other way. */
struct memcache_item *memcache_overwrite(struct memcache_store *, const struct memcache_key *,
                                         uint32_t flags, uint32_t expires, const char *value,
                                         uint32_t size);

/* ---- Changing ---- */

void memcache_delete(struct memcache_store *, struct memcache_item *);
void memcache_touch(struct memcache_store *, struct memcache_item *, uint32_t expires);
void memcache_set_bits(struct memcache_store *, struct memcache_item *, uint8_t bits,
                       uint8_t cleared);
void memcache_renumber(struct memcache_store *, struct memcache_item *); /* another CAS number */
/* Adds to the number that *item is, or subtracts, down to 0; *item is then where it lies. Its CAS
 * number must be `cas`, unless that is 0. */
enum memcache_result memcache_add(struct memcache_store *, struct memcache_item **, uint64_t delta,
                                  bool subtract, uint64_t cas, uint64_t *value);
/* The number, as an item of its own, where there is none. Null: no memory. */
struct memcache_item *memcache_seed(struct memcache_store *, const struct memcache_key *,
                                    uint32_t expires, uint64_t number);
void memcache_flush(struct memcache_store *, uint32_t at); /* all items, in that second; 0: now */

/* ---- For backends: none of these is told to one ---- */

/* As memcache_find, and nothing is done about what is dead. */
struct memcache_item *memcache_peek(const struct memcache_store *, const struct memcache_key *);
void memcache_restore(struct memcache_store *, struct memcache_item *,
                      uint64_t cas); /* links what memcache_new gave */
void memcache_forget(struct memcache_store *, struct memcache_item *);

/* Drops what is dead, for so many items on. False: there is nothing to look for. */
bool memcache_crawl(struct memcache_store *, uint32_t items);

#endif
