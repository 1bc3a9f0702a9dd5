/* SPDX-License-Identifier: ISC */
/*
 * Depth first. What a damaged page has hidden is told as a range of keys, and the walk goes on behind it. A page that is reached
 * twice is read once: a forged tree may have more ways than anybody can walk.
 */
#include <stdlib.h>

#include <store/tree.h>

int tree_open(struct tree *t)
{
	uint64_t bytes = t->state.pages / 8 + 1;
	t->seen = calloc(1, bytes);
	t->map = calloc(1, bytes);
	t->value = malloc(AMP_BTREE_VALUE_MAX);
	if (t->seen && t->map && t->value)
		return 0;
	tree_close(t);
	return -1;
}

void tree_close(struct tree *t)
{
	for (uint64_t k = 0; k < t->orphan_count; k++)
		free(t->orphans[k].first);
	free(t->orphans);
	free(t->seen);
	free(t->map);
	free(t->value);
	t->orphans = NULL;
	t->orphan_count = 0;
	t->seen = t->map = t->value = NULL;
}

bool tree_mark(struct tree *t, uint64_t page)
{
	uint8_t bit = (uint8_t)(1u << (page % 8));
	if (page >= t->state.pages || t->seen[page / 8] & bit)
		return false;
	t->seen[page / 8] |= bit;
	t->used_count++;
	return true;
}

const char *tree_page_read(struct tree *t, struct tree_pointer p, uint8_t *page)
{
	if (!disk_read(t->disk, p.page * TREE_PAGE, page, TREE_PAGE))
		return "a page that cannot be read";
	return amp_btree_page_sum(page, p.page) == p.sum ? NULL : "a page whose sum is wrong";
}

/* Null: some of it is not there, which has been told. */
static const uint8_t *value_of(struct tree *t, const struct tree_cell *c)
{
	const struct tree_range one = { c->key, c->key };
	bool whole = true;
	if (c->value)
		return c->value;
	for (uint32_t k = 0; k < tree_value_pages(c->value_size); k++) {
		uint8_t page[TREE_PAGE];
		struct tree_pointer p = tree_pointer_load(c->pointers + AMP_BTREE_POINTER * k);
		uint32_t at = k * TREE_PAGE,
		         n = c->value_size - at < TREE_PAGE ? c->value_size - at : TREE_PAGE;
		const char *flaw = tree_mark(t, p.page) ? tree_page_read(t, p, page)
		                                        : "a page that is pointed to twice";
		if (flaw) {
			t->damage(t->of, p.page, flaw, &one);
			whole = false;
		} else {
			memcpy(t->value + at, page, n);
		}
	}
	return whole ? t->value : NULL;
}

void tree_leaf_tell(struct tree *t, const uint8_t *page)
{
	for (uint32_t k = 0; k < tree_node_count(page); k++) {
		struct tree_cell c = tree_node_cell(page, k);
		t->keys++;
		const uint8_t *value = value_of(t, &c);
		if (t->entry)
			t->entry(t->of, c.key, value, c.value_size);
	}
}

static void lose(struct tree *t, uint64_t page, const char *what, uint32_t level,
                 const struct tree_range *r)
{
	t->lost = true;
	t->damage(t->of, page, what, r);
	if (t->salvage && level)
		tree_orphans_take(t, r);
}

static void visit(struct tree *t, struct tree_pointer p, uint32_t level, const struct tree_range *r)
{
	uint8_t page[TREE_PAGE];
	const char *flaw = tree_mark(t, p.page) ? tree_page_read(t, p, page)
	                                        : "a page that is pointed to twice";
	if (!flaw)
		flaw = tree_node_flaw(page, level, t->state.pages);
	if (!flaw && !tree_node_within(page, r))
		flaw = "a page with keys of another one";
	if (!flaw && !tree_node_count(page) && level != t->state.level)
		flaw = "a leaf with nothing in it";
	if (flaw) {
		lose(t, p.page, flaw, level, r);
		return;
	}
	if (!level) {
		tree_leaf_tell(t, page);
		return;
	}
	for (uint32_t k = 0; k < tree_node_count(page); k++) {
		struct tree_cell c = tree_node_cell(page, k);
		struct tree_range below = *r;
		if (k)
			below.low = c.key;
		if (k + 1 < tree_node_count(page))
			below.high = tree_node_cell(page, k + 1).key;
		visit(t, tree_pointer_load(c.pointers), level - 1, &below);
	}
}

void tree_walk(struct tree *t)
{
	const struct tree_range all = { { NULL, 0 }, { NULL, 0 } };
	visit(t, t->state.root, t->state.level, &all);
}

/* ---- The map ---- */

void tree_map_read(struct tree *t)
{
	uint64_t pages = t->state.pages,
	         count = (pages + AMP_BTREE_MAP_BITS - 1) / AMP_BTREE_MAP_BITS;
	uint8_t dir[TREE_PAGE], page[TREE_PAGE];
	bool dir_good = false;
	t->map_whole = true;
	for (uint64_t k = 0; k < count; k++) {
		const uint64_t in_dir = k % AMP_BTREE_MAP_POINTERS, from = k * TREE_PAGE;
		const char *flaw;
		struct tree_pointer p;
		if (!in_dir) {
			p = t->state.dirs[k / AMP_BTREE_MAP_POINTERS];
			flaw = p.page < AMP_BTREE_ROOTS || !tree_mark(t, p.page)
			               ? "a directory of free pages that is pointed to twice or "
			                 "outside"
			               : tree_page_read(t, p, dir);
			dir_good = !flaw;
			if (flaw)
				t->damage(t->of, p.page, flaw, NULL);
		}
		p = tree_pointer_load(dir + AMP_BTREE_POINTER * in_dir);
		flaw = !dir_good ? ""
		       : p.page < AMP_BTREE_ROOTS || !tree_mark(t, p.page)
		               ? "a map of free pages that is pointed to twice or outside"
		               : tree_page_read(t, p, page);
		if (flaw) {
			if (*flaw)
				t->damage(t->of, p.page, flaw, NULL);
			t->map_whole = false;
			continue;
		}
		uint64_t room = pages / 8 + 1 - from;
		memcpy(t->map + from, page, room < TREE_PAGE ? room : TREE_PAGE);
	}
}
