/* SPDX-License-Identifier: ISC */
/*
 * What a damaged branch leads to is there all the same: the map of free pages says which pages the committed state uses, and of
 * these the walk has not seen its children. Leaves of one state never overlap. Their sums were in the branch, so a leaf is
 * taken by its form alone, and told; the sums of large values are in the leaf.
 */
#include <stdlib.h>

#include <store/tree.h>

static bool bit(const uint8_t *map, uint64_t page)
{
	return map[page / 8] >> (page % 8) & 1;
}

static struct key first_of(const struct tree_orphan *o)
{
	return (struct key){ o->first, o->first_size };
}

static int by_key(const void *a, const void *b)
{
	int order = key_compare(first_of(a), first_of(b));
	const struct tree_orphan *x = a, *y = b;
	return order ? order : (x->page > y->page) - (x->page < y->page);
}

static bool read_leaf(struct tree *t, uint64_t page, uint8_t *to)
{
	return disk_read(t->disk, page * TREE_PAGE, to, TREE_PAGE) &&
	       !tree_node_flaw(to, 0, t->state.pages) && tree_node_count(to);
}

/* A value may look like a leaf: it is none if a leaf points to it. */
static void mark_values(struct tree *t, const uint8_t *leaf, uint8_t *values)
{
	for (uint32_t k = 0; k < tree_node_count(leaf); k++) {
		struct tree_cell c = tree_node_cell(leaf, k);
		for (uint32_t p = 0; c.pointers && p < tree_value_pages(c.value_size); p++) {
			uint64_t page = tree_pointer_load(c.pointers + AMP_BTREE_POINTER * p).page;
			values[page / 8] |= (uint8_t)(1u << (page % 8));
		}
	}
	(void)t;
}

static void add(struct tree *t, uint64_t page, const uint8_t *leaf)
{
	if (!(t->orphan_count & (t->orphan_count - 1))) {
		uint64_t room = t->orphan_count ? 2 * t->orphan_count : 1;
		struct tree_orphan *all = reallocarray(t->orphans, room, sizeof *all);
		if (!all)
			return;
		t->orphans = all;
	}
	struct key first = tree_node_cell(leaf, 0).key;
	uint8_t *copy = malloc(first.size);
	if (!copy)
		return;
	memcpy(copy, first.bytes, first.size);
	t->orphans[t->orphan_count++] = (struct tree_orphan){ page, copy, first.size };
}

void tree_orphans_find(struct tree *t)
{
	uint8_t leaf[TREE_PAGE];
	uint8_t *values = calloc(1, t->state.pages / 8 + 1);
	if (!values)
		return;
	for (int second = 0; second < 2; second++) {
		for (uint64_t page = AMP_BTREE_ROOTS; page < t->state.pages; page++) {
			if (!bit(t->map, page) || bit(t->seen, page) || bit(values, page) ||
			    !read_leaf(t, page, leaf))
				continue;
			if (second)
				add(t, page, leaf);
			else
				mark_values(t, leaf, values);
		}
	}
	free(values);
	if (t->orphan_count)
		qsort(t->orphans, t->orphan_count, sizeof *t->orphans, by_key);
}

void tree_orphans_take(struct tree *t, const struct tree_range *r)
{
	struct tree_range left = *r;
	uint8_t last[AMP_BTREE_KEY_MAX + 1], leaf[TREE_PAGE];
	for (uint64_t k = 0; k < t->orphan_count; k++) {
		const struct tree_orphan *o = &t->orphans[k];
		if (key_compare(first_of(o), left.low) < 0)
			continue;
		if (r->high.bytes && key_compare(first_of(o), r->high) >= 0)
			break;
		if (!read_leaf(t, o->page, leaf) || !tree_node_within(leaf, &left) ||
		    !tree_mark(t, o->page))
			continue;
		const struct tree_range taken = {
			first_of(o), tree_node_cell(leaf, tree_node_count(leaf) - 1).key
		};
		t->damage(t->of, o->page, NULL, &taken);
		/* What comes next is behind its last key: that key and a zero. */
		memcpy(last, taken.high.bytes, taken.high.size);
		last[taken.high.size] = 0;
		left.low = (struct key){ last, taken.high.size + 1 };
		tree_leaf_tell(t, leaf);
	}
}
