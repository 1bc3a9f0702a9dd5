/* SPDX-License-Identifier: ISC */
/*
 * From sorted entries, bottom up: one page of each level is being filled; a full one is written, and a pointer to it goes into
 * the one above. Pages are taken in order from page 2 on. The map comes behind them, the root last.
 */
#include <errno.h>
#include <stdlib.h>

#include <store/tree.h>

/* A page is left this much room, so that the first changes need not split each one. */
#define ROOM (TREE_PAGE / 10)

struct level {
	uint8_t page[TREE_PAGE];
	uint32_t count, low;
	struct key least; /* of all below; bytes are in least_of */
	uint8_t least_of[AMP_BTREE_KEY_MAX];
	/* The page before: kept back, so that a last page with a single child can be given one of its. */
	bool has_before;
	uint8_t before[TREE_PAGE];
	uint32_t before_count, before_low;
	uint8_t before_least[AMP_BTREE_KEY_MAX];
	uint32_t before_least_size;
};

struct tree_build {
	struct disk *disk;
	uint64_t pages, next, keys;
	uint32_t top; /* the highest level that there is */
	struct level *levels[AMP_BTREE_LEVELS];
	uint8_t last[AMP_BTREE_KEY_MAX]; /* the last entry's key */
	uint32_t last_size;
	uint8_t *bulk; /* pages that are written together */
	uint64_t bulk_at;
	uint32_t bulk_count;
};
#define BULK_PAGES (DISK_BULK / TREE_PAGE)

static int no_memory(struct defect *why)
{
	return defect_set(why, "no memory");
}

struct tree_build *tree_build_new(struct disk *d, uint64_t pages)
{
	struct tree_build *b = calloc(1, sizeof *b);
	if (!b)
		return NULL;
	b->disk = d;
	b->pages = pages < AMP_BTREE_PAGES_MAX ? pages : AMP_BTREE_PAGES_MAX;
	b->next = AMP_BTREE_ROOTS;
	b->bulk = malloc(DISK_BULK);
	if (b->bulk)
		return b;
	free(b);
	return NULL;
}

void tree_build_free(struct tree_build *b)
{
	if (!b)
		return;
	for (uint32_t k = 0; k < AMP_BTREE_LEVELS; k++)
		free(b->levels[k]);
	free(b->bulk);
	free(b);
}

uint64_t tree_build_pages(const struct tree_build *b)
{
	return b->next;
}

/* ---- Pages ---- */

static int bulk_write(struct tree_build *b, struct defect *why)
{
	size_t n = (size_t)b->bulk_count * TREE_PAGE;
	if (n && !disk_write(b->disk, b->bulk_at * TREE_PAGE, b->bulk, n))
		return defect_set(why, "%s cannot be written: %s", b->disk->path, strerror(errno));
	b->bulk_count = 0;
	return 0;
}

/* Gives it a place. */
static int page_write(struct tree_build *b, const uint8_t *page, struct tree_pointer *to,
                      struct defect *why)
{
	if (b->next >= b->pages)
		return defect_set(why,
		                  "%s has %llu bytes, which is too little: give --size, or a "
		                  "larger file or device",
		                  b->disk->path, (unsigned long long)b->disk->size);
	if (b->bulk_count == BULK_PAGES && bulk_write(b, why))
		return -1;
	if (!b->bulk_count)
		b->bulk_at = b->next;
	memcpy(b->bulk + (size_t)b->bulk_count++ * TREE_PAGE, page, TREE_PAGE);
	*to = (struct tree_pointer){ b->next, amp_btree_page_sum(page, b->next) };
	b->next++;
	return 0;
}

static void node_begin(struct level *l, uint32_t level)
{
	memset(l->page, 0, TREE_PAGE);
	store_u16(l->page, AMP_BTREE_NODE_MAGIC);
	l->page[AMP_BTREE_NODE_LEVEL] = (uint8_t)level;
	store_u16(l->page + AMP_BTREE_NODE_LOW, TREE_PAGE);
	l->count = 0;
	l->low = TREE_PAGE;
}

static uint32_t node_free(const struct level *l)
{
	return l->low - AMP_BTREE_NODE_HEAD - 2 * l->count;
}

static void node_append(struct level *l, const uint8_t *cell, uint32_t size)
{
	l->low -= size;
	memcpy(l->page + l->low, cell, size);
	store_u16(l->page + AMP_BTREE_NODE_HEAD + 2 * l->count, l->low);
	l->count++;
	store_u16(l->page + AMP_BTREE_NODE_COUNT, l->count);
	store_u16(l->page + AMP_BTREE_NODE_LOW, l->low);
}

static struct level *level_get(struct tree_build *b, uint32_t level)
{
	struct level *l = b->levels[level];
	if (!l) {
		l = b->levels[level] = calloc(1, sizeof *l);
		if (!l)
			return NULL;
		node_begin(l, level);
		b->top = level > b->top ? level : b->top;
	}
	return l;
}

static int child_add(struct tree_build *b, uint32_t level, struct tree_pointer, struct key least,
                     struct defect *why);

/* Writes the page that was kept back, and tells the level above. */
static int before_write(struct tree_build *b, uint32_t level, struct defect *why)
{
	struct level *l = b->levels[level];
	struct tree_pointer p;
	if (!l->has_before)
		return 0;
	l->has_before = false;
	return page_write(b, l->before, &p, why) ||
	                       child_add(b, level + 1, p,
	                                 (struct key){ l->before_least, l->before_least_size }, why)
	               ? -1
	               : 0;
}

/* The level's page is full: it is kept back, and a new one begins. */
static int node_end(struct tree_build *b, uint32_t level, struct defect *why)
{
	struct level *l = b->levels[level];
	if (before_write(b, level, why))
		return -1;
	memcpy(l->before, l->page, TREE_PAGE);
	memcpy(l->before_least, l->least_of, l->least.size);
	l->before_least_size = l->least.size;
	l->before_count = l->count;
	l->before_low = l->low;
	l->has_before = true;
	node_begin(l, level);
	return 0;
}

static void begin_with(struct level *l, struct key least)
{
	memmove(l->least_of, least.bytes, least.size);
	l->least = (struct key){ l->least_of, least.size };
}

static int child_add(struct tree_build *b, uint32_t level, struct tree_pointer p, struct key least,
                     struct defect *why)
{
	uint8_t cell[AMP_BTREE_CELL_MAX];
	struct level *l = level < AMP_BTREE_LEVELS ? level_get(b, level) : NULL;
	if (!l)
		return no_memory(why);
	uint32_t size = 2 + least.size + AMP_BTREE_POINTER;
	if (l->count && node_free(l) < size + 2 + ROOM && node_end(b, level, why))
		return -1;
	bool first = !l->count;
	if (first)
		begin_with(l, least);
	uint32_t key_size = first ? 0 : least.size;
	store_u16(cell, key_size);
	memcpy(cell + 2, least.bytes, key_size);
	tree_pointer_store(cell + 2 + key_size, p);
	node_append(l, cell, 2 + key_size + AMP_BTREE_POINTER);
	return 0;
}

/* How much of b's key tells it from a's, which is less. */
static uint32_t shortest(struct key a, struct key b)
{
	uint32_t n = 0;
	while (n < a.size && n < b.size && a.bytes[n] == b.bytes[n])
		n++;
	return n + 1;
}

static int value_write(struct tree_build *b, const struct tree_entry *e, uint8_t *pointers,
                       struct defect *why)
{
	for (uint32_t k = 0; k < tree_value_pages(e->value_size); k++) {
		uint8_t page[TREE_PAGE] = { 0 };
		uint32_t at = k * TREE_PAGE,
		         n = e->value_size - at < TREE_PAGE ? e->value_size - at : TREE_PAGE;
		struct tree_pointer p;
		memcpy(page, e->value + at, n);
		if (page_write(b, page, &p, why))
			return -1;
		tree_pointer_store(pointers + AMP_BTREE_POINTER * k, p);
	}
	return 0;
}

int tree_build_add(struct tree_build *b, const struct tree_entry *e, struct defect *why)
{
	uint8_t cell[AMP_BTREE_CELL_MAX];
	struct level *l = level_get(b, 0);
	bool large = tree_cell_is_large(e->key.size, e->value_size);
	if (!l)
		return no_memory(why);
	store_u16(cell, e->key.size);
	store_u16(cell + 2, 0);
	store_u32(cell + 4, e->value_size | (large ? AMP_BTREE_LARGE : 0));
	memcpy(cell + AMP_BTREE_LEAF_HEAD, e->key.bytes, e->key.size);
	uint32_t size = AMP_BTREE_LEAF_HEAD + e->key.size;
	if (large && value_write(b, e, cell + size, why))
		return -1;
	if (!large && e->value_size)
		memcpy(cell + size, e->value, e->value_size);
	size += large ? AMP_BTREE_POINTER * tree_value_pages(e->value_size) : e->value_size;
	if (l->count && node_free(l) < size + 2 + ROOM && node_end(b, 0, why))
		return -1;
	if (!l->count) {
		struct key last = { b->last, b->last_size }, least = e->key;
		least.size = b->keys ? shortest(last, e->key) : 0;
		begin_with(l, least);
	}
	node_append(l, cell, size);
	memcpy(b->last, e->key.bytes, e->key.size);
	b->last_size = e->key.size;
	b->keys++;
	return 0;
}

/* ---- The end ---- */

/* A branch with a single child is legal and of no use: its level's page before gives it one of its own. */
static void share(struct level *l, uint32_t level)
{
	if (!level || l->count != 1 || !l->has_before || l->before_count < 3)
		return;
	/* Both pages anew, from the cells of the one before and the one of this. */
	uint8_t old[TREE_PAGE], cell[AMP_BTREE_CELL_MAX];
	uint32_t count = l->before_count;
	struct tree_cell only = tree_node_cell(l->page, 0);
	struct tree_pointer p = tree_pointer_load(only.pointers);
	uint8_t key[AMP_BTREE_KEY_MAX];
	uint32_t key_size = l->least.size;
	memcpy(key, l->least_of, key_size);
	memcpy(old, l->before, TREE_PAGE);
	struct tree_cell moved = tree_node_cell(old, count - 1);
	node_begin(l, level);
	for (uint32_t k = 0; k + 1 < count; k++) {
		struct tree_cell c = tree_node_cell(old, k);
		uint32_t at = load_u16(old + AMP_BTREE_NODE_HEAD + 2 * k);
		node_append(l, old + at, c.size);
	}
	memcpy(l->before, l->page, TREE_PAGE);
	node_begin(l, level);
	begin_with(l, moved.key);
	store_u16(cell, 0);
	memcpy(cell + 2, moved.pointers, AMP_BTREE_POINTER);
	node_append(l, cell, 2 + AMP_BTREE_POINTER);
	store_u16(cell, key_size);
	memcpy(cell + 2, key, key_size);
	tree_pointer_store(cell + 2 + key_size, p);
	node_append(l, cell, 2 + key_size + AMP_BTREE_POINTER);
}

/* From the leaves up; what is left at the top is the root. */
static int levels_end(struct tree_build *b, struct tree_state *s, struct defect *why)
{
	if (!level_get(b, 0))
		return no_memory(why);
	for (uint32_t level = 0; level < AMP_BTREE_LEVELS; level++) {
		struct level *l = b->levels[level];
		struct tree_pointer p;
		share(l, level);
		bool top = level == b->top && !l->has_before;
		if (before_write(b, level, why) || page_write(b, l->page, &p, why))
			return -1;
		if (top) {
			s->root = p;
			s->level = level;
			return 0;
		}
		if (child_add(b, level + 1, p, l->least, why))
			return -1;
	}
	return defect_set(why, "a tree of too many levels");
}

/* All pages up to the map's own last one are in use. */
static int map_write(struct tree_build *b, struct tree_state *s, struct defect *why)
{
	uint64_t maps = (b->pages + AMP_BTREE_MAP_BITS - 1) / AMP_BTREE_MAP_BITS,
	         dirs = (maps + AMP_BTREE_MAP_POINTERS - 1) / AMP_BTREE_MAP_POINTERS,
	         used = b->next + maps + dirs;
	uint8_t page[TREE_PAGE], dir[TREE_PAGE] = { 0 };
	for (uint64_t k = 0; k < maps; k++) {
		struct tree_pointer p;
		uint64_t in_dir = k % AMP_BTREE_MAP_POINTERS, from = k * AMP_BTREE_MAP_BITS;
		memset(page, 0, sizeof page);
		for (uint64_t n = from; n < used && n < from + AMP_BTREE_MAP_BITS; n++)
			page[(n - from) / 8] |= (uint8_t)(1u << (n % 8));
		if (page_write(b, page, &p, why))
			return -1;
		tree_pointer_store(dir + AMP_BTREE_POINTER * in_dir, p);
		if (in_dir + 1 < AMP_BTREE_MAP_POINTERS && k + 1 < maps)
			continue;
		if (page_write(b, dir, &s->dirs[k / AMP_BTREE_MAP_POINTERS], why))
			return -1;
		memset(dir, 0, sizeof dir);
	}
	s->used = b->next;
	return 0;
}

int tree_build_end(struct tree_build *b, struct defect *why)
{
	struct tree_state s = { .pages = b->pages, .generation = 1, .keys = b->keys };
	uint8_t page[TREE_PAGE];
	if (levels_end(b, &s, why) || map_write(b, &s, why) || bulk_write(b, why))
		return -1;
	if (!disk_flush(b->disk))
		return defect_set(why, "%s cannot be written: %s", b->disk->path, strerror(errno));
	tree_root_write(page, &s);
	if (!disk_write(b->disk, s.generation % AMP_BTREE_ROOTS * TREE_PAGE, page, TREE_PAGE) ||
	    !disk_flush(b->disk))
		return defect_set(why, "%s cannot be written: %s", b->disk->path, strerror(errno));
	return 0;
}
