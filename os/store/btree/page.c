/* SPDX-License-Identifier: ISC */
/*
 * Sums are 64 bits, of a page's number and contents; each step is invertible, so that one changed
 * word always shows. A root's page holds the same record twice, in its first and its last sector: a
 * flipped bit costs one of four copies, and a sector is written whole or not at all.
 */
#include <store/btree/internal.h>

#include <string.h>

#include <core/heap.h>

_Static_assert(2 * RECORD_SIZE <= BTREE_PAGE && BTREE_PAGE % sizeof(uint64_t) == 0,
               "a root's page has two records, and sums go by words");
_Static_assert(AMP_BTREE_AT_DIRS + MAP_DIRS * 16 <= AMP_BTREE_AT_SUM,
               "a record holds its fields, the directories and its sum");

uint64_t btree_page_sum(const uint8_t *page, uint64_t number)
{
	return amp_btree_page_sum(page, number);
}

void btree_pointer_store(uint8_t to[16], struct pointer p)
{
	bytes_store_u64(to, p.page);
	bytes_store_u64(to + 8, p.sum);
}

struct pointer btree_pointer_load(const uint8_t from[16])
{
	return (struct pointer){ bytes_load_u64(from), bytes_load_u64(from + 8) };
}

uint8_t *btree_page_alloc_bytes(void)
{
	return heap_alloc_aligned(BTREE_PAGE, BTREE_PAGE);
}

void btree_damaged(const struct btree *t, uint64_t page, const char *what)
{
	if (t->options.damage)
		t->options.damage(t->options.damage_of, page, what);
}

/* In the order of ampoule_btree.h. */
void btree_record_write(uint8_t to[RECORD_SIZE], const struct state *s)
{
	struct bytes_out out = bytes_out(to, RECORD_SIZE);
	memset(to, 0, RECORD_SIZE);
	bytes_put_copy(&out, AMP_BTREE_MAGIC, 8);
	bytes_put_u32(&out, AMP_BTREE_VERSION);
	bytes_put_u32(&out, BTREE_PAGE);
	bytes_put_u64(&out, s->pages);
	bytes_put_u64(&out, s->generation);
	bytes_put_u64(&out, s->keys);
	bytes_put_u64(&out, s->used);
	btree_pointer_store(bytes_put(&out, 16), s->root);
	bytes_put_u32(&out, s->level);
	bytes_put_u32(&out, 0);
	for (uint32_t k = 0; k < MAP_DIRS; k++)
		btree_pointer_store(bytes_put(&out, 16), s->dirs[k]);
	bytes_store_u64(to + RECORD_SIZE - 8, amp_btree_record_sum(to));
}

enum record btree_record_read(const uint8_t from[RECORD_SIZE], uint64_t device_pages,
                              struct state *s)
{
	struct bytes_in in = bytes_in(from, RECORD_SIZE);
	bool blank = true;
	for (uint32_t k = 0; k < RECORD_SIZE && blank; k++)
		blank = !from[k];
	if (blank)
		return RECORD_BLANK;
	bool good = bytes_load_u64(from + RECORD_SIZE - 8) == amp_btree_record_sum(from);
	if (memcmp(bytes_get(&in, 8), AMP_BTREE_MAGIC, 8) != 0)
		return good ? RECORD_FOREIGN : RECORD_DAMAGED;
	if (!good)
		return RECORD_DAMAGED;
	if (bytes_get_u32(&in) != AMP_BTREE_VERSION || bytes_get_u32(&in) != BTREE_PAGE)
		return RECORD_FOREIGN;
	*s = (struct state){ .pages = bytes_get_u64(&in) };
	s->generation = bytes_get_u64(&in);
	s->keys = bytes_get_u64(&in);
	s->used = bytes_get_u64(&in);
	s->root = btree_pointer_load(bytes_get(&in, 16));
	s->level = bytes_get_u32(&in);
	bytes_skip(&in, 4);
	for (uint32_t k = 0; k < MAP_DIRS; k++)
		s->dirs[k] = btree_pointer_load(bytes_get(&in, 16));
	/* A device may have grown since: pages beyond `pages` are not used. */
	return !in.failed && s->pages <= device_pages && s->level <= LEVEL_MAX &&
	                       s->root.page >= ROOT_PAGES && s->root.page < s->pages
	               ? RECORD_GOOD
	               : RECORD_DAMAGED;
}
