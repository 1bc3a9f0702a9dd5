/* SPDX-License-Identifier: ISC */
/*
 * A temporary file is chunks of heap, which come as they are written and go with a truncation or the
 * end. Nobody else opens it, so locks are nothing. Where the bound is reached a write says SQLITE_FULL,
 * which rolls its statement back.
 */
#include <store/sqlite/temporary.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <core/heap.h>

#define CHUNK (16u << 10)

struct temporary {
	sqlite3_file base;
	uint8_t **chunks; /* null: all zeros */
	uint32_t count;   /* of the list */
	uint64_t size;
};

static uint64_t taken; /* bytes of chunks and lists, of all files */

static struct temporary *of(sqlite3_file *f)
{
	return (struct temporary *)f;
}

static void *take(void *old, uint64_t old_size, uint64_t size)
{
	if (taken - old_size + size > heap_figures().total / SQLITE_TEMPORARY_SHARE)
		return NULL;
	void *p = heap_resize(old, size);
	if (p)
		taken += size - old_size;
	return p;
}

static void give(void *p, uint64_t size)
{
	if (p)
		taken -= size;
	heap_free(p);
}

/* Chunks from that one on. */
static void drop(struct temporary *f, uint32_t from)
{
	for (uint32_t k = from; k < f->count; k++) {
		give(f->chunks[k], CHUNK);
		f->chunks[k] = NULL;
	}
}

static int temporary_close(sqlite3_file *base)
{
	struct temporary *f = of(base);
	drop(f, 0);
	give(f->chunks, f->count * sizeof *f->chunks);
	f->chunks = NULL;
	f->base.pMethods = NULL;
	return SQLITE_OK;
}

static int temporary_read(sqlite3_file *base, void *to, int size, sqlite3_int64 at)
{
	const struct temporary *f = of(base);
	uint64_t from = (uint64_t)at, want = (uint64_t)size;
	uint64_t there = from < f->size ? f->size - from : 0, n;
	there = there < want ? there : want;
	for (uint64_t k = 0; k < there; k += n) {
		const uint8_t *chunk = f->chunks[(from + k) / CHUNK];
		uint32_t in = (uint32_t)((from + k) % CHUNK);
		n = CHUNK - in < there - k ? CHUNK - in : there - k;
		if (chunk)
			memcpy((uint8_t *)to + k, chunk + in, n);
		else
			memset((uint8_t *)to + k, 0, n);
	}
	memset((uint8_t *)to + there, 0, want - there);
	return there < want ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

/* Chunk k is there; false: there is no room for it. */
static bool reach(struct temporary *f, uint32_t k)
{
	if (k >= f->count) {
		uint32_t count = f->count ? f->count : 8;
		while (count <= k)
			count *= 2;
		uint8_t **chunks =
		        take(f->chunks, f->count * sizeof *chunks, count * sizeof *chunks);
		if (!chunks)
			return false;
		memset(chunks + f->count, 0, (count - f->count) * sizeof *chunks);
		f->chunks = chunks;
		f->count = count;
	}
	if (!f->chunks[k]) {
		f->chunks[k] = take(NULL, 0, CHUNK);
		if (f->chunks[k])
			memset(f->chunks[k], 0, CHUNK);
	}
	return f->chunks[k];
}

static int temporary_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 at)
{
	struct temporary *f = of(base);
	uint64_t to = (uint64_t)at, all = (uint64_t)size, n;
	if (to + all > (uint64_t)CHUNK * INT32_MAX)
		return SQLITE_FULL;
	for (uint64_t k = 0; k < all; k += n) {
		uint32_t in = (uint32_t)((to + k) % CHUNK);
		if (!reach(f, (uint32_t)((to + k) / CHUNK)))
			return SQLITE_FULL;
		n = CHUNK - in < all - k ? CHUNK - in : all - k;
		memcpy(f->chunks[(to + k) / CHUNK] + in, (const uint8_t *)bytes + k, n);
		if (f->size < to + k + n)
			f->size = to + k + n;
	}
	return SQLITE_OK;
}

static int temporary_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct temporary *f = of(base);
	uint64_t to = (uint64_t)size;
	if (to >= f->size)
		return SQLITE_OK;
	drop(f, (uint32_t)((to + CHUNK - 1) / CHUNK));
	if (to % CHUNK && f->chunks[to / CHUNK]) /* what comes behind it again is zero */
		memset(f->chunks[to / CHUNK] + to % CHUNK, 0, CHUNK - to % CHUNK);
	f->size = to;
	return SQLITE_OK;
}

static int temporary_sync(sqlite3_file *base, int flags)
{
	(void)base;
	(void)flags;
	return SQLITE_OK;
}

static int temporary_file_size(sqlite3_file *base, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)of(base)->size;
	return SQLITE_OK;
}

static int temporary_lock(sqlite3_file *base, int lock)
{
	(void)base;
	(void)lock;
	return SQLITE_OK;
}

static int temporary_check_reserved(sqlite3_file *base, int *is)
{
	(void)base;
	*is = 0;
	return SQLITE_OK;
}

static int temporary_control(sqlite3_file *base, int what, void *arg)
{
	(void)base;
	(void)what;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int temporary_number(sqlite3_file *base)
{
	(void)base;
	return 0;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = temporary_close,
	.xRead = temporary_read,
	.xWrite = temporary_write,
	.xTruncate = temporary_truncate,
	.xSync = temporary_sync,
	.xFileSize = temporary_file_size,
	.xLock = temporary_lock,
	.xUnlock = temporary_lock,
	.xCheckReservedLock = temporary_check_reserved,
	.xFileControl = temporary_control,
	.xSectorSize = temporary_number,
	.xDeviceCharacteristics = temporary_number,
};

const int sqlite_temporary_size = sizeof(struct temporary);

int sqlite_temporary_open(sqlite3_file *base)
{
	*of(base) = (struct temporary){ .base.pMethods = &methods };
	return SQLITE_OK;
}
