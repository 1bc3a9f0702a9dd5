/* SPDX-License-Identifier: ISC */
/* Opening: the newest root whose record is whole is the committed state. */
#include <store/btree/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/heap.h>

#define PAGES_MIN 16u
#define PAGES_MAX ((uint64_t)MAP_DIRS * MAP_POINTERS * MAP_BITS)

static const uint32_t copies[2] = { 0, BTREE_PAGE - RECORD_SIZE };

/* The committed state, if there is one. OK; ERR_ABSENT: the device is blank; ERR_MALFORMED: it
 * holds something else. */
static int find_state(struct btree *t, uint64_t device_pages)
{
	uint8_t *page = page_alloc_bytes();
	uint32_t good = 0, foreign = 0, bad = 0;
	int error = page ? OK : ERR_MEMORY;
	for (uint32_t p = 0; p < ROOT_PAGES && !error; p++) {
		error = block_read(t->block, p * BTREE_PAGE, page, BTREE_PAGE);
		for (uint32_t k = 0; k < 2 && !error; k++) {
			struct state s;
			switch (record_read(page + copies[k], device_pages, &s)) {
			case RECORD_GOOD:
				if (!good++ || s.generation > t->state.generation)
					t->state = s;
				break;
			case RECORD_BLANK:
				break;
			case RECORD_FOREIGN:
				foreign++;
				break;
			case RECORD_DAMAGED:
				bad++;
				damaged(t, p,
				        k ? "the second copy of a root"
				          : "the first copy of a root");
			}
		}
		uint8_t any = 0;
		for (uint32_t k = RECORD_SIZE; k < copies[1] && !error; k++)
			any |= page[k];
		if (any)
			damaged(t, p, "the room between a root's copies");
	}
	heap_free(page);
	if (error || good)
		return error;
	return foreign || bad ? ERR_MALFORMED : ERR_ABSENT;
}

static int create(struct btree *t)
{
	t->state = (struct state){ .pages = t->pages, .used = ROOT_PAGES };
	int error = map_create(t);
	if (error)
		return error;
	t->work = t->state;
	struct btree_node *root = dirty_new(t, 0);
	if (!root)
		return t->why;
	t->work.root.page = root->cached.page;
	return commit_write(t);
}

int btree_open(struct btree **to, struct block *block, const struct btree_options *options)
{
	uint64_t device_pages = block->size / BTREE_PAGE;
	if (device_pages < PAGES_MIN)
		return ERR_TOO_BIG;
	device_pages = device_pages < PAGES_MAX ? device_pages : PAGES_MAX;
	struct btree *t = heap_alloc_zero(1, sizeof *t);
	if (!t)
		return ERR_MEMORY;
	t->block = block;
	t->options = *options;
	t->hint = ROOT_PAGES;
	list_init(&t->snapshots);
	task_queue_init(&t->appliers);
	int error = find_state(t, device_pages);
	if (!error) {
		t->pages = t->state.pages;
		error = map_open(t);
	} else if (error == ERR_ABSENT && options->create) {
		t->pages = device_pages;
		error = block->read_only ? ERR_READ_ONLY : create(t);
	}
	if (error) {
		btree_close(t);
		return error;
	}
	t->work = t->state;
	*to = t;
	return OK;
}

void btree_close(struct btree *t)
{
	work_undo(t);
	heap_free(t->dirty.buckets);
	cache_close(t);
	map_close(t);
	heap_free(t);
}

void btree_figures(const struct btree *t, struct btree_figures *f)
{
	*f = t->figures;
	f->generation = t->state.generation;
	f->keys = t->state.keys;
	f->pages = t->pages;
	f->pages_used = t->state.used;
	f->depth = t->state.level + 1;
	f->cached = t->clean.count;
}
