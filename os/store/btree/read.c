/* SPDX-License-Identifier: ISC */
/* Looking up and walking, in a state that stays: its pages are pinned while they are looked at. */
#include <store/btree/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/heap.h>
#include <core/panic.h>

static void enter(struct btree_snapshot *s, struct btree *t)
{
	s->tree = t;
	s->state = t->state;
	list_append(&t->snapshots, &s->all);
}

static void leave(struct btree_snapshot *s)
{
	list_remove(&s->all);
	btree_map_release(s->tree);
}

int btree_snapshot_open(struct btree *t, struct btree_snapshot **to)
{
	struct btree_snapshot *s = heap_alloc_zero(1, sizeof *s);
	if (!s)
		return ERR_MEMORY;
	enter(s, t);
	*to = s;
	return OK;
}

void btree_snapshot_close(struct btree_snapshot *s)
{
	leave(s);
	heap_free(s);
}

uint64_t btree_snapshot_count(const struct btree_snapshot *s)
{
	return s->state.keys;
}

int btree_cell_value(struct btree *t, const struct cell *c, void *to, uint32_t room)
{
	uint32_t n = c->value_size < room ? c->value_size : room;
	if (c->pointers)
		return btree_value_read(t, c->pointers, c->value_size, to, room);
	if (n)
		memcpy(to, c->value, n);
	return OK;
}

int btree_snapshot_get(struct btree_snapshot *s, const void *key, uint32_t key_size, void *to,
                       uint32_t room, uint32_t *size)
{
	struct btree *t = s->tree;
	struct pointer p = s->state.root;
	for (uint32_t level = s->state.level;; level--) {
		struct btree_node *n;
		int error = btree_cache_get(t, p, level, &n);
		if (error)
			return error;
		if (level) {
			p = btree_node_pointer(n->bytes, btree_node_child(n->bytes, key, key_size));
			btree_cache_unpin(t, n);
			continue;
		}
		bool equal;
		uint32_t at = btree_node_search(n->bytes, key, key_size, &equal);
		error = equal ? OK : ERR_ABSENT;
		if (equal) {
			struct cell c = btree_node_cell(n->bytes, at);
			if (size)
				*size = c.value_size;
			error = btree_cell_value(t, &c, to, room);
		}
		btree_cache_unpin(t, n);
		return error;
	}
}

int btree_get(struct btree *t, const void *key, uint32_t key_size, void *to, uint32_t room,
              uint32_t *size)
{
	struct btree_snapshot s;
	enter(&s, t);
	int error = btree_snapshot_get(&s, key, key_size, to, room, size);
	leave(&s);
	return error;
}

/* ---- Cursors ---- */

void btree_cursor_open(struct btree_cursor *c, struct btree_snapshot *s)
{
	*c = (struct btree_cursor){ .snapshot = s };
}

/* Gives back what is below path[keep - 1]. */
static void cut(struct btree_cursor *c, uint32_t keep)
{
	while (c->depth > keep)
		btree_cache_unpin(c->snapshot->tree, c->path[--c->depth]);
}

void btree_cursor_close(struct btree_cursor *c)
{
	cut(c, 0);
}

enum side { FIRST, LAST, BY_KEY };

/* Goes down from where the path ends to a leaf. */
static int descend(struct btree_cursor *c, enum side side, const void *key, uint32_t key_size)
{
	const struct state *s = &c->snapshot->state;
	for (;;) {
		struct pointer p = s->root;
		uint32_t level = s->level - c->depth;
		if (c->depth)
			p = btree_node_pointer(c->path[c->depth - 1]->bytes, c->at[c->depth - 1]);
		struct btree_node *n;
		int error = btree_cache_get(c->snapshot->tree, p, level, &n);
		if (error) {
			cut(c, 0);
			return error;
		}
		if (!btree_node_count(n->bytes) && c->depth) {
			btree_damaged(c->snapshot->tree, p.page, "a leaf with nothing in it");
			btree_cache_unpin(c->snapshot->tree, n);
			cut(c, 0);
			return ERR_CORRUPT;
		}
		uint32_t count = btree_node_count(n->bytes),
		         at = side == LAST && count ? count - 1 : 0;
		bool equal;
		if (side == BY_KEY)
			at = level ? btree_node_child(n->bytes, key, key_size)
			           : btree_node_search(n->bytes, key, key_size, &equal);
		c->path[c->depth] = n;
		c->at[c->depth++] = at;
		if (!level)
			return OK;
	}
}

/* To the next leaf's first entry, or the one before's last. */
static int step(struct btree_cursor *c, bool forward)
{
	for (uint32_t d = c->depth - 1; d-- > 0;) {
		uint32_t count = btree_node_count(c->path[d]->bytes);
		if (forward ? c->at[d] + 1 >= count : !c->at[d])
			continue;
		c->at[d] += forward ? 1 : UINT32_MAX;
		cut(c, d + 1);
		return descend(c, forward ? FIRST : LAST, NULL, 0);
	}
	cut(c, 0);
	return ERR_ABSENT;
}

static int settle(struct btree_cursor *c)
{
	uint32_t leaf = c->depth - 1;
	return c->at[leaf] < btree_node_count(c->path[leaf]->bytes) ? OK : step(c, true);
}

int btree_cursor_seek(struct btree_cursor *c, const void *key, uint32_t key_size)
{
	cut(c, 0);
	int error = descend(c, key_size ? BY_KEY : FIRST, key, key_size);
	return error ? error : settle(c);
}

int btree_cursor_last(struct btree_cursor *c)
{
	cut(c, 0);
	int error = descend(c, LAST, NULL, 0);
	return error ? error : settle(c); /* only an empty store has an empty leaf */
}

int btree_cursor_next(struct btree_cursor *c)
{
	if (!c->depth)
		return ERR_ABSENT;
	c->at[c->depth - 1]++;
	return settle(c);
}

int btree_cursor_previous(struct btree_cursor *c)
{
	if (!c->depth)
		return ERR_ABSENT;
	if (c->at[c->depth - 1]) {
		c->at[c->depth - 1]--;
		return OK;
	}
	return step(c, false);
}

static struct cell entry(const struct btree_cursor *c)
{
	ensure(c->depth);
	return btree_node_cell(c->path[c->depth - 1]->bytes, c->at[c->depth - 1]);
}

const void *btree_cursor_key(const struct btree_cursor *c, uint32_t *size)
{
	struct cell e = entry(c);
	*size = e.key_size;
	return e.key;
}

uint32_t btree_cursor_value_size(const struct btree_cursor *c)
{
	return entry(c).value_size;
}

int btree_cursor_value(const struct btree_cursor *c, void *to, uint32_t room)
{
	struct cell e = entry(c);
	return btree_cell_value(c->snapshot->tree, &e, to, room);
}
