/* SPDX-License-Identifier: ISC */
/*
 * Shared by the store's files:
 *
 *   page.c    pointers to pages and their sums, the root's record
 *   node.c    one page of the tree: format, validation, inserting and removing; no I/O
 *   cache.c   pages in memory, read and checked; lru.c a policy
 *   map.c     which pages are free, on the device and for the commit under way
 *   value.c   values too large for a leaf
 *   read.c    looking up, cursors, snapshots
 *   write.c   changes, made on private copies of the path
 *   commit.c  many tasks' changes become one durable state
 *   check.c   everything is looked at
 *   store.c   opening and closing
 */
#ifndef STORE_BTREE_INTERNAL_H
#define STORE_BTREE_INTERNAL_H

#include <ampoule_btree.h>
#include <core/bytes.h>
#include <core/list.h>
#include <core/metric.h>
#include <core/task.h>
#include <store/btree/btree.h>

#define ROOT_PAGES   AMP_BTREE_ROOTS
#define MAP_BITS     AMP_BTREE_MAP_BITS
#define MAP_POINTERS AMP_BTREE_MAP_POINTERS
#define MAP_DIRS     AMP_BTREE_MAP_DIRS
#define CELL_MAX     AMP_BTREE_CELL_MAX /* a page holds three at least */
#define LEVEL_MAX    (BTREE_DEPTH_MAX - 1)
_Static_assert(BTREE_PAGE == AMP_BTREE_PAGE && BTREE_KEY_MAX == AMP_BTREE_KEY_MAX &&
                       BTREE_VALUE_MAX == AMP_BTREE_VALUE_MAX &&
                       BTREE_DEPTH_MAX == AMP_BTREE_LEVELS,
               "the API's sizes are the format's");

/* The place of a page and the sum of its contents, so that a stale, swapped or flipped page is found from its parent. Sum 0,
 * which no page has: a dirty node, in memory only. */
struct pointer {
	uint64_t page, sum;
};

/* The record of a root: a committed state. */
struct state {
	uint64_t pages;                  /* of the device that the store uses */
	uint64_t generation, keys, used; /* used: pages, roots and map included */
	struct pointer root;
	uint32_t level; /* of the root node */
	struct pointer dirs[MAP_DIRS];
};

/* A page of the tree in memory: clean and shared (cache), or dirty and the commit's own. */
struct btree_node {
	struct btree_cached cached; /* page, pins, level */
	struct btree_node *chain;   /* in the table of clean or dirty ones */
	uint8_t *bytes;             /* BTREE_PAGE, aligned to it */
	uint64_t sum;               /* clean: of its bytes */
	bool kept;                  /* known to the policy */
	bool loading;
	int error; /* of loading */
	struct task_queue waiters;
};

struct table {
	struct btree_node **buckets;
	uint32_t size, count;
};

struct value_page { /* of a large value, to be written */
	struct value_page *next;
	uint64_t page;
	uint8_t *bytes;
};

struct pages { /* a list of page numbers */
	uint64_t *all;
	uint32_t count, size;
};

struct pending { /* freed by a commit, but a snapshot needs them */
	struct pending *next;
	uint64_t generation;
	struct pages pages;
};

struct apply { /* one btree_apply that waits */
	struct apply *next;
	const struct btree_change *changes;
	uint32_t count;
	bool done;
	int result;
};

struct btree {
	struct block *block;
	struct btree_options options;
	struct state state; /* committed */
	uint64_t pages;     /* of the device that we use */

	/* The map: a bit a page. next: used by the state under way; busy: by the committed one, or by a snapshot. */
	uint8_t *next, *busy;
	struct pointer *map;   /* where the map's pages are, committed */
	struct pointer *moved; /* and once the commit under way is done */
	uint32_t map_count;
	uint64_t hint;  /* where the search for a free page goes on */
	uint8_t *holes; /* a bit a page: discarded, and not taken since */
	uint64_t
	        trim_at; /* where the look for pages to discard goes on; 0: there is none under way */
	uint64_t trim_freed;           /* pages, since the last one began */
	struct pages allocated, freed; /* by the state under way */

	struct table clean, dirty;
	struct value_page *values;
	struct state work; /* under way */
	int why; /* btree_map_alloc or btree_dirty_new gave nothing: ERR_TOO_BIG, ERR_MEMORY */
	uint64_t kept; /* pages in the policy's hands */

	struct apply *first, *last; /* waiting */
	bool committing;
	int refuses; /* writing is refused with this error: the device's state, or the free pages, are not known */
	uint64_t
	        map_flaw; /* a page of the map that is damaged: all of it is written anew by the next commit; 0: none */
	struct task_queue appliers;

	struct list snapshots;                  /* of btree_snapshot.all, the oldest first */
	struct pending *pending, *pending_last; /* the oldest first */
	struct btree_figures figures;
	struct metric_source metrics;
};
void btree_metrics_add(struct btree *); /* metrics.c */

struct btree_snapshot {
	struct list all;
	struct btree *tree;
	struct state state;
};

/* ---- page.c ---- */
uint64_t btree_page_sum(const uint8_t *page, uint64_t number);
void btree_pointer_store(uint8_t to[16], struct pointer);
struct pointer btree_pointer_load(const uint8_t from[16]);
uint8_t *btree_page_alloc_bytes(void); /* null: no memory */
#define RECORD_SIZE AMP_BTREE_RECORD
void btree_record_write(uint8_t to[RECORD_SIZE], const struct state *);
enum record { RECORD_GOOD, RECORD_BLANK, RECORD_FOREIGN, RECORD_DAMAGED };
enum record btree_record_read(const uint8_t from[RECORD_SIZE], uint64_t device_pages,
                              struct state *);
void btree_damaged(const struct btree *, uint64_t page, const char *what);

/* ---- node.c ---- A node's page: 16 bytes of header, then a u16 for each cell with its place, in the order of keys; the
 * cells lie at the page's end. A leaf's cell is a key and a value or where its pages are; a branch's is the least key of
 * a child (the first: none) and a pointer. */
struct cell {
	const uint8_t *key;
	uint32_t key_size;
	const uint8_t *value;    /* leaf, inline */
	uint32_t value_size;     /* leaf */
	const uint8_t *pointers; /* leaf, large: 16 bytes a page; branch: one */
	const uint8_t *bytes;    /* of the whole cell */
	uint32_t size;
};
void btree_node_init(uint8_t *page, uint8_t level);
/* Checks that every cell lies within the page, that keys are in order, and the level. The flaw in words, or null. */
const char *btree_node_flaw(const uint8_t *page, uint32_t level, uint64_t pages);
uint32_t btree_node_level(const uint8_t *page);
uint32_t btree_node_count(const uint8_t *page);
struct cell btree_node_cell(const uint8_t *page, uint32_t at);
/* The first cell whose key is not less; *equal: it is the same. */
uint32_t btree_node_search(const uint8_t *page, const void *key, uint32_t key_size, bool *equal);
/* The child that has the key. */
uint32_t btree_node_child(const uint8_t *page, const void *key, uint32_t key_size);
uint32_t btree_node_room(const uint8_t *page); /* bytes for one more cell, once it is packed */
uint32_t btree_node_used(const uint8_t *page); /* bytes of cells and their places */
bool btree_node_insert(uint8_t *page, uint32_t at, const uint8_t *cell,
                       uint32_t size); /* false: no room */
void btree_node_remove(uint8_t *page, uint32_t at);
/* As it is written: cells without gaps, in the order of their places. */
void btree_node_pack(uint8_t *page);
void btree_node_set_pointer(uint8_t *page, uint32_t at, struct pointer);
struct pointer btree_node_pointer(const uint8_t *page, uint32_t at);
/* Makes a cell; how many bytes. `to` has CELL_MAX. */
uint32_t btree_cell_branch(uint8_t *to, const void *key, uint32_t key_size, struct pointer);
uint32_t btree_cell_leaf(uint8_t *to, const void *key, uint32_t key_size, const void *value,
                         uint32_t value_size);
uint32_t btree_cell_large(uint8_t *to, const void *key, uint32_t key_size, uint32_t value_size,
                          const uint8_t *pointers);
bool btree_cell_is_large(uint32_t key_size, uint32_t value_size);
static inline uint32_t btree_value_pages(uint32_t size)
{
	return (size + BTREE_PAGE - 1) / BTREE_PAGE;
}
int btree_key_compare(const void *a, uint32_t a_size, const void *b, uint32_t b_size);

/* ---- cache.c ---- */
/* The clean page, pinned; reads it if need be. */
int btree_cache_get(struct btree *, struct pointer, uint32_t level, struct btree_node **);
void btree_cache_unpin(struct btree *, struct btree_node *);
/* A page that has just been written becomes a clean one; takes it over. */
void btree_cache_adopt(struct btree *, struct btree_node *);
bool btree_cache_forget(struct btree *, uint64_t page); /* false: it is pinned */
/* Reads a page of the tree into n->bytes, and looks at it. */
int btree_node_read(struct btree *, struct btree_node *, struct pointer, uint32_t level);
void btree_cache_close(struct btree *);
bool btree_cache_is_valid(const struct btree *); /* for checks */
struct btree_node *btree_node_new(uint64_t page);
void btree_node_free(struct btree_node *);
struct btree_node *btree_table_find(const struct table *, uint64_t page);
bool btree_table_add(struct table *, struct btree_node *);
void btree_table_remove(struct table *, struct btree_node *);

/* ---- map.c ---- */
int btree_map_open(struct btree *);   /* reads it */
int btree_map_create(struct btree *); /* for a blank device */
void btree_map_close(struct btree *);
uint64_t btree_map_alloc(struct btree *); /* 0: the device is full, or no memory */
/* Of the committed state or of this one. ERR_MEMORY; ERR_CORRUPT: it is free. */
int btree_map_free(struct btree *, uint64_t page);
void btree_map_undo(struct btree *);
void btree_map_done(struct btree *); /* the state under way has been committed */
int btree_map_grow(struct btree *,
                   uint64_t pages); /* the device has so many; from the next commit on */
/* After a commit, and before the next: discards some of what is free above where pages are taken. */
void btree_map_trim(struct btree *);
void btree_map_release(struct btree *);                   /* a snapshot has gone */
bool btree_map_used(const struct btree *, uint64_t page); /* by the committed state */
bool btree_map_busy(const struct btree *, uint64_t page); /* by that or by one of a snapshot */
/* Replaces a damaged map: pages that the tree reaches are in use. If not all of the tree can be read, no page is free. */
int btree_map_rebuild(struct btree *);
/* Gives the map's changed pages new places and adds them to what is to be written. */
int btree_map_write(struct btree *);
bool btree_pages_add(struct pages *, uint64_t page);

/* ---- value.c ---- */
int btree_value_write(struct btree *, const uint8_t *value, uint32_t size, uint8_t *pointers);
int btree_value_read(struct btree *, const uint8_t *pointers, uint32_t size, uint8_t *to,
                     uint32_t room);
int btree_value_free(struct btree *, const struct cell *);
/* A buffer that the commit writes to that page. */
struct value_page *btree_value_page_new(struct btree *, uint64_t page);

/* ---- read.c ---- */
int btree_cell_value(struct btree *, const struct cell *, void *to, uint32_t room);

/* ---- write.c ---- */
/* Makes one change in the state under way. After an error that state is to be undone as a whole. */
int btree_change_make(struct btree *, const struct btree_change *);
struct btree_node *
btree_dirty_new(struct btree *,
                uint8_t level); /* an empty node of the state under way; null: no room */

/* ---- check.c ---- */
/* Marks every page that the tree reaches, a bit each, and names damage. *lost: not all of it could be read. */
int btree_check_reach(struct btree *, uint8_t *seen, uint64_t *used, bool *lost);
/* The record of a root's page that is newest, if one is whole; names what is not. *whole: both copies are, and the same. */
enum record btree_check_root(struct btree *, const uint8_t *bytes, uint64_t page,
                             uint64_t device_pages, struct state *, bool *whole, bool *flawed);

/* ---- store.c ---- */
/* For tests and checks: what is in memory, whatever is under way. Nothing is read. */
bool btree_is_valid(const struct btree *);

/* ---- commit.c ---- */
/* Makes the state under way the committed one. */
int btree_commit_write(struct btree *);
/* Both copies of a state's record, not flushed. */
int btree_root_write(struct btree *, const struct state *);
void btree_work_undo(struct btree *);

#endif
