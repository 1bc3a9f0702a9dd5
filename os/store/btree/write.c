/* SPDX-License-Identifier: ISC */
/*
 * Changes. Every node on the way from the root is first copied to a page of its own (once a
 * commit); the copies are in the table of dirty ones, and no reader sees them. A pointer to a
 * dirty node has its page, and a sum only when it is written.
 */
#include <store/btree/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/heap.h>

#define PAYLOAD (BTREE_PAGE - 16u) /* of cells and their places */
#define FEW     (BTREE_PAGE / 4)   /* a node with less is joined with one beside it, if both fit */

struct path {
	struct btree_node *node[BTREE_DEPTH_MAX]; /* by level, all dirty */
	uint32_t at[BTREE_DEPTH_MAX];             /* the child that was taken */
};

struct btree_node *btree_dirty_new(struct btree *t, uint8_t level)
{
	uint64_t page = btree_map_alloc(t);
	if (!page)
		return NULL;
	struct btree_node *n = btree_node_new(page);
	t->why = ERR_MEMORY;
	if (!n)
		return NULL;
	btree_node_init(n->bytes, level);
	n->cached.level = level;
	if (btree_table_add(&t->dirty, n))
		return n;
	btree_node_free(n);
	return NULL;
}

/* The node of the state under way, dirty or not; given back by put(). */
static int get(struct btree *t, struct pointer p, uint32_t level, struct btree_node **to)
{
	*to = btree_table_find(&t->dirty, p.page);
	return *to ? OK : btree_cache_get(t, p, level, to);
}

static void put(struct btree *t, struct btree_node *n)
{
	if (n->cached.pins)
		btree_cache_unpin(t, n);
}

/* A private copy, which takes the place of the one that the state had. */
static int get_dirty(struct btree *t, struct pointer p, uint32_t level, struct btree_node **to)
{
	struct btree_node *old, *n;
	int error = get(t, p, level, &old);
	if (error || !old->cached.pins) {
		*to = old;
		return error;
	}
	n = btree_dirty_new(t, (uint8_t)level);
	if (n)
		memcpy(n->bytes, old->bytes, BTREE_PAGE);
	put(t, old);
	if (!n)
		return t->why;
	*to = n;
	return btree_map_free(t, p.page);
}

static int node_discard(struct btree *t, struct btree_node *n)
{
	uint64_t page = n->cached.page;
	btree_table_remove(&t->dirty, n);
	btree_node_free(n);
	return btree_map_free(t, page);
}

static int descend(struct btree *t, const void *key, uint32_t key_size, struct path *path)
{
	struct pointer p = t->work.root;
	for (uint32_t level = t->work.level;; level--) {
		struct btree_node *n;
		int error = get_dirty(t, p, level, &n);
		if (error)
			return error;
		path->node[level] = n;
		if (level == t->work.level)
			t->work.root = (struct pointer){ n->cached.page, 0 };
		else
			btree_node_set_pointer(path->node[level + 1]->bytes, path->at[level + 1],
			                       (struct pointer){ n->cached.page, 0 });
		if (!level)
			return OK;
		path->at[level] = btree_node_child(n->bytes, key, key_size);
		p = btree_node_pointer(n->bytes, path->at[level]);
	}
}

/* Is the key there, in the state under way? Nothing is copied. */
static int lookup(struct btree *t, const void *key, uint32_t key_size)
{
	struct pointer p = t->work.root;
	for (uint32_t level = t->work.level;; level--) {
		struct btree_node *n;
		int error = get(t, p, level, &n);
		if (error)
			return error;
		bool equal = false;
		if (level)
			p = btree_node_pointer(n->bytes, btree_node_child(n->bytes, key, key_size));
		else
			btree_node_search(n->bytes, key, key_size, &equal);
		put(t, n);
		if (!level)
			return equal ? OK : ERR_ABSENT;
	}
}

/* ---- Putting ---- */

/* Appends a cell; there is room. In a branch the first has no key. */
static void append(uint8_t *page, const uint8_t *cell, uint32_t size)
{
	btree_node_insert(page, btree_node_count(page), cell, size);
}

static void append_first(uint8_t *page, const struct cell *c)
{
	uint8_t bytes[CELL_MAX];
	if (btree_node_level(page))
		append(page, bytes,
		       btree_cell_branch(bytes, "", 0, btree_pointer_load(c->pointers)));
	else
		append(page, c->bytes, c->size);
}

/* How many bytes of b tell it from a, which is less. */
static uint32_t shortest(const struct cell *a, const struct cell *b)
{
	uint32_t n = 0;
	while (n < a->key_size && n < b->key_size && a->key[n] == b->key[n])
		n++;
	return n + 1;
}

/* Shares a node's cells and one more, which goes to `at`, with a new node to its right. The key
 * that tells them apart comes in `key`; 0: no room. */
static uint32_t split(struct btree *t, struct btree_node *left, uint32_t at, const uint8_t *cell,
                      uint32_t size, uint8_t *key, struct btree_node **to)
{
	uint8_t level = (uint8_t)btree_node_level(left->bytes);
	struct btree_node *right = btree_dirty_new(t, level);
	uint8_t old[BTREE_PAGE], one[BTREE_PAGE];
	if (!right)
		return 0;
	memcpy(old, left->bytes, BTREE_PAGE);
	uint32_t count = btree_node_count(old), total = btree_node_used(old) + size + 2, filled = 0,
	         key_size = 0;
	btree_node_init(left->bytes, level);
	btree_node_init(
	        one,
	        level); /* the new cell in a page of its own, to be looked at like the others */
	append(one, cell, size);
	struct cell before = { .key_size = 0 };
	for (uint32_t k = 0; k <= count; k++) {
		struct cell c = k == at ? btree_node_cell(one, 0)
		                        : btree_node_cell(old, k < at ? k : k - 1);
		/* Keys that come in order leave full nodes behind. */
		bool go_left = at == count ? k < count
		                           : filled + c.size + 2 <= PAYLOAD && filled < total / 2;
		if (key_size)
			go_left = false;
		if (go_left) {
			append(left->bytes, c.bytes, c.size);
			filled += c.size + 2;
			before = c;
			continue;
		}
		if (!key_size) {
			key_size = level ? c.key_size : shortest(&before, &c);
			memcpy(key, c.key, key_size);
			append_first(right->bytes, &c);
		} else {
			append(right->bytes, c.bytes, c.size);
		}
	}
	*to = right;
	return key_size;
}

static int insert(struct btree *t, struct path *path, uint32_t at, const uint8_t *cell,
                  uint32_t size)
{
	uint8_t key[BTREE_KEY_MAX], next[CELL_MAX];
	for (uint32_t level = 0;; level++) {
		struct btree_node *n = path->node[level], *right, *root;
		if (btree_node_insert(n->bytes, at, cell, size))
			return OK;
		uint32_t key_size = split(t, n, at, cell, size, key, &right);
		if (!key_size)
			return t->why;
		size = btree_cell_branch(next, key, key_size,
		                         (struct pointer){ right->cached.page, 0 });
		cell = next;
		if (level < t->work.level) {
			at = path->at[level + 1] + 1;
			continue;
		}
		if (level == LEVEL_MAX)
			return ERR_TOO_BIG;
		root = btree_dirty_new(t, (uint8_t)(level + 1));
		if (!root)
			return t->why;
		uint8_t first[CELL_MAX];
		append(root->bytes, first,
		       btree_cell_branch(first, "", 0, (struct pointer){ n->cached.page, 0 }));
		append(root->bytes, cell, size);
		t->work.root = (struct pointer){ root->cached.page, 0 };
		t->work.level++;
		return OK;
	}
}

static int change_put(struct btree *t, const struct btree_change *c)
{
	struct path path;
	uint8_t cell[CELL_MAX], pointers[16 * (BTREE_VALUE_MAX / BTREE_PAGE)];
	uint32_t size;
	int error = descend(t, c->key, c->key_size, &path);
	if (error)
		return error;
	if (btree_cell_is_large(c->key_size, c->value_size)) {
		error = btree_value_write(t, c->value, c->value_size, pointers);
		if (error)
			return error;
		size = btree_cell_large(cell, c->key, c->key_size, c->value_size, pointers);
	} else {
		size = btree_cell_leaf(cell, c->key, c->key_size, c->value, c->value_size);
	}
	uint8_t *leaf = path.node[0]->bytes;
	bool equal;
	uint32_t at = btree_node_search(leaf, c->key, c->key_size, &equal);
	if (equal) {
		struct cell old = btree_node_cell(leaf, at);
		error = btree_value_free(t, &old);
		if (error)
			return error;
		btree_node_remove(leaf, at);
	}
	t->work.keys += !equal;
	return insert(t, &path, at, cell, size);
}

/* ---- Deleting ---- */

/* Takes a child out of a branch; the new first one has no key. */
static void remove_child(uint8_t *page, uint32_t at)
{
	btree_node_remove(page, at);
	if (at || !btree_node_count(page))
		return;
	struct cell c = btree_node_cell(page, 0);
	uint8_t cell[CELL_MAX];
	uint32_t size = btree_cell_branch(cell, "", 0, btree_pointer_load(c.pointers));
	btree_node_remove(page, 0);
	btree_node_insert(page, 0, cell, size);
}

/* Joins children at and at + 1 of a branch, if they fit into one. 1: done. */
static int join(struct btree *t, struct btree_node *parent, uint32_t at, uint32_t level)
{
	struct cell between = btree_node_cell(parent->bytes, at + 1);
	struct btree_node *left, *right;
	int error = get(t, btree_node_pointer(parent->bytes, at + 1), level, &right);
	if (error)
		return error;
	error = get(t, btree_node_pointer(parent->bytes, at), level, &left);
	if (error) {
		put(t, right);
		return error;
	}
	bool fits = btree_node_used(left->bytes) + btree_node_used(right->bytes) +
	                    (level ? between.key_size : 0) <=
	            PAYLOAD;
	put(t, left);
	put(t, right);
	if (!fits)
		return 0;
	struct pointer l = btree_node_pointer(parent->bytes, at),
	               r = btree_node_pointer(parent->bytes, at + 1);
	error = get_dirty(t, l, level, &left);
	if (error)
		return error;
	btree_node_set_pointer(parent->bytes, at, (struct pointer){ left->cached.page, 0 });
	error = get_dirty(t, r, level, &right);
	if (error)
		return error;
	for (uint32_t k = 0; k < btree_node_count(right->bytes); k++) {
		struct cell c = btree_node_cell(right->bytes, k);
		uint8_t cell[CELL_MAX];
		if (level && !k)
			append(left->bytes, cell,
			       btree_cell_branch(cell, between.key, between.key_size,
			                         btree_pointer_load(c.pointers)));
		else
			append(left->bytes, c.bytes, c.size);
	}
	remove_child(parent->bytes, at + 1);
	error = node_discard(t, right);
	return error ? error : 1;
}

/* A node has become smaller: it may go, or join one beside it; and so on upwards. */
static int shrink(struct btree *t, struct path *path)
{
	for (uint32_t level = 0; level < t->work.level; level++) {
		struct btree_node *n = path->node[level], *parent = path->node[level + 1];
		uint32_t at = path->at[level + 1];
		int result = 0;
		if (!btree_node_count(n->bytes)) {
			remove_child(parent->bytes, at);
			result = node_discard(t, n);
			if (result)
				return result;
			continue;
		}
		if (btree_node_used(n->bytes) >= FEW)
			break;
		if (at + 1 < btree_node_count(parent->bytes))
			result = join(t, parent, at, level);
		if (!result && at)
			result = join(t, parent, at - 1, level);
		if (result < 0)
			return result;
		if (!result)
			break;
	}
	/* A root with a single child, or none, is one level too many. */
	while (t->work.level) {
		struct btree_node *root = btree_table_find(&t->dirty, t->work.root.page);
		if (!root || btree_node_count(root->bytes) > 1)
			return OK;
		if (!btree_node_count(root->bytes)) { /* all children have gone */
			btree_node_init(root->bytes, 0);
			root->cached.level = 0;
			t->work.level = 0;
			return OK;
		}
		t->work.root = btree_node_pointer(root->bytes, 0);
		t->work.level--;
		int error = node_discard(t, root);
		if (error)
			return error;
	}
	return OK;
}

static int change_delete(struct btree *t, const struct btree_change *c)
{
	struct path path;
	bool equal;
	int error = lookup(t, c->key, c->key_size);
	if (error)
		return error == ERR_ABSENT ? OK : error;
	error = descend(t, c->key, c->key_size, &path);
	if (error)
		return error;
	uint8_t *leaf = path.node[0]->bytes;
	uint32_t at = btree_node_search(leaf, c->key, c->key_size, &equal);
	struct cell old = btree_node_cell(leaf, at);
	error = btree_value_free(t, &old);
	if (error)
		return error;
	btree_node_remove(leaf, at);
	t->work.keys--;
	return shrink(t, &path);
}

int btree_change_make(struct btree *t, const struct btree_change *c)
{
	return c->value ? change_put(t, c) : change_delete(t, c);
}
