/* SPDX-License-Identifier: ISC */
/*
 * Block devices, as all of os/store sees them: a device of the image (store/block_device.c, from the manifest's
 * `blocks`), or a test's own driver over memory that cuts, tears and loses data that was not flushed. There is no
 * cache here and no order among requests in flight. To order two requests, wait for the first. To make a write
 * permanent, flush.
 *
 * Positions and sizes are bytes and multiples of sector_size; memory lies in the heap (heap_alloc, page_alloc), at
 * multiples of sector_size (BLOCK_ALIGN always does), and belongs to the device until the request is done.
 */
#ifndef STORE_BLOCK_H
#define STORE_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_ALIGN     4096u
#define BLOCK_PARTS_MAX 32u

struct block;

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD };

struct block_part {
	void *bytes;
	uint64_t size;
};

/* One request in flight. The caller keeps it, and the memory that it points to, until `done` is called. done runs on the loop
 * or inside block_submit, and may submit requests, this one included. */
struct block_request {
	enum block_op op;
	uint64_t at; /* of READ, WRITE, DISCARD */
	uint64_t
	        size; /* of DISCARD; READ and WRITE: the sum of the parts, filled in by block_submit */
	const struct block_part *parts;
	uint32_t part_count; /* 1 to BLOCK_PARTS_MAX; READ and WRITE */
	int result; /* OK; ERR_IO: the device failed, contents of the range undefined; or as block_submit says */
	void (*done)(struct block_request *);
	void *of;                   /* the caller's */
	struct block_request *next; /* the device's, while in flight */
};

struct block_driver {
	/* Takes a request that block_submit has checked, and calls block_finish for it once, now or later. */
	void (*submit)(struct block *, struct block_request *);
};

struct block {
	const char *name;
	const struct block_driver *driver;
	uint64_t size; /* bytes */
	uint32_t
	        sector_size; /* 512 or 4096: the unit that is written whole or not at all, as far as devices promise */
	bool read_only;
	uint64_t reads, writes, flushes, errors, bytes_read,
	        bytes_written; /* done since the start */
};

/* The image's device of that name. Null: the image has none, or the optional one is not connected. */
struct block *block_find(const char *name);

/* For drivers: counts the request and calls request->done. */
void block_finish(struct block *, struct block_request *, int result);

/* Event API. result is ERR_INVALID where the request does not fit (alignment, range, parts), ERR_READ_ONLY for a write or
 * discard on a read-only device, ERR_TOO_BIG above 64 MiB: done is called with it, as for any other failure. Never blocks; any
 * number may be in flight. */
void block_submit(struct block *, struct block_request *);

/* Task API: block until done. OK, ERR_IO, or as above. With a driver that is done at once, no task is needed. */
int block_read(struct block *, uint64_t at, void *to, uint64_t size);
int block_write(struct block *, uint64_t at, const void *from, uint64_t size);
int block_read_parts(struct block *, uint64_t at, const struct block_part *, uint32_t count);
int block_write_parts(struct block *, uint64_t at, const struct block_part *, uint32_t count);
/* When it returns OK, every write that was done before is on the medium. */
int block_flush(struct block *);
/* Gives up the range's contents: reads may give anything afterwards. OK where discarding is not supported. */
int block_discard(struct block *, uint64_t at, uint64_t size);

#endif
