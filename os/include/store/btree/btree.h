/* SPDX-License-Identifier: ISC */
/*
 * An ordered key-value store on a block device, as the paper's append-style B-tree. Nothing that a committed state uses is
 * ever overwritten, and a commit is one sector. All changes that btree_apply has acknowledged are there after any crash; of
 * a call under way, all changes are there or none. On-disk format: docs/btree.md.
 *
 * Calls are for tasks and block. Any number of tasks may read and write at once. Readers see a committed state and never
 * wait for writers. Writers that come together share one commit.
 *
 * Errors: ERR_IO (the device failed), ERR_CORRUPT (data read is not the data written: btree_options.damage has been told
 * where), ERR_MEMORY (nothing has changed), ERR_TOO_BIG (key or value; or the device is full: nothing has changed),
 * ERR_READ_ONLY, ERR_ABSENT (no such key). After an ERR_IO at a commit's last step, or where neither the tree nor the map of free
 * pages can be told from the other, writing is refused with that error until the store is opened anew; reading goes on.
 */
#ifndef STORE_BTREE_H
#define STORE_BTREE_H

#include <stdbool.h>
#include <stdint.h>

#include <store/block.h>

#define BTREE_PAGE      4096u
#define BTREE_KEY_MAX   1024u  /* bytes, at least 1 */
#define BTREE_VALUE_MAX 65536u /* bytes, 0 is fine */

struct btree;
struct btree_snapshot;
struct btree_cached;

/*
 * The application decides which pages stay in memory; nothing is built in. The store calls `used` when a page was read
 * or written, and `gone` when it leaves. It asks `victim` for a page to give up when there is no room. If that is null, the
 * page just read is given up after its use. Only pages whose `pins` is zero may go.
 */
struct btree_cached {
	struct btree_cached *newer, *older; /* the policy's, for lists */
	uint64_t page;
	uint32_t pins;
	uint8_t level; /* 0: a leaf; branches are read more often the higher they are */
	uint8_t mark;  /* the policy's */
};
struct btree_policy {
	void (*used)(void *of, struct btree_cached *);
	void (*gone)(void *of, struct btree_cached *);
	struct btree_cached *(*victim)(void *of);
};
/* Least recently used goes first; `of` is a struct btree_lru of zeroes. */
struct btree_lru {
	struct btree_cached *newest, *oldest;
};
extern const struct btree_policy btree_policy_lru;

struct btree_options {
	const struct btree_policy *policy; /* null: no page is kept */
	void *policy_of;
	uint64_t cache; /* bytes of pages kept */
	bool create;    /* a blank device (its first page is zero) becomes an empty store */
	/* Told of damage: the page on the device, and what it was taken for. May be null. */
	void (*damage)(void *of, uint64_t page, const char *what);
	void *damage_of;
};

/* ERR_ABSENT: the device is blank, and create is false. ERR_MALFORMED: it holds something else. ERR_TOO_BIG: it is
 * smaller than 64 KiB, or than the store on it, which the log then says with both sizes. A device that has grown is used up
 * to its end. Pages are taken from its begin, as far as twice what is in use, or 16 MiB more; above that, what becomes free
 * is discarded after commits. */
int btree_open(struct btree **, struct block *, const struct btree_options *);
/* No task may be inside a call. Open snapshots and cursors become invalid. Nothing has to be written. */
void btree_close(struct btree *);

/* ---- Writing ---- */

struct btree_change {
	const void *key;
	const void *value; /* null: the key is deleted, if it is there */
	uint32_t key_size, value_size;
};
/* Makes all of the changes, in order, or none. They are durable when it returns OK. */
int btree_apply(struct btree *, const struct btree_change *, uint32_t count);
int btree_put(struct btree *, const void *key, uint32_t key_size, const void *value,
              uint32_t value_size);
int btree_delete(struct btree *, const void *key,
                 uint32_t key_size); /* OK where it is not there, too */

/* ---- Reading ---- */

/* Reads from the last committed state. Copies at most `room` bytes of the value; *size becomes the value's size (may be null). */
int btree_get(struct btree *, const void *key, uint32_t key_size, void *to, uint32_t room,
              uint32_t *size);

/* A committed state that stays as it is. Its pages are not reused while it is open. ERR_MEMORY. */
int btree_snapshot_open(struct btree *, struct btree_snapshot **);
void btree_snapshot_close(struct btree_snapshot *);
int btree_snapshot_get(struct btree_snapshot *, const void *key, uint32_t key_size, void *to,
                       uint32_t room, uint32_t *size);
uint64_t btree_snapshot_count(const struct btree_snapshot *); /* of keys */

/* Walks a snapshot in the order of keys (bytes compared unsigned; a prefix comes first). */
#define BTREE_DEPTH_MAX 24u
struct btree_cursor {
	struct btree_snapshot *snapshot;
	struct btree_node *path[BTREE_DEPTH_MAX]; /* pinned, from the root on */
	uint32_t at[BTREE_DEPTH_MAX];
	uint32_t depth; /* 0: not on an entry */
};
void btree_cursor_open(struct btree_cursor *, struct btree_snapshot *);
void btree_cursor_close(struct btree_cursor *);
/* Moves to the first key >= the one given (size 0: the first of all). ERR_ABSENT: there is none. */
int btree_cursor_seek(struct btree_cursor *, const void *key, uint32_t key_size);
int btree_cursor_last(struct btree_cursor *);
int btree_cursor_next(struct btree_cursor *); /* ERR_ABSENT: it was on the last one */
int btree_cursor_previous(struct btree_cursor *);
/* The entry it is on. The key stays valid until the cursor moves. */
const void *btree_cursor_key(const struct btree_cursor *, uint32_t *size);
uint32_t btree_cursor_value_size(const struct btree_cursor *);
int btree_cursor_value(const struct btree_cursor *, void *to, uint32_t room);

/* ---- Looking ---- */

struct btree_figures {
	uint64_t generation; /* commits since it was created */
	uint64_t keys;
	uint64_t pages, pages_used; /* of the device; by the committed state */
	uint32_t depth;
	uint64_t commits, changes; /* since it was opened: commits may hold changes of many tasks */
	uint64_t reads, hits, pages_written; /* of pages */
	uint64_t cached;                     /* pages */
};
void btree_figures(const struct btree *, struct btree_figures *);

/* Reads everything that the committed state consists of, and compares the free pages with it. It reports all damage to
 * options.damage. OK: there is none; else ERR_CORRUPT. */
int btree_check(struct btree *);

#endif
