/* SPDX-License-Identifier: ISC */
/*
 * A word of the pattern says where it is: mix(seed, position). The device is cut into pieces of a
 * sector to 4 MiB, in an order drawn from the seed; each is one request, of 1 to BLOCK_PARTS_MAX
 * parts that lie in memory in reverse, and a slot of memory is filled again as soon as its request
 * is done, so that `depth` are always in flight.
 */
#include <core/error.h>
#include <core/task.h>

#include "try.h"

#define SIZE_MAX_ (4ull << 20)

struct piece {
	uint64_t at, size;
};

struct slot {
	struct block_request request;
	struct block_part parts[BLOCK_PARTS_MAX];
	uint8_t *memory;
	bool busy;
};

struct run {
	struct block *block;
	uint64_t seed, random;
	bool write;
	struct piece *pieces;
	uint32_t piece_count, next, left;
	struct slot *slots;
	struct task_queue done;
};
static struct run run;

/* 512 B to 4 MiB, each power of two as likely as another, and then any multiple of a sector up to
 * it. */
static uint64_t draw_size(uint64_t sector)
{
	uint64_t most = sector << draw(&run.random) % 14;
	if (most > SIZE_MAX_)
		most = SIZE_MAX_;
	return (1 + draw(&run.random) % (most / sector)) * sector;
}

static void cut_up(void)
{
	uint64_t sector = run.block->sector_size, size = run.block->size;
	run.piece_count = 0;
	for (uint64_t at = 0, n; at < size; at += n) {
		n = draw_size(sector);
		if (n > size - at)
			n = size - at;
		run.pieces[run.piece_count++] = (struct piece){ at, n };
	}
	for (uint32_t i = run.piece_count; i > 1; i--) {
		uint32_t k = (uint32_t)(draw(&run.random) % i);
		struct piece t = run.pieces[i - 1];
		run.pieces[i - 1] = run.pieces[k];
		run.pieces[k] = t;
	}
}

/* The parts of a request, from the end of the slot's memory to its start. */
static void make_parts(struct slot *s, uint64_t size)
{
	uint64_t sector = run.block->sector_size, top = size;
	uint32_t want = 1 + (uint32_t)(draw(&run.random) % BLOCK_PARTS_MAX), count = 0;
	while (size) {
		uint64_t n = size;
		if (count + 1 < want && size > sector)
			n = (1 + draw(&run.random) % (size / sector)) * sector;
		top -= n;
		s->parts[count++] = (struct block_part){ s->memory + top, n };
		size -= n;
	}
	s->request.parts = s->parts;
	s->request.part_count = count;
}

static uint64_t word(uint64_t at)
{
	return mix(run.seed * 0x9e3779b97f4a7c15ull + at);
}

static void fill(struct slot *s)
{
	uint64_t at = s->request.at;
	for (uint32_t p = 0; p < s->request.part_count; p++) {
		uint64_t *w = s->parts[p].bytes;
		for (uint64_t i = 0; i < s->parts[p].size / 8; i++, at += 8)
			w[i] = run.write ? word(at) : ~word(at);
	}
}

static void compare(struct slot *s)
{
	uint64_t at = s->request.at;
	for (uint32_t p = 0; p < s->request.part_count; p++) {
		const uint64_t *w = s->parts[p].bytes;
		for (uint64_t i = 0; i < s->parts[p].size / 8; i++, at += 8)
			need(w[i] == word(at), "at byte %llu is 0x%llx, not 0x%llx",
			     (unsigned long long)at, (unsigned long long)w[i],
			     (unsigned long long)word(at));
	}
}

static void done(struct block_request *r)
{
	struct slot *s = r->of;
	need(r->result == OK, "%s of %llu bytes at %llu gave %d", run.write ? "write" : "read",
	     (unsigned long long)r->size, (unsigned long long)r->at, r->result);
	s->busy = false;
	run.left--;
	task_wake_all(&run.done);
}

static void go_through(struct block *b, uint64_t seed, uint32_t depth, bool write)
{
	static uint32_t slots_made;
	if (!run.pieces) {
		run.pieces = pages_or_fail(b->size / b->sector_size * sizeof *run.pieces);
		run.slots = pages_or_fail(depth * sizeof *run.slots);
		task_queue_init(&run.done);
	}
	for (; slots_made < depth; slots_made++)
		run.slots[slots_made].memory = pages_or_fail(SIZE_MAX_);
	run.block = b;
	run.seed = seed;
	run.random = seed * 3 + write;
	run.write = write;
	cut_up();
	run.next = 0;
	run.left = run.piece_count;
	while (run.left) {
		for (uint32_t i = 0; i < depth; i++) {
			struct slot *s = &run.slots[i];
			if (s->busy)
				continue;
			if (!write && s->request.of)
				compare(s);
			s->request.of = NULL;
			if (run.next == run.piece_count)
				continue;
			struct piece *p = &run.pieces[run.next++];
			s->request = (struct block_request){ .op = write ? BLOCK_WRITE : BLOCK_READ,
				                             .at = p->at,
				                             .done = done,
				                             .of = s };
			make_parts(s, p->size);
			fill(s);
			s->busy = true;
			block_submit(b, &s->request);
		}
		if (run.left)
			task_wait(&run.done, UINT64_MAX);
	}
	for (uint32_t i = 0; i < depth; i++) {
		if (!write && run.slots[i].request.of)
			compare(&run.slots[i]);
		run.slots[i].request.of = NULL;
	}
}

void pattern_write(struct block *b, uint64_t seed, uint32_t depth)
{
	go_through(b, seed, depth, true);
	need(block_flush(b) == OK, "the flush failed");
}

void pattern_verify(struct block *b, uint64_t seed, uint32_t depth)
{
	go_through(b, seed, depth, false);
}
