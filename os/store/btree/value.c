/* SPDX-License-Identifier: ISC */
/* Values that do not fit into a leaf lie in pages of their own, which hold nothing else. */
#include <store/btree/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/heap.h>

struct value_page *value_page_new(struct btree *t, uint64_t page)
{
	struct value_page *v = heap_alloc_zero(1, sizeof *v);
	uint8_t *bytes = v ? page_alloc_bytes() : NULL;
	if (!bytes) {
		heap_free(v);
		return NULL;
	}
	*v = (struct value_page){ .next = t->values, .page = page, .bytes = bytes };
	t->values = v;
	return v;
}

int value_write(struct btree *t, const uint8_t *value, uint32_t size, uint8_t *pointers)
{
	for (uint32_t at = 0; at < size; at += BTREE_PAGE, pointers += 16) {
		uint32_t n = size - at < BTREE_PAGE ? size - at : BTREE_PAGE;
		uint64_t page = map_alloc(t);
		if (!page)
			return t->why;
		struct value_page *v = value_page_new(t, page);
		if (!v)
			return ERR_MEMORY;
		memcpy(v->bytes, value + at, n);
		memset(v->bytes + n, 0, BTREE_PAGE - n);
		pointer_store(pointers, (struct pointer){ page, page_sum(v->bytes, page) });
	}
	return OK;
}

int value_read(struct btree *t, const uint8_t *pointers, uint32_t size, uint8_t *to, uint32_t room)
{
	uint8_t *page = page_alloc_bytes();
	int error = page ? OK : ERR_MEMORY;
	size = size < room ? size : room;
	for (uint32_t at = 0; at < size && !error; at += BTREE_PAGE, pointers += 16) {
		struct pointer p = pointer_load(pointers);
		error = map_busy(t, p.page)
		                ? block_read(t->block, p.page * BTREE_PAGE, page, BTREE_PAGE)
		                : ERR_CORRUPT;
		t->figures.reads++;
		if (!error && page_sum(page, p.page) != p.sum)
			error = ERR_CORRUPT;
		if (error)
			damaged(t, p.page,
			        error == ERR_CORRUPT ? "a part of a value"
			                             : "a page that cannot be read");
		else
			memcpy(to + at, page, size - at < BTREE_PAGE ? size - at : BTREE_PAGE);
	}
	heap_free(page);
	return error;
}

/* Written by the state under way itself: then it is not to be written any more. */
static void forget(struct btree *t, uint64_t page)
{
	for (struct value_page **at = &t->values; *at; at = &(*at)->next) {
		struct value_page *v = *at;
		if (v->page == page) {
			*at = v->next;
			heap_free(v->bytes);
			heap_free(v);
			return;
		}
	}
}

int value_free(struct btree *t, const struct cell *c)
{
	for (uint32_t k = 0; c->pointers && k < value_pages(c->value_size); k++) {
		uint64_t page = pointer_load(c->pointers + 16 * k).page;
		int error = map_free(t, page);
		if (error)
			return error;
		if (!map_busy(t, page))
			forget(t, page);
	}
	return OK;
}
