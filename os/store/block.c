/* SPDX-License-Identifier: ISC */
/* Common to all block devices: requests are checked once, before any driver sees them, and tasks wait
 * for them. */
#include <store/block.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/task.h>

static int check(const struct block *b, struct block_request *q)
{
	uint64_t mask = b->sector_size - 1;
	if ((uint32_t)q->op > BLOCK_DISCARD)
		return ERR_INVALID;
	if (q->op == BLOCK_FLUSH)
		return OK;
	if (q->op == BLOCK_READ || q->op == BLOCK_WRITE) {
		if (!q->part_count || q->part_count > BLOCK_PARTS_MAX)
			return ERR_INVALID;
		q->size = 0;
		for (uint32_t k = 0; k < q->part_count; k++) {
			const struct block_part *p = &q->parts[k];
			if (!p->size || p->size & mask || (uintptr_t)p->bytes & mask ||
			    p->size > b->size - q->size)
				return ERR_INVALID;
			q->size += p->size;
		}
	}
	if (q->op != BLOCK_READ && b->read_only)
		return ERR_READ_ONLY;
	if (!q->size || q->at & mask || q->size & mask || q->at > b->size ||
	    q->size > b->size - q->at)
		return ERR_INVALID;
	return OK;
}

void block_submit(struct block *b, struct block_request *q)
{
	q->next = NULL;
	q->result = check(b, q);
	if (q->result == OK)
		b->driver->submit(b, q);
	else
		q->done(q);
}

void block_finish(struct block *b, struct block_request *q, int result)
{
	q->result = result;
	if (result) {
		b->errors++;
	} else if (q->op == BLOCK_READ) {
		b->reads++;
		b->bytes_read += q->size;
	} else if (q->op == BLOCK_WRITE) {
		b->writes++;
		b->bytes_written += q->size;
	} else if (q->op == BLOCK_FLUSH) {
		b->flushes++;
	}
	q->done(q);
}

/* ---- For tasks ---- */

struct waiting {
	struct task_queue queue;
	bool done;
};

static void wake(struct block_request *q)
{
	struct waiting *w = q->of;
	w->done = true;
	task_wake_all(&w->queue);
}

static int run(struct block *b, struct block_request *q)
{
	struct waiting w = { .done = false };
	task_queue_init(&w.queue);
	q->done = wake;
	q->of = &w;
	block_submit(b, q);
	while (!w.done)
		task_wait(&w.queue, CLOCK_NEVER);
	return q->result;
}

int block_read_parts(struct block *b, uint64_t at, const struct block_part *parts, uint32_t count)
{
	return run(b, &(struct block_request){
	                      .op = BLOCK_READ, .at = at, .parts = parts, .part_count = count });
}

int block_write_parts(struct block *b, uint64_t at, const struct block_part *parts, uint32_t count)
{
	return run(b, &(struct block_request){
	                      .op = BLOCK_WRITE, .at = at, .parts = parts, .part_count = count });
}

int block_read(struct block *b, uint64_t at, void *to, uint64_t size)
{
	return block_read_parts(b, at, &(struct block_part){ to, size }, 1);
}

int block_write(struct block *b, uint64_t at, const void *from, uint64_t size)
{
	return block_write_parts(b, at, &(struct block_part){ (void *)(uintptr_t)from, size }, 1);
}

int block_flush(struct block *b)
{
	return run(b, &(struct block_request){ .op = BLOCK_FLUSH });
}

int block_discard(struct block *b, uint64_t at, uint64_t size)
{
	return run(b, &(struct block_request){ .op = BLOCK_DISCARD, .at = at, .size = size });
}
