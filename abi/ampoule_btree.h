/* SPDX-License-Identifier: ISC */
/*
 * What a B-tree store looks like on its device: numbers and places, and the sum. docs/btree.md is the text to it. Two
 * programs read by this header that share nothing else: the library in images (os/store/btree) and the host's tool
 * (host/store). Numbers on the device are big-endian.
 */
#ifndef AMPOULE_BTREE_H
#define AMPOULE_BTREE_H

#include <stdint.h>
#include <string.h>

#define AMP_BTREE_MAGIC        "ampbtree" /* 8 bytes */
#define AMP_BTREE_VERSION      1u
#define AMP_BTREE_PAGE         4096u
#define AMP_BTREE_PAGES_MIN    16u
#define AMP_BTREE_KEY_MAX      1024u  /* bytes, at least 1 */
#define AMP_BTREE_VALUE_MAX    65536u /* bytes */
#define AMP_BTREE_LEVELS       24u    /* the root's level is below */
#define AMP_BTREE_ROOTS        2u     /* pages 0 and 1: generation g is in page g mod 2 */
#define AMP_BTREE_RECORD       512u   /* a root's page holds the same record at both its ends */
#define AMP_BTREE_POINTER      16u    /* bytes: page number 8, sum 8 */
#define AMP_BTREE_MAP_BITS     (8u * AMP_BTREE_PAGE)                /* of a page of the map */
#define AMP_BTREE_MAP_POINTERS (AMP_BTREE_PAGE / AMP_BTREE_POINTER) /* of a page of its directory */
#define AMP_BTREE_MAP_DIRS     16u                                  /* such pages at most */
#define AMP_BTREE_PAGES_MAX                                                                        \
	((uint64_t)AMP_BTREE_MAP_DIRS * AMP_BTREE_MAP_POINTERS * AMP_BTREE_MAP_BITS)

/* A root's record, by byte. */
enum {
	AMP_BTREE_AT_MAGIC = 0,
	AMP_BTREE_AT_VERSION = 8,
	AMP_BTREE_AT_PAGE_SIZE = 12,
	AMP_BTREE_AT_PAGES = 16, /* of the device that the store uses */
	AMP_BTREE_AT_GENERATION = 24,
	AMP_BTREE_AT_KEYS = 32,
	AMP_BTREE_AT_USED = 40, /* pages, roots and map among them */
	AMP_BTREE_AT_ROOT = 48, /* pointer */
	AMP_BTREE_AT_LEVEL = 64,
	AMP_BTREE_AT_DIRS = 72, /* pointers to the map's directories */
	AMP_BTREE_AT_SUM = AMP_BTREE_RECORD - 8
};

/* A page of the tree: this header; 2 bytes with the place of each cell, in the order of keys; room; the cells up to the page's
 * end, the first one last. */
#define AMP_BTREE_NODE_MAGIC 0x4e41u
#define AMP_BTREE_NODE_HEAD  16u
enum {
	AMP_BTREE_NODE_LEVEL = 2, /* 1 byte; 0 is a leaf */
	AMP_BTREE_NODE_COUNT = 4, /* of cells, 2 bytes */
	AMP_BTREE_NODE_LOW = 6,   /* where the cells begin, 2 bytes */
	AMP_BTREE_NODE_DEAD = 8   /* 2 bytes: used in memory; 0 on the device */
};
/* A leaf's cell: key size 2, 0 2, value size 4, key, value, or pointers to its pages (AMP_BTREE_LARGE in the size), if it would
 * be larger than AMP_BTREE_CELL_MAX. A branch's: key size 2, key, pointer. */
#define AMP_BTREE_CELL_MAX  1352u
#define AMP_BTREE_LEAF_HEAD 8u
#define AMP_BTREE_LARGE     0x80000000u

/* A sum goes by words of 8 bytes in the order of the machine, x86-64's; each step is invertible, so one changed word always
 * shows. `size` is a multiple of 8. */
static inline uint64_t amp_btree_sum(uint64_t h, const uint8_t *bytes, uint32_t size)
{
	for (uint32_t k = 0; k < size; k += 8) {
		uint64_t word;
		memcpy(&word, bytes + k, sizeof word);
		h = (h ^ word) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	return h;
}

/* Of a page, with its number: never 0. */
static inline uint64_t amp_btree_page_sum(const uint8_t *page, uint64_t number)
{
	uint64_t sum = amp_btree_sum(number * 0xd6e8feb86659fd93ull + 1, page, AMP_BTREE_PAGE);
	return sum ? sum : 1;
}

/* Of a root's record, which it ends with. */
static inline uint64_t amp_btree_record_sum(const uint8_t *record)
{
	return amp_btree_sum(0, record, AMP_BTREE_AT_SUM);
}

#endif
