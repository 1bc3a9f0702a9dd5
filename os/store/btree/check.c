/* SPDX-License-Identifier: ISC */
/*
 * Everything that the committed state consists of is read once: a reached page is marked, and has
 * to be what the map says. Damage does not stop it: the rest is looked at all the same.
 */
#include <store/btree/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/heap.h>

struct check {
	struct btree *tree;
	uint8_t *seen; /* a bit a page */
	uint64_t keys, used;
	bool lost; /* something could not be looked at: counts mean nothing */
	int result;
};

static void wrong(struct check *c, uint64_t page, const char *what)
{
	btree_damaged(c->tree, page, what);
	c->result = ERR_CORRUPT;
}

/* True: it is seen for the first time. */
static bool mark(struct check *c, uint64_t page, const char *twice)
{
	if (page >= c->tree->pages)
		return false;
	if (c->seen[page / 8] >> (page % 8) & 1) {
		wrong(c, page, twice);
		return false;
	}
	c->seen[page / 8] |= (uint8_t)(1u << (page % 8));
	c->used++;
	return true;
}

static void look_at_value(struct check *c, const struct cell *e)
{
	uint8_t byte;
	for (uint32_t k = 0; k < btree_value_pages(e->value_size); k++) {
		if (!mark(c, btree_pointer_load(e->pointers + 16 * k).page,
		          "a page that two entries use"))
			c->lost = true;
		/* Each by itself, so that each one that is damaged is named. */
		if (btree_value_read(c->tree, e->pointers + 16 * k, BTREE_PAGE, &byte, 1))
			c->result = ERR_CORRUPT;
	}
}

static void look_at_leaf(struct check *c, const uint8_t *page)
{
	c->keys += btree_node_count(page);
	for (uint32_t k = 0; k < btree_node_count(page); k++) {
		struct cell e = btree_node_cell(page, k);
		if (e.pointers)
			look_at_value(c, &e);
	}
}

/* Are all keys of a node in [low, high)? A branch's first says nothing. */
static bool within(const uint8_t *page, uint32_t level, const struct cell *low,
                   const struct cell *high)
{
	uint32_t count = btree_node_count(page), first = level ? 1 : 0;
	if (count <= first)
		return true;
	struct cell a = btree_node_cell(page, first), b = btree_node_cell(page, count - 1);
	return (!low || btree_key_compare(low->key, low->key_size, a.key, a.key_size) <= 0) &&
	       (!high || btree_key_compare(b.key, b.key_size, high->key, high->key_size) < 0);
}

/* From the device, whatever is in memory. */
static int node_anew(struct btree *t, struct pointer p, uint32_t level, struct btree_node **to)
{
	struct btree_node *n = btree_node_new(p.page);
	int error = n ? btree_node_read(t, n, p, level) : ERR_MEMORY;
	if (error && n)
		btree_node_free(n);
	*to = n;
	return error;
}

/* Depth first; the path's nodes stay, so that bounds can be taken from them. */
static void look_at_tree(struct check *c)
{
	struct btree *t = c->tree;
	struct btree_node *path[BTREE_DEPTH_MAX];
	struct cell low[BTREE_DEPTH_MAX], high[BTREE_DEPTH_MAX];
	bool has_low[BTREE_DEPTH_MAX] = { false }, has_high[BTREE_DEPTH_MAX] = { false };
	uint32_t at[BTREE_DEPTH_MAX] = { 0 }, depth = 0, top = t->state.level;
	struct pointer p = t->state.root;
	for (bool down = true;;) {
		uint32_t level = top - depth;
		if (down) {
			/* A page that is reached twice is read once: a forged tree may have more ways
			 * than can be walked. */
			int error = mark(c, p.page, "a page that two nodes point to")
			                    ? node_anew(t, p, level, &path[depth])
			                    : ERR_CORRUPT;
			if (error) {
				c->result = error == ERR_MEMORY ? error : ERR_CORRUPT;
				c->lost = true;
			} else {
				const uint8_t *bytes = path[depth]->bytes;
				if (!btree_node_count(bytes) && depth)
					wrong(c, p.page, "a leaf with nothing in it");
				if (!within(bytes, level, has_low[depth] ? &low[depth] : NULL,
				            has_high[depth] ? &high[depth] : NULL))
					wrong(c, p.page, "a page with keys of another one");
				at[depth] = 0;
				if (level) {
					depth++;
					goto child;
				}
				look_at_leaf(c, bytes);
				btree_node_free(path[depth]);
			}
		}
		if (!depth)
			return;
		at[depth - 1]++;
child:
		if (at[depth - 1] >= btree_node_count(path[depth - 1]->bytes)) {
			btree_node_free(path[--depth]);
			down = false;
			continue;
		}
		const uint8_t *parent = path[depth - 1]->bytes;
		p = btree_node_pointer(parent, at[depth - 1]);
		has_low[depth] = has_low[depth - 1];
		low[depth] = low[depth - 1];
		has_high[depth] = has_high[depth - 1];
		high[depth] = high[depth - 1];
		if (at[depth - 1]) {
			low[depth] = btree_node_cell(parent, at[depth - 1]);
			has_low[depth] = true;
		}
		if (at[depth - 1] + 1 < btree_node_count(parent)) {
			high[depth] = btree_node_cell(parent, at[depth - 1] + 1);
			has_high[depth] = true;
		}
		down = true;
	}
}

/* Reads the pages of the map from the device again: the copies in memory were right when the store
 * was opened. */
static void look_at_map(struct check *c)
{
	struct btree *t = c->tree;
	uint8_t byte, pointer[16];
	if (t->map_flaw) {
		wrong(c, t->map_flaw, "a map of free pages, which the next commit writes anew");
		return;
	}
	for (uint32_t k = 0; k < t->map_count; k++) {
		if (!t->map[k].page) /* of a device that has grown: the next commit writes it */
			break;
		if (k % MAP_POINTERS == 0) {
			btree_pointer_store(pointer, t->state.dirs[k / MAP_POINTERS]);
			mark(c, t->state.dirs[k / MAP_POINTERS].page,
			     "a page of the map that is used twice");
			if (btree_value_read(t, pointer, BTREE_PAGE, &byte, 1))
				c->result = ERR_CORRUPT;
		}
		btree_pointer_store(pointer, t->map[k]);
		mark(c, t->map[k].page, "a page of the map that is used twice");
		if (btree_value_read(t, pointer, BTREE_PAGE, &byte, 1))
			c->result = ERR_CORRUPT;
	}
}

int btree_check_reach(struct btree *t, uint8_t *seen, uint64_t *used, bool *lost)
{
	struct check c = { .tree = t, .seen = seen, .result = OK };
	look_at_tree(&c);
	*used = c.used;
	*lost = c.lost;
	return c.result;
}

/* ---- Roots ---- */

static const uint32_t copies[2] = { 0, BTREE_PAGE - RECORD_SIZE };

enum record btree_check_root(struct btree *t, const uint8_t *bytes, uint64_t page,
                             uint64_t device_pages, struct state *s, bool *whole, bool *flawed)
{
	enum record found[2], worst = RECORD_BLANK;
	struct state copy[2];
	uint8_t any = 0;
	for (uint32_t k = 0; k < 2; k++) {
		found[k] = btree_record_read(bytes + copies[k], device_pages, &copy[k]);
		if (found[k] == RECORD_DAMAGED)
			btree_damaged(t, page,
			              k ? "the second copy of a root" : "the first copy of a root");
		worst = found[k] > worst ? found[k] : worst;
	}
	for (uint32_t k = RECORD_SIZE; k < copies[1]; k++)
		any |= bytes[k];
	*flawed = any || found[0] == RECORD_DAMAGED || found[1] == RECORD_DAMAGED;
	if (any)
		btree_damaged(t, page, "the room between a root's copies");
	bool both = found[0] == RECORD_GOOD && found[1] == RECORD_GOOD;
	*whole = both && copy[0].generation == copy[1].generation && !any;
	if (!both && found[0] != RECORD_GOOD && found[1] != RECORD_GOOD)
		return worst;
	*s = copy[both ? copy[1].generation > copy[0].generation : found[0] != RECORD_GOOD];
	return RECORD_GOOD;
}

static void look_at_roots(struct check *c)
{
	struct btree *t = c->tree;
	uint8_t *page = btree_page_alloc_bytes();
	if (!page) {
		c->result = ERR_MEMORY;
		return;
	}
	for (uint64_t p = 0; p < ROOT_PAGES; p++) {
		struct state s;
		bool whole, flawed, current = p == (t->state.generation & 1);
		int error = block_read(t->block, p * BTREE_PAGE, page, BTREE_PAGE);
		if (error) {
			wrong(c, p, "a page that cannot be read");
			continue;
		}
		enum record found = btree_check_root(t, page, p, t->block->size / BTREE_PAGE, &s,
		                                     &whole, &flawed);
		if (found == RECORD_FOREIGN || flawed)
			c->result = ERR_CORRUPT;
		if (current && (!whole || s.generation != t->state.generation))
			wrong(c, p, "a root that is not the one in use");
	}
	heap_free(page);
}

int btree_check(struct btree *t)
{
	struct check c = { .tree = t, .result = OK };
	while (t->committing)
		task_wait(&t->appliers, UINT64_MAX);
	t->committing = true; /* no task writes meanwhile */
	c.seen = heap_alloc_zero(t->map_count, BTREE_PAGE);
	if (!c.seen)
		c.result = ERR_MEMORY;
	if (!c.result) {
		mark(&c, 0, "");
		mark(&c, 1, "");
		look_at_roots(&c);
		look_at_map(&c);
		look_at_tree(&c);
		for (uint64_t page = 0; page < t->pages && !c.lost && !t->map_flaw; page++) {
			bool seen = c.seen[page / 8] >> (page % 8) & 1;
			if (seen && !btree_map_used(t, page))
				wrong(&c, page, "a page in use that the map calls free");
			else if (!seen && btree_map_used(t, page))
				wrong(&c, page,
				      "a page that nothing uses and the map does not call free");
		}
		if (!c.lost && c.keys != t->state.keys)
			wrong(&c, 0, "a root that counts other keys");
		if (!c.lost && !t->map_flaw && c.used != t->state.used)
			wrong(&c, 0, "a root that counts other pages");
	}
	heap_free(c.seen);
	t->committing = false;
	task_wake_all(&t->appliers);
	return c.result;
}
