/* SPDX-License-Identifier: ISC */
/*
 * Many tasks' changes become one durable state. The first task leads: it takes all waiting batches,
 * makes their changes, writes the new pages, flushes, writes the root, flushes. Batches that come
 * meanwhile are the next leader's. A batch that cannot be made (no memory, no room) is put aside, and
 * the others are made again without it.
 */
#include <store/btree/internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/panic.h>

#define GROUP_MAX     256u /* batches in a commit */
#define IN_FLIGHT_MAX 64u

void btree_work_undo(struct btree *t)
{
	btree_map_undo(t);
	heap_free(t->moved);
	t->moved = NULL;
	for (uint32_t k = 0; k < t->dirty.size; k++) {
		for (struct btree_node *n; (n = t->dirty.buckets[k]) != NULL;) {
			t->dirty.buckets[k] = n->chain;
			btree_node_free(n);
		}
	}
	t->dirty.count = 0;
	for (struct value_page *v; (v = t->values) != NULL;) {
		t->values = v->next;
		heap_free(v->bytes);
		heap_free(v);
	}
	t->work = t->state;
}

/* ---- Writing ---- */

struct item {
	uint64_t page;
	uint8_t *bytes;
};

struct writing {
	struct task_queue queue;
	uint32_t in_flight;
	int error;
};

static void written(struct block_request *q)
{
	struct writing *w = q->of;
	w->in_flight--;
	if (q->result)
		w->error = q->result;
	task_wake_all(&w->queue);
}

static void sift(struct item *all, uint32_t at, uint32_t count)
{
	for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && all[child + 1].page > all[child].page)
			child++;
		if (all[at].page >= all[child].page)
			return;
		struct item other = all[at];
		all[at] = all[child];
		all[child] = other;
	}
}

/* By page: no memory, no worst case. */
static void sort(struct item *all, uint32_t count)
{
	for (uint32_t k = count / 2; k-- > 0;)
		sift(all, k, count);
	for (uint32_t k = count; k-- > 1;) {
		struct item last = all[k];
		all[k] = all[0];
		all[0] = last;
		sift(all, 0, k);
	}
}

/* Writes all of it, neighbours in one request, many at once. */
static int write_all(struct btree *t, struct item *items, uint32_t count)
{
	struct block_request *requests = heap_alloc_zero(count, sizeof *requests);
	struct block_part *parts = heap_alloc(count * sizeof *parts);
	struct writing w = { .error = OK };
	uint32_t n = 0;
	task_queue_init(&w.queue);
	if (!requests || !parts)
		w.error = ERR_MEMORY;
	for (uint32_t k = 0; k < count && !w.error; n++) {
		uint32_t run = 0;
		for (; k + run < count && run < BLOCK_PARTS_MAX &&
		       items[k + run].page == items[k].page + run;
		     run++)
			parts[k + run] = (struct block_part){ items[k + run].bytes, BTREE_PAGE };
		requests[n] = (struct block_request){ .op = BLOCK_WRITE,
			                              .at = items[k].page * BTREE_PAGE,
			                              .parts = parts + k,
			                              .part_count = run,
			                              .done = written,
			                              .of = &w };
		w.in_flight++;
		block_submit(t->block, &requests[n]);
		k += run;
		while (w.in_flight >= IN_FLIGHT_MAX)
			task_wait(&w.queue, CLOCK_NEVER);
	}
	while (w.in_flight)
		task_wait(&w.queue, CLOCK_NEVER);
	heap_free(requests);
	heap_free(parts);
	return w.error;
}

static void sum_node(struct btree *t, struct btree_node *n)
{
	for (uint32_t k = 0; n->cached.level && k < btree_node_count(n->bytes); k++) {
		struct pointer p = btree_node_pointer(n->bytes, k);
		if (p.sum)
			continue;
		p.sum = btree_table_find(&t->dirty, p.page)->sum;
		btree_node_set_pointer(n->bytes, k, p);
	}
	btree_node_pack(n->bytes);
	n->sum = btree_page_sum(n->bytes, n->cached.page);
}

/* Children first, so that each pointer to a dirty node gets its sum. */
static void sums(struct btree *t)
{
	for (uint32_t level = 0; level <= t->work.level; level++) {
		for (uint32_t b = 0; b < t->dirty.size; b++) {
			for (struct btree_node *n = t->dirty.buckets[b]; n; n = n->chain) {
				if (n->cached.level == level)
					sum_node(t, n);
			}
		}
	}
	if (!t->work.root.sum)
		t->work.root.sum = btree_table_find(&t->dirty, t->work.root.page)->sum;
}

static int write_pages(struct btree *t)
{
	uint32_t count = t->dirty.count, n = 0;
	for (const struct value_page *v = t->values; v; v = v->next)
		count++;
	struct item *items = heap_alloc(count * sizeof *items);
	if (!items)
		return ERR_MEMORY;
	for (uint32_t b = 0; b < t->dirty.size; b++) {
		for (struct btree_node *d = t->dirty.buckets[b]; d; d = d->chain)
			items[n++] = (struct item){ d->cached.page, d->bytes };
	}
	for (const struct value_page *v = t->values; v; v = v->next)
		items[n++] = (struct item){ v->page, v->bytes };
	sort(items, n);
	int error = write_all(t, items, n);
	heap_free(items);
	t->figures.pages_written += n;
	return error;
}

int btree_root_write(struct btree *t, const struct state *s)
{
	uint8_t *page = btree_page_alloc_bytes();
	if (!page)
		return ERR_MEMORY;
	memset(page, 0, BTREE_PAGE);
	btree_record_write(page, s);
	btree_record_write(page + BTREE_PAGE - RECORD_SIZE, s);
	int error = block_write(t->block, (s->generation & 1) * BTREE_PAGE, page, BTREE_PAGE);
	heap_free(page);
	return error;
}

int btree_commit_write(struct btree *t)
{
	t->work.generation = t->state.generation + 1;
	sums(t);
	int error = btree_map_write(t);
	if (!error)
		error = write_pages(t);
	if (!error)
		error = block_flush(t->block);
	if (error)
		return error;
	error = btree_root_write(t, &t->work);
	if (error == ERR_MEMORY)
		return error;
	if (!error)
		error = block_flush(t->block);
	if (error) { /* it is not known which state the device holds */
		t->refuses = error;
		return error;
	}
	btree_map_done(t);
	t->map_flaw = 0;
	heap_free(t->map);
	t->map = t->moved;
	t->moved = NULL;
	t->state = t->work;
	for (uint32_t b = 0; b < t->dirty.size; b++) {
		for (struct btree_node *n; (n = t->dirty.buckets[b]) != NULL;) {
			t->dirty.buckets[b] = n->chain;
			t->dirty.count--;
			btree_cache_adopt(t, n);
		}
	}
	btree_work_undo(t); /* nothing but what was written is left */
	t->figures.commits++;
	return OK;
}

/* ---- Applying ---- */

static int make_all(struct btree *t, const struct apply *a)
{
	int error = OK;
	for (uint32_t k = 0; k < a->count && !error; k++)
		error = btree_change_make(t, &a->changes[k]);
	return error;
}

static void finish(struct apply *a, int result)
{
	a->result = result;
	a->done = true;
}

/* Takes what waits, up to `most`, off the queue. */
static struct apply *take(struct btree *t, uint32_t most)
{
	struct apply *group = t->first, *last = group;
	for (uint32_t n = 1; last && last->next && n < most; n++)
		last = last->next;
	if (last) {
		t->first = last->next;
		last->next = NULL;
	}
	return group;
}

static void give_back(struct btree *t, struct apply *group)
{
	struct apply *last = group;
	ensure(group && t->committing);
	while (last->next)
		last = last->next;
	last->next = t->first;
	if (!t->first)
		t->last = last;
	t->first = group;
}

/* One commit. A group of which a batch fails, or which is too much together, is undone and made
 * again without it. */
static void lead(struct btree *t)
{
	struct apply *group = take(t, GROUP_MAX);
	while (group) {
		struct apply **at = &group;
		int error = OK;
		ensure(!t->dirty.count && !t->values && !t->allocated.count && !t->freed.count);
		t->work = t->state;
		while (*at && !(error = make_all(t, *at)))
			at = &(*at)->next;
		if (error) {
			struct apply *bad = *at;
			btree_work_undo(t);
			if (bad !=
			    group) { /* what is not wrong in itself may find room afterwards */
				*at = NULL;
				give_back(t, bad);
				continue;
			}
			group = bad->next;
			finish(bad, error);
			continue;
		}
		bool nothing = !t->allocated.count && !t->freed.count;
		error = nothing ? OK : btree_commit_write(t);
		if (error) {
			btree_work_undo(t);
			if ((error == ERR_MEMORY || error == ERR_TOO_BIG) && group->next &&
			    !t->refuses) {
				give_back(t, group->next);
				group->next = NULL;
				continue;
			}
		}
		for (struct apply *a = group, *next; a; a = next) {
			next = a->next;
			t->figures.changes += error ? 0 : a->count;
			finish(a, error);
		}
		task_wake_all(&t->appliers); /* they need not wait for the next line */
		if (!error && !nothing)
			btree_map_trim(t);
		return;
	}
}

int btree_apply(struct btree *t, const struct btree_change *changes, uint32_t count)
{
	struct apply a = { .changes = changes, .count = count };
	for (uint32_t k = 0; k < count; k++) {
		const struct btree_change *c = &changes[k];
		if (!c->key_size || c->key_size > BTREE_KEY_MAX ||
		    (c->value && c->value_size > BTREE_VALUE_MAX))
			return c->key_size ? ERR_TOO_BIG : ERR_INVALID;
	}
	if (t->block->read_only)
		return ERR_READ_ONLY;
	if (t->first)
		t->last->next = &a;
	else
		t->first = &a;
	t->last = &a;
	while (!a.done) {
		if (t->committing) {
			task_wait(&t->appliers, CLOCK_NEVER);
			continue;
		}
		t->committing = true;
		if (t->refuses) {
			for (struct apply *b = take(t, UINT32_MAX), *next; b; b = next) {
				next = b->next;
				finish(b, t->refuses);
			}
		} else {
			lead(t);
		}
		t->committing = false;
		task_wake_all(&t->appliers);
	}
	return a.result;
}

int btree_put(struct btree *t, const void *key, uint32_t key_size, const void *value,
              uint32_t value_size)
{
	return btree_apply(
	        t, &(struct btree_change){ key, value ? value : "", key_size, value_size }, 1);
}

int btree_delete(struct btree *t, const void *key, uint32_t key_size)
{
	return btree_apply(t, &(struct btree_change){ key, NULL, key_size, 0 }, 1);
}
