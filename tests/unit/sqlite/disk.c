/* SPDX-License-Identifier: ISC */
/* The disk of disk.h, and the parts of core that os/store/sqlite needs, in the host's terms. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/panic.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/random.h>
#include <core/task.h>

#include "disk.h"

void panic(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	abort();
}

struct pending {
	uint64_t at; /* one sector */
	uint8_t bytes[4096];
};

struct block disk;

static uint8_t *now;    /* what reads see */
static uint8_t *stable; /* what survives whatever comes */
static struct pending *pending;
static size_t pending_count, pending_room;
static uint64_t random_state, requests, cut_at, fail_at;
static bool dead;

static uint64_t draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

void disk_make(uint64_t size, uint32_t sector_size, uint64_t seed)
{
	free(now);
	free(stable);
	now = calloc(1, size);
	stable = calloc(1, size);
	disk = (struct block){ .name = "data", .size = size, .sector_size = sector_size };
	pending_count = 0;
	random_state = seed * 2 + 1;
	requests = cut_at = fail_at = 0;
	dead = false;
}

void disk_cut_at(uint64_t count)
{
	cut_at = count ? requests + count : 0;
}

void disk_fail_at(uint64_t count)
{
	fail_at = count ? requests + count : 0;
}

bool disk_was_cut(void)
{
	return dead;
}

uint64_t disk_requests(void)
{
	return requests;
}

static void settle(const struct pending *p)
{
	uint32_t n = disk.sector_size, part = (uint32_t)(draw() % (n + 1));

	switch (draw() % 4) {
	case 0:
		return;
	case 1:
		memcpy(stable + p->at, p->bytes, part);
		return;
	case 2:
		memcpy(stable + p->at + part, p->bytes + part, n - part);
		return;
	default:
		memcpy(stable + p->at, p->bytes, n);
	}
}

void disk_power(void)
{
	for (size_t i = 0; i < pending_count; i++)
		settle(&pending[i]);
	pending_count = 0;
	memcpy(now, stable, disk.size);
	cut_at = fail_at = 0;
	dead = false;
}

uint8_t *disk_bytes(void)
{
	return now;
}

void disk_restore(const uint8_t *bytes)
{
	memcpy(now, bytes, disk.size);
	memcpy(stable, bytes, disk.size);
	pending_count = 0;
	cut_at = fail_at = 0;
	dead = false;
}

/* Counts a write or flush: is it done? */
static int take(void)
{
	requests++;
	if (requests == cut_at)
		dead = true;
	return requests == fail_at ? ERR_IO : OK;
}

struct block *block_find(const char *name)
{
	return strcmp(name, "data") == 0 ? &disk : NULL;
}

static bool wrong(const struct block *b, uint64_t at, const void *bytes, uint64_t size)
{
	return b != &disk || at % b->sector_size || size % b->sector_size || at > b->size ||
	       size > b->size - at || (uintptr_t)bytes % b->sector_size || size == 0;
}

int block_read(struct block *b, uint64_t at, void *to, uint64_t size)
{
	if (wrong(b, at, to, size))
		abort();
	if (dead)
		return ERR_IO;
	memcpy(to, now + at, size);
	return OK;
}

int block_write(struct block *b, uint64_t at, const void *from, uint64_t size)
{
	if (wrong(b, at, from, size) || b->read_only)
		abort();
	if (dead)
		return ERR_IO;
	/* One that fails may have been done in part, as one that is cut off. */
	int error = take();
	for (uint64_t done = 0; done < size; done += b->sector_size) {
		if (pending_count == pending_room) {
			pending_room = pending_room ? 2 * pending_room : 64;
			pending = realloc(pending, pending_room * sizeof *pending);
		}
		struct pending *p = &pending[pending_count++];
		p->at = at + done;
		memcpy(p->bytes, (const uint8_t *)from + done, b->sector_size);
		if (!error)
			memcpy(now + p->at, p->bytes, b->sector_size);
	}
	return dead ? ERR_IO : error;
}

int block_flush(struct block *b)
{
	if (dead)
		return ERR_IO;
	int error = take();
	if (dead || error)
		return ERR_IO;
	for (size_t i = 0; i < pending_count; i++)
		memcpy(stable + pending[i].at, pending[i].bytes, b->sector_size);
	pending_count = 0;
	return OK;
}

/* ---- core ---- */

void *heap_alloc_aligned(size_t size, size_t align)
{
	return aligned_alloc(align, size);
}

void *heap_alloc_zero(size_t count, size_t size)
{
	return calloc(count, size);
}

void *heap_resize(void *p, size_t size)
{
	return realloc(p, size);
}

uint64_t disk_heap = 64 << 20;

struct heap_figures heap_figures(void)
{
	return (struct heap_figures){ .total = disk_heap };
}

void heap_free(void *p)
{
	free(p);
}

/* Nobody else runs: whoever would wait would wait forever. */
int task_wait(struct task_queue *q, uint64_t deadline)
{
	(void)q;
	(void)deadline;
	abort();
}

bool task_wake_one(struct task_queue *q)
{
	(void)q;
	return false;
}

void task_queue_init(struct task_queue *q)
{
	list_init(&q->waiting);
}

void task_sleep_until(uint64_t deadline_ns)
{
	(void)deadline_ns;
}

uint64_t clock_now(void)
{
	return 0;
}

int64_t clock_wall(void)
{
	return (int64_t)time(NULL) * 1000000000;
}

void random_bytes(void *to, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = (uint8_t)(draw() >> 20);
}

bool log_wants(enum log_level level)
{
	(void)level;
	return false;
}

void log_line(enum log_level level, const char *who, const char *format, ...)
{
	(void)level;
	(void)who;
	(void)format;
}
