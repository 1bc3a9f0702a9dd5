/* SPDX-License-Identifier: ISC */
#include <store/block_memory.h>

#include <string.h>

#include <core/error.h>
#include <core/heap.h>
#include <core/list.h>

struct memory {
	struct block block;
	uint8_t *bytes;
};

static void submit(struct block *b, struct block_request *q)
{
	struct memory *m = container_of(b, struct memory, block);
	uint8_t *at = m->bytes + q->at;
	for (uint32_t k = 0; q->op <= BLOCK_WRITE && k < q->part_count; at += q->parts[k++].size) {
		if (q->op == BLOCK_WRITE)
			memcpy(at, q->parts[k].bytes, q->parts[k].size);
		else
			memcpy(q->parts[k].bytes, at, q->parts[k].size);
	}
	block_finish(b, q, OK);
}

static const struct block_driver driver = { submit };

struct block *block_memory_open(const char *name, uint64_t size)
{
	struct memory *m = heap_alloc_zero(1, sizeof *m);
	size = (size + BLOCK_ALIGN - 1) & ~(uint64_t)(BLOCK_ALIGN - 1);
	if (!m)
		return NULL;
	m->bytes = heap_alloc_aligned(size, BLOCK_ALIGN);
	if (!m->bytes) {
		heap_free(m);
		return NULL;
	}
	memset(m->bytes, 0,
	       BLOCK_ALIGN); /* blank to who formats it; the rest is as the heap gives it */
	m->block = (struct block){
		.name = name, .driver = &driver, .size = size, .sector_size = BLOCK_ALIGN
	};
	return &m->block;
}
