/* SPDX-License-Identifier: ISC */
/* Files on a block device (volume.h). */
#include <stddef.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/hash.h>
#include <core/heap.h>
#include <core/panic.h>

#include <store/sqlite/volume.h>

#define ROOT_BYTES   AMP_VOLUME_ROOT
#define ROOT_VERSION AMP_VOLUME_VERSION
#define UNIT         AMP_VOLUME_UNIT

_Static_assert(sizeof(struct amp_volume_root) <= 512,
               "a root is written whole: it lies in one sector");
_Static_assert(VOLUME_DATABASE == 2 * ROOT_BYTES && VOLUME_CHUNK % UNIT == 0,
               "roots, then whole sectors");

static const char magic[8] = AMP_VOLUME_MAGIC;

static uint64_t root_sum(const struct amp_volume_root *r)
{
	static const uint64_t key[2] = AMP_VOLUME_KEY;

	return hash_bytes_keyed(key, r, offsetof(struct amp_volume_root, sum));
}

static uint64_t round_down(uint64_t n, uint64_t unit)
{
	return n - n % unit;
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return round_down(n + unit - 1, unit);
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void begin(struct volume *v)
{
	while (v->busy)
		task_wait(&v->queue, CLOCK_NEVER);
	v->busy = true;
}

static int end(struct volume *v, int result)
{
	ensure(v->busy);
	v->busy = false;
	task_wake_one(&v->queue);
	return result;
}

/* The place on the device at which a chunk of a file begins. */
static uint64_t place(const struct volume *v, enum volume_file f, uint64_t chunk)
{
	return f == FILE_DATABASE ? VOLUME_DATABASE + chunk * VOLUME_CHUNK
	                          : v->end - (chunk + 1) * VOLUME_CHUNK;
}

/* True if a file of this size fits beside the other. Chunks that the last root counts are not given up
 * before another root is permanent. */
static bool fits(const struct volume *v, enum volume_file f, uint64_t size)
{
	uint64_t room = v->end - VOLUME_DATABASE, other = max_of(v->size[!f], v->kept[!f]);

	if (size > room || other > room)
		return false;
	uint64_t database = f == FILE_DATABASE ? size : other,
	         journal = f == FILE_DATABASE ? other : size;
	journal = round_up(journal, VOLUME_CHUNK);
	return journal <= room && round_up(database, UNIT) <= room - journal;
}

static int write_root(struct volume *v)
{
	uint32_t sector = v->block->sector_size;
	uint64_t sequence = v->sequence + 1;
	struct amp_volume_root r = { .version = ROOT_VERSION, .sequence = sequence, .end = v->end };

	memcpy(r.magic, magic, sizeof r.magic);
	memcpy(r.size, v->size, sizeof r.size);
	r.sum = root_sum(&r);
	memset(v->bounce, 0, sector);
	memcpy(v->bounce, &r, sizeof r);
	/* The first one is root 0: where it stands, a device is not blank. */
	int error = block_write(v->block, (sequence - 1) % 2 * ROOT_BYTES, v->bounce, sector);
	if (!error)
		error = block_flush(v->block);
	if (error)
		return error;
	v->sequence = sequence;
	memcpy(v->kept, v->size, sizeof v->kept);
	return OK;
}

static bool is_zero(const uint8_t *bytes, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

static int take_root(struct volume *v, const struct amp_volume_root *r)
{
	if (r->version != ROOT_VERSION || r->end > v->block->size || r->end % UNIT ||
	    r->end < VOLUME_MIN)
		return ERR_CORRUPT;
	v->end = r->end;
	memcpy(v->size, r->size, sizeof v->size);
	memset(v->kept, 0, sizeof v->kept);
	if (!fits(v, FILE_DATABASE, v->size[FILE_DATABASE]))
		return ERR_CORRUPT;
	memcpy(v->kept, v->size, sizeof v->kept);
	v->sequence = r->sequence;
	return OK;
}

static int read_roots(struct volume *v)
{
	struct amp_volume_root best = { .sequence = 0 };
	bool named[2];

	int error = block_read(v->block, 0, v->bounce, 2 * ROOT_BYTES);
	if (error)
		return error;
	for (uint32_t i = 0; i < 2; i++) {
		struct amp_volume_root r;

		memcpy(&r, v->bounce + i * ROOT_BYTES, sizeof r);
		named[i] = memcmp(r.magic, magic, sizeof magic) == 0;
		if (named[i] && r.sum == root_sum(&r) && r.sequence > best.sequence)
			best = r;
	}
	if (best.sequence)
		return take_root(v, &best);
	/* Nothing was ever committed with root 0 alone: a part of the first root that was written
	 * may be there. */
	if (is_zero(v->bounce + ROOT_BYTES, ROOT_BYTES) &&
	    (named[0] || is_zero(v->bounce, ROOT_BYTES)))
		return OK;
	return named[0] || named[1] ? ERR_CORRUPT : ERR_MALFORMED;
}

int sqlite_volume_open(struct volume *v, struct block *b)
{
	*v = (struct volume){ .block = b, .end = round_down(b->size, UNIT) };
	task_queue_init(&v->queue);
	if (v->end < VOLUME_MIN)
		return ERR_TOO_BIG;
	v->bounce = heap_alloc_aligned(VOLUME_CHUNK, BLOCK_ALIGN);
	int error = v->bounce ? OK : ERR_MEMORY;
	for (uint32_t f = 0; f < VOLUME_FILES; f++) {
		v->windows[f].bytes = heap_alloc_aligned(VOLUME_CHUNK, BLOCK_ALIGN);
		if (!v->windows[f].bytes)
			error = ERR_MEMORY;
	}
	if (!error)
		error = read_roots(v);
	if (error)
		sqlite_volume_close(v);
	return error;
}

/* ---- windows ---- */

static void forget(struct window *w)
{
	w->from = w->to = w->dirty_from = w->dirty_to = 0;
}

static int write_out(struct volume *v, enum volume_file f)
{
	struct window *w = &v->windows[f];

	if (w->dirty_from == w->dirty_to)
		return OK;
	int error = block_write(v->block, place(v, f, w->chunk) + w->dirty_from,
	                        w->bytes + w->dirty_from, w->dirty_to - w->dirty_from);
	if (!error)
		w->dirty_from = w->dirty_to = 0;
	return error;
}

/* A sector that will be written in part: the file's bytes of it, or zeros beyond the file's end. */
static int load_sector(struct volume *v, enum volume_file f, uint32_t at)
{
	struct window *w = &v->windows[f];
	uint32_t sector = v->block->sector_size;

	if (w->chunk * VOLUME_CHUNK + at >= v->size[f]) {
		memset(w->bytes + at, 0, sector);
		return OK;
	}
	return block_read(v->block, place(v, f, w->chunk) + at, w->bytes + at, sector);
}

/* Bytes [from, to) of a chunk are about to be overwritten: makes the window one that holds their
 * sectors. */
static int cover(struct volume *v, enum volume_file f, uint64_t chunk, uint32_t from, uint32_t to)
{
	struct window *w = &v->windows[f];
	uint32_t sector = v->block->sector_size;
	uint32_t low = (uint32_t)round_down(from, sector), high = (uint32_t)round_up(to, sector);
	uint32_t last = high - sector;

	if (w->from != w->to && (w->chunk != chunk || low > w->to || high < w->from)) {
		int error = write_out(v, f);
		if (error)
			return error;
		forget(w);
	}
	w->chunk = chunk;
	bool empty = w->from == w->to;
	if (low < from && (empty || low < w->from || low >= w->to)) {
		int error = load_sector(v, f, low);
		if (error)
			return error;
	}
	if (to < high && (last != low || low == from) &&
	    (empty || last < w->from || last >= w->to)) {
		int error = load_sector(v, f, last);
		if (error)
			return error;
	}
	w->from = empty ? low : (uint32_t)min_of(w->from, low);
	w->to = empty ? high : (uint32_t)max_of(w->to, high);
	bool clean = w->dirty_from == w->dirty_to;
	w->dirty_from = clean ? low : (uint32_t)min_of(w->dirty_from, low);
	w->dirty_to = clean ? high : (uint32_t)max_of(w->dirty_to, high);
	return OK;
}

static int write_piece(struct volume *v, enum volume_file f, uint64_t at, const uint8_t *from,
                       uint32_t size)
{
	uint32_t offset = (uint32_t)(at % VOLUME_CHUNK);

	if (at + size > v->size[f] && !fits(v, f, at + size))
		return ERR_TOO_BIG;
	int error = cover(v, f, at / VOLUME_CHUNK, offset, offset + size);
	if (error)
		return error;
	memcpy(v->windows[f].bytes + offset, from, size);
	v->size[f] = max_of(v->size[f], at + size);
	return OK;
}

static int read_piece(struct volume *v, enum volume_file f, uint64_t at, uint8_t *to, uint32_t size)
{
	const struct window *w = &v->windows[f];
	uint64_t chunk = at / VOLUME_CHUNK;
	uint32_t offset = (uint32_t)(at % VOLUME_CHUNK), sector = v->block->sector_size;
	uint32_t low = (uint32_t)round_down(offset, sector),
	         high = (uint32_t)round_up(offset + size, sector);

	if (w->chunk == chunk && w->from <= low && high <= w->to) {
		memcpy(to, w->bytes + offset, size);
		return OK;
	}
	int error = w->chunk == chunk && w->dirty_from < high && low < w->dirty_to ? write_out(v, f)
	                                                                           : OK;
	if (!error)
		error = block_read(v->block, place(v, f, chunk) + low, v->bounce, high - low);
	if (!error)
		memcpy(to, v->bounce + (offset - low), size);
	return error;
}

/* ---- files ---- */

int sqlite_volume_read(struct volume *v, enum volume_file f, uint64_t at, void *to, uint32_t size,
                       uint32_t *got)
{
	begin(v);
	uint64_t left = at < v->size[f] ? v->size[f] - at : 0;
	int error = OK;

	*got = (uint32_t)min_of(size, left);
	for (uint32_t done = 0; !error && done < *got;) {
		uint32_t n =
		        (uint32_t)min_of(*got - done, VOLUME_CHUNK - (at + done) % VOLUME_CHUNK);

		error = read_piece(v, f, at + done, (uint8_t *)to + done, n);
		done += n;
	}
	if (!error)
		memset((uint8_t *)to + *got, 0, size - *got);
	return end(v, error);
}

int sqlite_volume_write(struct volume *v, enum volume_file f, uint64_t at, const void *from,
                        uint32_t size)
{
	begin(v);
	int error = at > v->end ? ERR_TOO_BIG : OK;

	for (uint32_t done = 0; !error && done < size;) {
		uint32_t n =
		        (uint32_t)min_of(size - done, VOLUME_CHUNK - (at + done) % VOLUME_CHUNK);

		error = write_piece(v, f, at + done, (const uint8_t *)from + done, n);
		done += n;
	}
	return end(v, error);
}

int sqlite_volume_truncate(struct volume *v, enum volume_file f, uint64_t size)
{
	struct window *w = &v->windows[f];

	begin(v);
	if (size >= v->size[f])
		return end(v, OK);
	/* Dropped bytes need not be written, and a window beyond the end would be given out for
	 * zeros. */
	if (w->chunk * VOLUME_CHUNK + w->to > size) {
		if (w->chunk * VOLUME_CHUNK + w->from < size) {
			int error = write_out(v, f);
			if (error)
				return end(v, error);
		}
		forget(w);
	}
	uint64_t before = v->size[f];
	v->size[f] = size;
	int error = OK;
	if (f == FILE_JOURNAL && v->kept[f] != size) {
		uint64_t database = v->size[FILE_DATABASE];
		/* The database's new size is not known to be flushed. */
		v->size[FILE_DATABASE] = v->kept[FILE_DATABASE];
		error = write_root(v);
		v->size[FILE_DATABASE] = database;
		if (error)
			v->size[f] = before;
	}
	return end(v, error);
}

int sqlite_volume_sync(struct volume *v, enum volume_file f)
{
	begin(v);
	int error = write_out(v, f);
	if (!error)
		error = block_flush(v->block);
	if (!error && v->size[f] != v->kept[f]) {
		/* This file's size only: the other's contents may not be there yet. */
		uint64_t other = v->size[!f];
		v->size[!f] = v->kept[!f];
		error = write_root(v);
		v->size[!f] = other;
	}
	return end(v, error);
}

bool sqlite_volume_is_synced(const struct volume *v)
{
	const struct window *w = &v->windows[FILE_DATABASE];

	return w->dirty_from == w->dirty_to && v->size[FILE_DATABASE] == v->kept[FILE_DATABASE];
}

void sqlite_volume_close(struct volume *v)
{
	for (uint32_t f = 0; f < VOLUME_FILES; f++)
		heap_free(v->windows[f].bytes);
	heap_free(v->bounce);
	*v = (struct volume){ .block = NULL };
}
