/* SPDX-License-Identifier: ISC */
/*
 * An item as it lies in memory: a head, then the text with which it answers "get", so that an
 * answer is one copy. Where it lies changes (memory.h), so that it is referred to by its place only
 * while nothing is allocated, or its segment is pinned.
 */
#ifndef MEMCACHE_ITEM_H
#define MEMCACHE_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#define ITEM_UNIT                                                                                  \
	16u /* bytes: items begin at multiples, and a reference counts them; 0 refers to nothing   \
	     */
#define ITEM_KEY_MAX 250u

enum item_bits {
	ITEM_LINKED = 1,  /* the table refers to it */
	ITEM_FILLING = 2, /* its value is still coming; its segment is pinned */
	ITEM_RECENT = 4,  /* used since it came to its segment: it is kept once more when that is
	                     emptied */
	ITEM_FETCHED = 8, /* used since it was stored: meta flag h */
	ITEM_STALE = 16,  /* meta flag X */
	ITEM_WON = 32,    /* somebody was told to renew it: meta flags W and Z */
	ITEM_BINARY = 64, /* its key came in base64, and is told so */
};

struct memcache_item {
	uint32_t next; /* the next one in the table's chain */
	uint32_t hash; /* of the key: its lower half */
	uint64_t cas;
	uint32_t expires;    /* second of the store's clock; 0: never */
	uint32_t used_at;    /* second in which it was last used */
	uint32_t flags;      /* the client's */
	uint32_t value_size; /* without the line's end behind it */
	uint32_t room;       /* bytes that it takes in its segment, this head included */
	uint16_t head_size;  /* of text: "VALUE key flags size" */
	uint8_t key_size;
	uint8_t bits;
	char text[]; /* "VALUE key flags size\r\nvalue\r\n" */
};
_Static_assert(sizeof(struct memcache_item) == 40, "items are small");

#define ITEM_KEY_AT 6u /* in text */

static inline const char *memcache_item_key(const struct memcache_item *i)
{
	return i->text + ITEM_KEY_AT;
}

static inline char *memcache_item_value(struct memcache_item *i)
{
	return i->text + i->head_size + 2;
}

/* Of the text, from its first byte to the value's line end. */
static inline uint32_t memcache_item_text_size(const struct memcache_item *i)
{
	return i->head_size + 2u + i->value_size + 2u;
}

#endif
