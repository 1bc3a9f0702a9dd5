/* SPDX-License-Identifier: ISC */
/* Opening: the newest root whose record is whole is the committed state. */
#include <store/btree/internal.h>

#include <string.h>

#include <core/check.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>

#define PAGES_MIN AMP_BTREE_PAGES_MIN
#define PAGES_MAX AMP_BTREE_PAGES_MAX

/* The committed state, if there is one. *repair: its root's page is not as it was written. OK;
 * ERR_ABSENT: the device is blank; ERR_MALFORMED: it holds something else. */
static int find_state(struct btree *t, bool *repair)
{
	uint8_t *page = btree_page_alloc_bytes();
	uint32_t good = 0, other = 0;
	int error = page ? OK : ERR_MEMORY;
	for (uint32_t p = 0; p < ROOT_PAGES && !error; p++) {
		struct state s;
		bool whole, flawed;
		error = block_read(t->block, p * BTREE_PAGE, page, BTREE_PAGE);
		if (error)
			break;
		enum record found = btree_check_root(t, page, p, PAGES_MAX, &s, &whole, &flawed);
		if (found == RECORD_GOOD && (s.generation & 1) != p)
			found = RECORD_FOREIGN;
		other += found == RECORD_FOREIGN || found == RECORD_DAMAGED;
		if (found == RECORD_GOOD && (!good++ || s.generation > t->state.generation)) {
			t->state = s;
			*repair = !whole;
		}
	}
	heap_free(page);
	if (error || good)
		return error;
	return other ? ERR_MALFORMED : ERR_ABSENT;
}

/* After a crash without power loss, the data that was read may still lie in a cache of the device. It
 * has to be on the medium before anything is written in the place of the state before it. And a root
 * gets both its copies, so that one may be lost. */
static void settle(struct btree *t, bool repair)
{
	int error = repair ? btree_root_write(t, &t->state) : OK;
	if (!error)
		error = block_flush(t->block);
	if (error)
		t->refuses = error;
}

/* What was there is not all there any more; whoever made it smaller can make it larger again. */
static int say_shrunk(const struct btree *t)
{
	log_error("btree",
	          "%s has %llu bytes, the store on it needs %llu: it was shrunk, or not copied to "
	          "its end",
	          t->block->name, (unsigned long long)t->block->size,
	          (unsigned long long)(t->state.pages * BTREE_PAGE));
	return ERR_TOO_BIG;
}

static int create(struct btree *t)
{
	t->state = (struct state){ .pages = t->pages, .used = ROOT_PAGES };
	int error = btree_map_create(t);
	if (error)
		return error;
	t->work = t->state;
	struct btree_node *root = btree_dirty_new(t, 0);
	if (!root)
		return t->why;
	t->work.root.page = root->cached.page;
	return btree_commit_write(t);
}

static bool state_is_valid(const struct btree *t, const struct state *s)
{
	return s->pages <= t->pages && s->used <= t->pages && s->level < BTREE_DEPTH_MAX;
}

/* From the oldest on: each of an earlier state or the same. */
static bool snapshots_are_valid(const struct btree *t)
{
	uint64_t generation = 0;
	if (!list_is_valid(&t->snapshots))
		return false;
	list_each (at, &t->snapshots) {
		const struct btree_snapshot *s = container_of(at, struct btree_snapshot, all);
		if (s->tree != t || s->state.generation < generation ||
		    s->state.generation > t->state.generation)
			return false;
		generation = s->state.generation;
	}
	generation = 0;
	for (const struct pending *p = t->pending; p; p = p->next) {
		if (p->generation < generation || (!p->next && p != t->pending_last))
			return false;
		generation = p->generation;
	}
	return true;
}

bool btree_is_valid(const struct btree *t)
{
	const struct apply *a = t->first;
	while (a && a->next)
		a = a->next;
	return state_is_valid(t, &t->state) && state_is_valid(t, &t->work) &&
	       (!a || a == t->last) && snapshots_are_valid(t) && btree_cache_is_valid(t);
}

static bool is_valid(const void *of)
{
	return btree_is_valid(of);
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
	bool repair = false;
	int error = find_state(t, &repair);
	if (!error && t->state.pages > device_pages)
		error = say_shrunk(t);
	else if (!error) {
		t->pages = t->state.pages;
		if (!block->read_only)
			settle(t, repair);
		error = btree_map_open(t);
		if (error == ERR_CORRUPT)
			error = btree_map_rebuild(t);
		if (!error && !block->read_only && device_pages > t->pages)
			error = btree_map_grow(t, device_pages);
	} else if (error == ERR_ABSENT && options->create) {
		t->pages = device_pages;
		error = block->read_only ? ERR_READ_ONLY : create(t);
	}
	if (error) {
		btree_close(t);
		return error;
	}
	t->work = t->state;
	t->trim_at = ROOT_PAGES; /* what earlier ones left is not known */
	check_watch(t, is_valid, "store/btree",
	            "pages in memory are what was read, and none that is in use is overwritten");
	if (metric_shown)
		btree_metrics_add(t);
	*to = t;
	return OK;
}

void btree_close(struct btree *t)
{
	check_forget(t);
	metric_forget(&t->metrics);
	btree_work_undo(t);
	heap_free(t->dirty.buckets);
	btree_cache_close(t);
	btree_map_close(t);
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
