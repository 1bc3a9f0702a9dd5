/* SPDX-License-Identifier: ISC */
/* Values that do not fit into a leaf lie in pages of their own, which hold nothing else. */
#include <store/btree/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/heap.h>

struct value_page *btree_value_page_new(struct btree *t, uint64_t page)
{
	struct value_page *v = heap_alloc_zero(1, sizeof *v);
	uint8_t *bytes = v ? btree_page_alloc_bytes() : NULL;
	if (!bytes) {
		heap_free(v);
		return NULL;
	}
	*v = (struct value_page){ .next = t->values, .page = page, .bytes = bytes };
	t->values = v;
	return v;
}

int btree_value_write(struct btree *t, const uint8_t *value, uint32_t size, uint8_t *pointers)
{
	for (uint32_t at = 0; at < size; at += BTREE_PAGE, pointers += 16) {
		uint32_t n = size - at < BTREE_PAGE ? size - at : BTREE_PAGE;
		uint64_t page = btree_map_alloc(t);
		if (!page)
			return t->why;
		struct value_page *v = btree_value_page_new(t, page);
		if (!v)
			return ERR_MEMORY;
		memcpy(v->bytes, value + at, n);
		memset(v->bytes + n, 0, BTREE_PAGE - n);
		btree_pointer_store(pointers,
		                    (struct pointer){ page, btree_page_sum(v->bytes, page) });
	}
	return OK;
}

/* How many of the next pages lie one behind the other: they are read at once. */
static uint32_t neighbours(struct btree *t, const uint8_t *pointers, uint32_t most)
{
	uint64_t first = btree_pointer_load(pointers).page;
	uint32_t n = 0;
	while (n < most && btree_pointer_load(pointers + 16 * n).page == first + n &&
	       btree_map_busy(t, first + n))
		n++;
	return n;
}

/* Reads the next pages, and looks at each; *n: how many, at most before, at least 1 afterwards. */
static int pages_read(struct btree *t, const uint8_t *pointers, uint8_t *pages, uint32_t *n)
{
	struct pointer p = btree_pointer_load(pointers);
	uint32_t count = neighbours(t, pointers, *n);
	int error = count ? ERR_IO : ERR_CORRUPT;
	*n = 1;
	if (count > 1 && !block_read(t->block, p.page * BTREE_PAGE, pages, count * BTREE_PAGE)) {
		*n = count;
		error = OK;
	} else if (count) { /* one alone, or to see which of them cannot be read */
		error = block_read(t->block, p.page * BTREE_PAGE, pages, BTREE_PAGE);
	}
	t->figures.reads += *n;
	for (uint32_t k = 0; !error && k < *n; k++) {
		p = btree_pointer_load(pointers + 16 * k);
		if (btree_page_sum(pages + k * BTREE_PAGE, p.page) != p.sum)
			error = ERR_CORRUPT;
	}
	if (error)
		btree_damaged(t, p.page,
		              error == ERR_CORRUPT ? "a part of a value"
		                                   : "a page that cannot be read");
	return error;
}

int btree_value_read(struct btree *t, const uint8_t *pointers, uint32_t size, uint8_t *to,
                     uint32_t room)
{
	size = size < room ? size : room;
	uint32_t most = btree_value_pages(size);
	if (!size)
		return OK;
	uint8_t *pages = heap_alloc_aligned(most * BTREE_PAGE, BTREE_PAGE);
	if (!pages) {
		most = 1;
		pages = btree_page_alloc_bytes();
	}
	int error = pages ? OK : ERR_MEMORY;
	for (uint32_t at = 0, n; at < size && !error; at += n * BTREE_PAGE, pointers += 16 * n) {
		n = btree_value_pages(size - at) < most ? btree_value_pages(size - at) : most;
		error = pages_read(t, pointers, pages, &n);
		if (!error)
			memcpy(to + at, pages,
			       size - at < n * BTREE_PAGE ? size - at : n * BTREE_PAGE);
	}
	heap_free(pages);
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

int btree_value_free(struct btree *t, const struct cell *c)
{
	for (uint32_t k = 0; c->pointers && k < btree_value_pages(c->value_size); k++) {
		uint64_t page = btree_pointer_load(c->pointers + 16 * k).page;
		int error = btree_map_free(t, page);
		if (error)
			return error;
		if (!btree_map_busy(t, page))
			forget(t, page);
	}
	return OK;
}
