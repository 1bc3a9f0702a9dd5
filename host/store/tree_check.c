/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include <store/tree.h>

static bool bit(const uint8_t *map, uint64_t page)
{
	return map[page / 8] >> (page % 8) & 1;
}

/* What map and tree say of each other, a run of pages at a time. */
static void compare(struct tree *t)
{
	for (uint64_t page = 0, end; page < t->state.pages; page = end) {
		bool seen = bit(t->seen, page);
		char what[160];
		end = page + 1;
		if (seen == bit(t->map, page))
			continue;
		while (end < t->state.pages && bit(t->seen, end) == seen &&
		       bit(t->map, end) != seen)
			end++;
		const char *wrong = seen ? "in use, and the map calls it free"
		                         : "of no use, and the map does not call it free";
		if (end - page > 1)
			snprintf(what, sizeof what, "a page %s, like the %llu behind it", wrong,
			         (unsigned long long)(end - page - 1));
		else
			snprintf(what, sizeof what, "a page %s", wrong);
		t->damage(t->of, page, what, NULL);
	}
}

void tree_check(struct tree *t)
{
	uint64_t root = t->state.generation % AMP_BTREE_ROOTS;
	char what[160];
	for (uint64_t k = 0; k < AMP_BTREE_ROOTS; k++)
		tree_mark(t, k);
	tree_map_read(t);
	tree_walk(t);
	if (t->lost)
		return;
	if (t->map_whole)
		compare(t);
	if (t->keys != t->state.keys) {
		snprintf(what, sizeof what, "a root that counts %llu keys: there are %llu",
		         (unsigned long long)t->state.keys, (unsigned long long)t->keys);
		t->damage(t->of, root, what, NULL);
	}
	if (t->map_whole && t->used_count != t->state.used) {
		snprintf(what, sizeof what, "a root that counts %llu pages in use: there are %llu",
		         (unsigned long long)t->state.used, (unsigned long long)t->used_count);
		t->damage(t->of, root, what, NULL);
	}
}
