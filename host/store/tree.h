/* SPDX-License-Identifier: ISC */
/*
 * A B-tree store, read by ampoule_btree.h alone, and hostile: nothing that lies on the device can lead outside of it, to a
 * loop or to more memory than a bit a page.
 *
 *   tree_page.c    roots, pages of the tree, cells
 *   tree_walk.c    all entries in order, around what is damaged
 *   tree_check.c   everything, and the map of free pages
 *   tree_salvage.c leaves that a damaged branch has hidden
 *   tree_build.c   a new store of sorted entries
 *   tree_copy.c    a copy of one that an appliance is writing to
 */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include <ampoule_btree.h>
#include <store/bytes.h>
#include <store/disk.h>

#define TREE_PAGE AMP_BTREE_PAGE

struct tree_pointer {
	uint64_t page, sum;
};

struct tree_state { /* that a root's record tells */
	uint64_t pages, generation, keys, used;
	struct tree_pointer root;
	uint32_t level;
	struct tree_pointer dirs[AMP_BTREE_MAP_DIRS];
};

struct tree_cell {
	struct key key;
	const uint8_t *value;    /* leaf, inline */
	uint32_t value_size;     /* leaf */
	const uint8_t *pointers; /* leaf, large: one a page; branch: one */
	uint32_t size;           /* of the whole cell */
};

/* Keys from low on (none: size 0) and before high (none: bytes null). */
struct tree_range {
	struct key low, high;
};

/* ---- tree_page.c ---- */
enum tree_record { RECORD_BLANK, RECORD_FOREIGN, RECORD_DAMAGED, RECORD_GOOD };
enum tree_record tree_record_read(const uint8_t *record, uint64_t pages, struct tree_state *);
void tree_record_write(uint8_t *record, const struct tree_state *);
/* Both copies, and zeros between. */
void tree_root_write(uint8_t *page, const struct tree_state *);
struct tree_pointer tree_pointer_load(const uint8_t *from);
void tree_pointer_store(uint8_t *to, struct tree_pointer);
uint32_t tree_node_level(const uint8_t *page);
uint32_t tree_node_count(const uint8_t *page);
/* Of a page without a flaw. */
struct tree_cell tree_node_cell(const uint8_t *page, uint32_t at);
/* What is wrong with a page of the tree, in words; null: nothing. */
const char *tree_node_flaw(const uint8_t *page, uint32_t level, uint64_t pages);
/* Are all keys of a page without a flaw in the range? */
bool tree_node_within(const uint8_t *page, const struct tree_range *);
bool tree_cell_is_large(uint32_t key_size, uint32_t value_size);
static inline uint32_t tree_value_pages(uint32_t size)
{
	return (size + TREE_PAGE - 1) / TREE_PAGE;
}

/* ---- Reading ---- */

struct tree {
	struct disk *disk;
	struct tree_state state;
	uint64_t used_count; /* pages that were seen */
	uint8_t *seen;       /* a bit a page: the walk has been there */
	uint8_t *map;        /* a bit a page: in use, by the map */
	bool map_whole;      /* all of it could be read */
	bool lost;           /* the walk could not go everywhere */
	bool salvage;        /* take leaves without their sums where what led to them is damaged */
	struct tree_orphan *orphans; /* in the order of their keys */
	uint64_t orphan_count;
	/* Told of damage: the page, what is wrong with it; the keys that cannot be reached for it, if it is known. */
	void (*damage)(void *of, uint64_t page, const char *what, const struct tree_range *);
	/* An entry: in the order of keys. value null: it is not all there, and damage has been told. */
	void (*entry)(void *of, struct key, const uint8_t *value, uint32_t value_size);
	void *of;
	uint64_t keys;
	uint8_t *value; /* AMP_BTREE_VALUE_MAX, of the walk */
};

/* What a root's page is. */
struct tree_root {
	enum tree_record found; /* of the better copy */
	struct tree_state state;
	bool torn;    /* the copies are of two states: power went while it was written */
	bool damaged; /* one of the copies, or what is between them */
};
enum tree_found { TREE_NONE, TREE_BLANK, TREE_FOUND };
/* Looks at both roots. TREE_FOUND: t->state is the newest one's. False: a root cannot be read. */
bool tree_roots(struct disk *, struct tree_root roots[AMP_BTREE_ROOTS], enum tree_found *,
                struct tree_state *);

/* t: disk, state, and who is told; the rest zero. -1: no memory. */
int tree_open(struct tree *);
void tree_close(struct tree *);
/* Reads the map of free pages into t->map, and tells of damage. */
void tree_map_read(struct tree *);
/* All entries; marks what it sees. */
void tree_walk(struct tree *);
/* True: the page is seen for the first time. */
bool tree_mark(struct tree *, uint64_t page);
/* Null, or what is wrong: the page could not be read, or is not the one that the pointer means. */
const char *tree_page_read(struct tree *, struct tree_pointer, uint8_t *page);
/* The entries of a leaf. */
void tree_leaf_tell(struct tree *, const uint8_t *page);

/* Everything: the map, the tree, what both say of each other. */
void tree_check(struct tree *);

/* ---- tree_salvage.c ---- */
struct tree_orphan {
	uint64_t page;
	uint8_t *first; /* key */
	uint32_t first_size;
};
/* After a walk that lost something, and before the one that is to take all there is: looks for leaves that the map calls used and
 * nothing leads to. */
void tree_orphans_find(struct tree *);
/* Takes those of a lost range; tells of each. */
void tree_orphans_take(struct tree *, const struct tree_range *);

/* ---- tree_build.c ---- */
struct tree_entry {
	struct key key;
	const uint8_t *value;
	uint32_t value_size;
};
struct tree_build;
/* Bytes that a store with these takes at least, so far; and `pages` that it is to have. */
struct tree_build *tree_build_new(struct disk *, uint64_t pages); /* null: no memory */
/* Keys come in order. -1 with a defect. */
int tree_build_add(struct tree_build *, const struct tree_entry *, struct defect *);
/* Writes what is left, flushes, then the root, flushes. */
int tree_build_end(struct tree_build *, struct defect *);
void tree_build_free(struct tree_build *);
uint64_t tree_build_pages(const struct tree_build *); /* in use, once it has ended */

#endif
