/* SPDX-License-Identifier: ISC */
/*
 * A page of the tree: magic 2, level 1, 0 1, count 2, low 2 (where the cells begin), dead 2 (bytes
 * of removed cells), 0 6; then places; then room; then cells. A leaf's cell: key size 2, 0 2, value
 * size 4 (the top bit: large), key, value or pointers. A branch's: key size 2, key, pointer 16.
 */
#include <store/btree/internal.h>

#include <string.h>

#include <core/panic.h>

#define HEADER    AMP_BTREE_NODE_HEAD
#define MAGIC     AMP_BTREE_NODE_MAGIC
#define LARGE     AMP_BTREE_LARGE
#define LEAF_HEAD AMP_BTREE_LEAF_HEAD
_Static_assert(HEADER + 3 * (CELL_MAX + 2) <= BTREE_PAGE,
               "a page holds three cells, or it could not be split");
_Static_assert(LEAF_HEAD + BTREE_KEY_MAX + BTREE_VALUE_MAX / BTREE_PAGE * 16 <= CELL_MAX,
               "a cell holds the longest key and where the longest value is");
_Static_assert(2 + BTREE_KEY_MAX + 16 <= CELL_MAX, "and a branch's the longest key");
_Static_assert(BTREE_PAGE <= UINT16_MAX && BTREE_VALUE_MAX < LARGE,
               "places have 16 bits, and a size's top bit is free");

static uint32_t get(const uint8_t *page, uint32_t at)
{
	return bytes_load_u16(page + at);
}

static void set(uint8_t *page, uint32_t at, uint32_t value)
{
	bytes_store_u16(page + at, (uint16_t)value);
}

enum {
	AT_LEVEL = AMP_BTREE_NODE_LEVEL,
	AT_COUNT = AMP_BTREE_NODE_COUNT,
	AT_LOW = AMP_BTREE_NODE_LOW,
	AT_DEAD = AMP_BTREE_NODE_DEAD
};

void btree_node_init(uint8_t *page, uint8_t level)
{
	memset(page, 0, BTREE_PAGE);
	set(page, 0, MAGIC);
	page[AT_LEVEL] = level;
	set(page, AT_LOW, BTREE_PAGE);
}

uint32_t btree_node_level(const uint8_t *page)
{
	return page[AT_LEVEL];
}

uint32_t btree_node_count(const uint8_t *page)
{
	return get(page, AT_COUNT);
}

int btree_key_compare(const void *a, uint32_t a_size, const void *b, uint32_t b_size)
{
	uint32_t n = a_size < b_size ? a_size : b_size;
	int order = n ? memcmp(a, b, n) : 0;
	return order ? order : (a_size > b_size) - (a_size < b_size);
}

bool btree_cell_is_large(uint32_t key_size, uint32_t value_size)
{
	return LEAF_HEAD + key_size + value_size > CELL_MAX;
}

/* Takes a cell apart that begins at `at`. False: it does not fit into its page. */
static bool cell_parse(const uint8_t *page, uint32_t at, struct cell *c)
{
	struct bytes_in in = bytes_in(page, BTREE_PAGE);
	bytes_skip(&in, at);
	*c = (struct cell){ .bytes = page + at, .key_size = bytes_get_u16(&in) };
	if (page[AT_LEVEL]) {
		c->key = bytes_get(&in, c->key_size);
		c->pointers = bytes_get(&in, 16);
	} else {
		bool zero = bytes_get_u16(&in) == 0;
		uint32_t size = bytes_get_u32(&in);
		c->value_size = size & ~LARGE;
		c->key = bytes_get(&in, c->key_size);
		if (!zero || c->value_size > BTREE_VALUE_MAX || !c->key_size ||
		    (size & LARGE) != (btree_cell_is_large(c->key_size, c->value_size) ? LARGE : 0))
			return false;
		if (size & LARGE)
			c->pointers = bytes_get(&in, 16 * btree_value_pages(c->value_size));
		else
			c->value = bytes_get(&in, c->value_size);
	}
	c->size = in.at - at;
	return !in.failed && c->key_size <= BTREE_KEY_MAX;
}

struct cell btree_node_cell(const uint8_t *page, uint32_t at)
{
	struct cell c;
	ensure(at < btree_node_count(page) && cell_parse(page, get(page, HEADER + 2 * at), &c));
	return c;
}

const char *btree_node_flaw(const uint8_t *page, uint32_t level, uint64_t pages)
{
	uint32_t count = btree_node_count(page), low = get(page, AT_LOW), bytes = 0;
	struct cell before = { .key_size = 0 }, c;
	if (get(page, 0) != MAGIC || page[AT_LEVEL] != level)
		return level ? "no branch of its level" : "no leaf";
	if (HEADER + 2 * count > low || low > BTREE_PAGE || get(page, AT_DEAD) || (level && !count))
		return "a page with an impossible count";
	for (uint32_t k = 0; k < count; k++, before = c) {
		uint32_t at = get(page, HEADER + 2 * k);
		if (at < low || at >= BTREE_PAGE || !cell_parse(page, at, &c) ||
		    at + c.size != BTREE_PAGE - bytes)
			return "a page with an impossible entry";
		if (k ? btree_key_compare(before.key, before.key_size, c.key, c.key_size) >= 0
		      : level && c.key_size)
			return "a page out of order";
		bytes += c.size;
		uint32_t pointers = level ? 1 : c.pointers ? btree_value_pages(c.value_size) : 0;
		for (uint32_t p = 0; p < pointers; p++) {
			struct pointer to = btree_pointer_load(c.pointers + 16 * p);
			if (to.page < ROOT_PAGES || to.page >= pages || !to.sum)
				return "a page that points outside";
		}
	}
	return bytes == BTREE_PAGE - low ? NULL : "a page whose sizes do not add up";
}

uint32_t btree_node_search(const uint8_t *page, const void *key, uint32_t key_size, bool *equal)
{
	uint32_t low = 0, high = btree_node_count(page);
	*equal = false;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		struct cell c = btree_node_cell(page, middle);
		int order = btree_key_compare(c.key, c.key_size, key, key_size);
		if (!order) {
			*equal = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t btree_node_child(const uint8_t *page, const void *key, uint32_t key_size)
{
	bool equal;
	uint32_t at = btree_node_search(page, key, key_size, &equal);
	return equal || !at ? at : at - 1;
}

uint32_t btree_node_used(const uint8_t *page)
{
	return 2 * btree_node_count(page) + (BTREE_PAGE - get(page, AT_LOW)) - get(page, AT_DEAD);
}

uint32_t btree_node_room(const uint8_t *page)
{
	uint32_t free = BTREE_PAGE - HEADER - btree_node_used(page);
	return free > 2 ? free - 2 : 0;
}

void btree_node_pack(uint8_t *page)
{
	uint8_t old[BTREE_PAGE];
	uint32_t low = BTREE_PAGE, count = btree_node_count(page);
	memcpy(old, page, BTREE_PAGE);
	for (uint32_t k = 0; k < count; k++) {
		struct cell c = btree_node_cell(old, k);
		low -= c.size;
		memcpy(page + low, c.bytes, c.size);
		set(page, HEADER + 2 * k, low);
	}
	memset(page + HEADER + 2 * count, 0, low - (HEADER + 2 * count));
	set(page, AT_LOW, low);
	set(page, AT_DEAD, 0);
}

bool btree_node_insert(uint8_t *page, uint32_t at, const uint8_t *cell, uint32_t size)
{
	uint32_t count = btree_node_count(page), places = HEADER + 2 * count;
	ensure(at <= count && size <= CELL_MAX);
	if (size > btree_node_room(page))
		return false;
	if (get(page, AT_LOW) - places < size + 2)
		btree_node_pack(page);
	uint32_t low = get(page, AT_LOW) - size;
	memcpy(page + low, cell, size);
	memmove(page + HEADER + 2 * at + 2, page + HEADER + 2 * at, 2 * (count - at));
	set(page, HEADER + 2 * at, low);
	set(page, AT_LOW, low);
	set(page, AT_COUNT, count + 1);
	return true;
}

void btree_node_remove(uint8_t *page, uint32_t at)
{
	uint32_t count = btree_node_count(page), place = HEADER + 2 * at;
	ensure(at < count);
	struct cell c = btree_node_cell(page, at);
	set(page, AT_DEAD, get(page, AT_DEAD) + c.size);
	memset(page + get(page, place), 0, c.size);
	memmove(page + place, page + place + 2, 2 * (count - at - 1));
	set(page, HEADER + 2 * (count - 1), 0);
	set(page, AT_COUNT, count - 1);
	if (count == 1) {
		set(page, AT_LOW, BTREE_PAGE);
		set(page, AT_DEAD, 0);
	}
}

struct pointer btree_node_pointer(const uint8_t *page, uint32_t at)
{
	return btree_pointer_load(btree_node_cell(page, at).pointers);
}

void btree_node_set_pointer(uint8_t *page, uint32_t at, struct pointer p)
{
	struct cell c = btree_node_cell(page, at);
	btree_pointer_store(page + (c.pointers - page), p);
}

uint32_t btree_cell_branch(uint8_t *to, const void *key, uint32_t key_size, struct pointer p)
{
	struct bytes_out out = bytes_out(to, CELL_MAX);
	bytes_put_u16(&out, (uint16_t)key_size);
	bytes_put_copy(&out, key, key_size);
	btree_pointer_store(bytes_put(&out, 16), p);
	ensure(!out.failed);
	return out.at;
}

static struct bytes_out leaf_head(uint8_t *to, const void *key, uint32_t key_size, uint32_t size)
{
	struct bytes_out out = bytes_out(to, CELL_MAX);
	bytes_put_u16(&out, (uint16_t)key_size);
	bytes_put_u16(&out, 0);
	bytes_put_u32(&out, size);
	bytes_put_copy(&out, key, key_size);
	return out;
}

uint32_t btree_cell_leaf(uint8_t *to, const void *key, uint32_t key_size, const void *value,
                         uint32_t value_size)
{
	struct bytes_out out = leaf_head(to, key, key_size, value_size);
	bytes_put_copy(&out, value, value_size);
	ensure(!out.failed);
	return out.at;
}

uint32_t btree_cell_large(uint8_t *to, const void *key, uint32_t key_size, uint32_t value_size,
                          const uint8_t *pointers)
{
	struct bytes_out out = leaf_head(to, key, key_size, value_size | LARGE);
	bytes_put_copy(&out, pointers, 16 * btree_value_pages(value_size));
	ensure(!out.failed);
	return out.at;
}
