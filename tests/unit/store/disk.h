/* SPDX-License-Identifier: ISC */
/*
 * A disk in memory, as a driver of store/block.h, that remembers all that was written to it: so that each moment at which its
 * power could have gone can be looked at afterwards. Requests are done at once.
 */
#ifndef TEST_DISK_H
#define TEST_DISK_H

#include <stddef.h>

#include <store/block.h>

#define DISK_UNIT 512u /* written whole or not at all */

struct disk_event {
	enum { DISK_WRITE, DISK_FLUSH, DISK_NOTE } kind;
	uint64_t at, size; /* NOTE: at is the caller's number */
	uint8_t *bytes;
};

struct disk {
	struct block block;
	uint8_t *bytes;
	bool record;
	struct disk_event *events;
	uint32_t event_count, event_size;
	uint64_t fail_at,
	        requests; /* the request of that number (from 1) and all after it fail; 0: none */
	bool fail_once;
	uint64_t discarded; /* bytes */
};

void disk_open(struct disk *, uint64_t size, bool record); /* zeroes */
void disk_close(struct disk *);
void disk_note(struct disk *, uint64_t number); /* into the record */

/* Walks through a record: `image` becomes what a disk may hold whose power went just before event `upto`: everything
 * flushed, and of the rest what the seed says, unit by unit: some version of it, the old one included. */
struct disk_cut {
	const struct disk *disk;
	uint8_t *durable, *newest; /* up to `next` */
	uint8_t *touched;          /* a byte a unit: written since the last flush */
	uint32_t next;
	uint32_t first; /* event after the last flush */
};
void disk_cut_open(struct disk_cut *, const struct disk *);
void disk_cut_close(struct disk_cut *);
void disk_cut_image(struct disk_cut *, uint32_t upto, uint64_t seed,
                    uint8_t *image); /* upto never goes back */

uint64_t disk_random(uint64_t *seed);

#endif
