/* SPDX-License-Identifier: ISC */
#include <store/tree.h>

_Static_assert(AMP_BTREE_LEAF_HEAD + AMP_BTREE_KEY_MAX +
                               AMP_BTREE_VALUE_MAX / TREE_PAGE * AMP_BTREE_POINTER <=
                       AMP_BTREE_CELL_MAX,
               "the largest cell is one");

struct tree_pointer tree_pointer_load(const uint8_t *from)
{
	return (struct tree_pointer){ load_u64(from), load_u64(from + 8) };
}

void tree_pointer_store(uint8_t *to, struct tree_pointer p)
{
	store_u64(to, p.page);
	store_u64(to + 8, p.sum);
}

/* ---- Roots ---- */

static bool is_zero(const uint8_t *bytes, uint32_t size)
{
	uint8_t any = 0;
	for (uint32_t k = 0; k < size; k++)
		any |= bytes[k];
	return !any;
}

enum tree_record tree_record_read(const uint8_t *r, uint64_t pages, struct tree_state *s)
{
	if (is_zero(r, AMP_BTREE_RECORD))
		return RECORD_BLANK;
	bool good = load_u64(r + AMP_BTREE_AT_SUM) == amp_btree_record_sum(r);
	if (memcmp(r + AMP_BTREE_AT_MAGIC, AMP_BTREE_MAGIC, 8) != 0)
		return good ? RECORD_FOREIGN : RECORD_DAMAGED;
	if (!good)
		return RECORD_DAMAGED;
	if (load_u32(r + AMP_BTREE_AT_VERSION) != AMP_BTREE_VERSION ||
	    load_u32(r + AMP_BTREE_AT_PAGE_SIZE) != TREE_PAGE)
		return RECORD_FOREIGN;
	*s = (struct tree_state){ .pages = load_u64(r + AMP_BTREE_AT_PAGES),
		                  .generation = load_u64(r + AMP_BTREE_AT_GENERATION),
		                  .keys = load_u64(r + AMP_BTREE_AT_KEYS),
		                  .used = load_u64(r + AMP_BTREE_AT_USED),
		                  .root = tree_pointer_load(r + AMP_BTREE_AT_ROOT),
		                  .level = load_u32(r + AMP_BTREE_AT_LEVEL) };
	for (uint32_t k = 0; k < AMP_BTREE_MAP_DIRS; k++)
		s->dirs[k] = tree_pointer_load(r + AMP_BTREE_AT_DIRS + k * AMP_BTREE_POINTER);
	return s->pages <= pages && s->pages <= AMP_BTREE_PAGES_MAX &&
	                       s->level < AMP_BTREE_LEVELS && s->root.page >= AMP_BTREE_ROOTS &&
	                       s->root.page < s->pages
	               ? RECORD_GOOD
	               : RECORD_DAMAGED;
}

void tree_record_write(uint8_t *r, const struct tree_state *s)
{
	memset(r, 0, AMP_BTREE_RECORD);
	memcpy(r + AMP_BTREE_AT_MAGIC, AMP_BTREE_MAGIC, 8);
	store_u32(r + AMP_BTREE_AT_VERSION, AMP_BTREE_VERSION);
	store_u32(r + AMP_BTREE_AT_PAGE_SIZE, TREE_PAGE);
	store_u64(r + AMP_BTREE_AT_PAGES, s->pages);
	store_u64(r + AMP_BTREE_AT_GENERATION, s->generation);
	store_u64(r + AMP_BTREE_AT_KEYS, s->keys);
	store_u64(r + AMP_BTREE_AT_USED, s->used);
	tree_pointer_store(r + AMP_BTREE_AT_ROOT, s->root);
	store_u32(r + AMP_BTREE_AT_LEVEL, s->level);
	for (uint32_t k = 0; k < AMP_BTREE_MAP_DIRS; k++)
		tree_pointer_store(r + AMP_BTREE_AT_DIRS + k * AMP_BTREE_POINTER, s->dirs[k]);
	store_u64(r + AMP_BTREE_AT_SUM, amp_btree_record_sum(r));
}

void tree_root_write(uint8_t *page, const struct tree_state *s)
{
	memset(page, 0, TREE_PAGE);
	tree_record_write(page, s);
	tree_record_write(page + TREE_PAGE - AMP_BTREE_RECORD, s);
}

static void look_at_root(const uint8_t *page, uint64_t number, struct tree_root *root)
{
	const uint32_t at[2] = { 0, TREE_PAGE - AMP_BTREE_RECORD };
	enum tree_record found[2];
	struct tree_state copy[2];
	for (uint32_t k = 0; k < 2; k++) {
		found[k] = tree_record_read(page + at[k], AMP_BTREE_PAGES_MAX, &copy[k]);
		if (found[k] == RECORD_GOOD && copy[k].generation % AMP_BTREE_ROOTS != number)
			found[k] = RECORD_FOREIGN;
		root->damaged |= found[k] == RECORD_DAMAGED;
	}
	root->damaged |= !is_zero(page + AMP_BTREE_RECORD, TREE_PAGE - 2 * AMP_BTREE_RECORD);
	bool both = found[0] == RECORD_GOOD && found[1] == RECORD_GOOD;
	uint32_t better = both ? copy[1].generation > copy[0].generation : found[1] > found[0];
	root->found = found[better];
	if (root->found != RECORD_GOOD)
		return;
	root->state = copy[better];
	root->torn =
	        both ? copy[0].generation != copy[1].generation : found[!better] == RECORD_BLANK;
}

bool tree_roots(struct disk *d, struct tree_root roots[AMP_BTREE_ROOTS], enum tree_found *found,
                struct tree_state *s)
{
	uint32_t blank = 0;
	*found = TREE_NONE;
	for (uint32_t k = 0; k < AMP_BTREE_ROOTS; k++) {
		uint8_t page[TREE_PAGE];
		roots[k] = (struct tree_root){ .found = RECORD_BLANK };
		if (!disk_read(d, k * TREE_PAGE, page, TREE_PAGE))
			return false;
		look_at_root(page, k, &roots[k]);
		blank += roots[k].found == RECORD_BLANK && !roots[k].damaged;
		if (roots[k].found == RECORD_GOOD &&
		    (*found != TREE_FOUND || roots[k].state.generation > s->generation)) {
			*s = roots[k].state;
			*found = TREE_FOUND;
		}
	}
	if (*found == TREE_NONE && blank == AMP_BTREE_ROOTS)
		*found = TREE_BLANK;
	return true;
}

/* ---- Pages of the tree ---- */

uint32_t tree_node_level(const uint8_t *page)
{
	return page[AMP_BTREE_NODE_LEVEL];
}

uint32_t tree_node_count(const uint8_t *page)
{
	return load_u16(page + AMP_BTREE_NODE_COUNT);
}

bool tree_cell_is_large(uint32_t key_size, uint32_t value_size)
{
	return AMP_BTREE_LEAF_HEAD + key_size + value_size > AMP_BTREE_CELL_MAX;
}

/* Takes a cell apart that begins at `at`, which is within the page. False: it does not fit into it. */
static bool cell_parse(const uint8_t *page, uint32_t at, struct tree_cell *c)
{
	const uint8_t *bytes = page + at;
	uint32_t left = TREE_PAGE - at, head, tail;
	bool branch = tree_node_level(page);
	*c = (struct tree_cell){ .value_size = 0 };
	head = branch ? 2 : AMP_BTREE_LEAF_HEAD;
	if (left < head)
		return false;
	c->key = (struct key){ bytes + head, load_u16(bytes) };
	if (c->key.size > AMP_BTREE_KEY_MAX)
		return false;
	if (branch) {
		tail = AMP_BTREE_POINTER;
		c->pointers = bytes + head + c->key.size;
	} else {
		uint32_t size = load_u32(bytes + 4);
		bool large = size & AMP_BTREE_LARGE;
		c->value_size = size & ~AMP_BTREE_LARGE;
		if (load_u16(bytes + 2) || !c->key.size || c->value_size > AMP_BTREE_VALUE_MAX ||
		    large != tree_cell_is_large(c->key.size, c->value_size))
			return false;
		tail = large ? AMP_BTREE_POINTER * tree_value_pages(c->value_size) : c->value_size;
		if (large)
			c->pointers = bytes + head + c->key.size;
		else
			c->value = bytes + head + c->key.size;
	}
	c->size = head + c->key.size + tail;
	return c->size <= left;
}

struct tree_cell tree_node_cell(const uint8_t *page, uint32_t at)
{
	struct tree_cell c;
	cell_parse(page, load_u16(page + AMP_BTREE_NODE_HEAD + 2 * at), &c);
	return c;
}

const char *tree_node_flaw(const uint8_t *page, uint32_t level, uint64_t pages)
{
	uint32_t count = tree_node_count(page), low = load_u16(page + AMP_BTREE_NODE_LOW),
	         bytes = 0;
	struct tree_cell before = { .size = 0 }, c;
	if (load_u16(page) != AMP_BTREE_NODE_MAGIC || tree_node_level(page) != level)
		return level ? "no branch of its level" : "no leaf";
	if (AMP_BTREE_NODE_HEAD + 2 * count > low || low > TREE_PAGE ||
	    load_u16(page + AMP_BTREE_NODE_DEAD) || (level && !count))
		return "a page with an impossible count";
	for (uint32_t k = 0; k < count; k++, before = c) {
		uint32_t at = load_u16(page + AMP_BTREE_NODE_HEAD + 2 * k);
		if (at < low || at >= TREE_PAGE || !cell_parse(page, at, &c) ||
		    at + c.size != TREE_PAGE - bytes)
			return "a page with an impossible entry";
		if (k ? key_compare(before.key, c.key) >= 0 : level && c.key.size)
			return "a page out of order";
		bytes += c.size;
		uint32_t pointers = level ? 1 : c.pointers ? tree_value_pages(c.value_size) : 0;
		for (uint32_t p = 0; p < pointers; p++) {
			struct tree_pointer to =
			        tree_pointer_load(c.pointers + AMP_BTREE_POINTER * p);
			if (to.page < AMP_BTREE_ROOTS || to.page >= pages || !to.sum)
				return "a page that points outside";
		}
	}
	return bytes == TREE_PAGE - low ? NULL : "a page whose sizes do not add up";
}

bool tree_node_within(const uint8_t *page, const struct tree_range *r)
{
	uint32_t count = tree_node_count(page), first = tree_node_level(page) ? 1 : 0;
	if (count <= first)
		return true;
	return key_compare(r->low, tree_node_cell(page, first).key) <= 0 &&
	       (!r->high.bytes || key_compare(tree_node_cell(page, count - 1).key, r->high) < 0);
}
