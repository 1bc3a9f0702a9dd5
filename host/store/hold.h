/* SPDX-License-Identifier: ISC */
/* The copier's side of tender/device/block_copy.h: finds the tender that has a file, and asks it. */
#ifndef STORE_HOLD_H
#define STORE_HOLD_H

#include <store/disk.h>
#include <tender/device/block_copy.h>

struct hold {
	int fd, process; /* of the memory; of the tender */
	struct block_copy_shared *shared;
	uint64_t bytes;
};

/* Ended: the tender has gone, and whoever copies begins anew. */
enum held { HELD, HELD_TOO_LONG, HELD_ENDED };

/* -1 with a defect: there is none that this user may ask, or another copier is at work. */
int hold_open(struct hold *, const struct disk *, struct defect *);
void hold_close(struct hold *);
/* From here on writes are noted; nothing is, yet. */
void hold_note(struct hold *);
/* The chunk that has been written since it was asked for last, from `from` on; UINT64_MAX: none. It is forgotten. */
uint64_t hold_noted(struct hold *, uint64_t from);
uint64_t hold_noted_count(const struct hold *);
/* Holds all requests, for that long at most, and waits for those under way. */
enum held hold_begin(struct hold *, uint64_t ns);
/* HELD: they were held all the time. They are noted again, and go on. */
enum held hold_end(struct hold *);

#endif
