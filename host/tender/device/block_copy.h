/* SPDX-License-Identifier: ISC */
/*
 * How a file is copied while an appliance writes to it (`ampoule store copy`). The tender has a piece of memory, a memfd made
 * before its filter, that a copier of its own user, or root, finds and maps. The copier asks by a word in it; the tender makes
 * no system call for that, and looks at the word where it takes requests anyway.
 *
 * The copier has what was written noted (NOTE) and copies all; then what was noted meanwhile, again and again, until that is little;
 * then requests are held (HOLD) until the rest is copied. While they are held and none is under way, the file is one that a cut of
 * power might have left, with all that was acknowledged in it: what every store recovers from.
 *
 * A hold ends by itself at its time. The tender then puts the word back to NOTE, and the copier sees that: it has not copied all in
 * time, and has to go on. So a copier that is slow, stopped or dead holds nobody up.
 */
#ifndef TENDER_DEVICE_BLOCK_COPY_H
#define TENDER_DEVICE_BLOCK_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/device/block_file.h>

#define BLOCK_COPY_MAGIC "ampcopy1"     /* 8 bytes */
#define BLOCK_COPY_NAME  "ampoule-copy" /* of the memfd */
#define BLOCK_COPY_CHUNK 65536u         /* bytes that one note is about */
#define BLOCK_COPY_NOTES 4096u          /* where the notes begin: a bit a chunk, in words of 64 */

enum block_copy_word {
	BLOCK_COPY_NONE, /* nobody copies */
	BLOCK_COPY_NOTE, /* writes are noted */
	BLOCK_COPY_HOLD  /* and no further request is taken until `until` */
};

/* What lies there. Each word has one writer at a time: `word` and `until` the copier, but for the end of a hold that is overdue;
 * `busy` the tender. */
struct block_copy_shared {
	char magic[8];
	uint64_t device,
	        inode;  /* of the file; of a block device, device is its own number and inode 0 */
	uint64_t size;  /* bytes of the file */
	uint64_t until; /* CLOCK_MONOTONIC, ns: where a hold ends */
	uint32_t word;
	uint32_t busy; /* requests under way, and one for a look at the ring */
};

struct block_copy {
	struct block_copy_shared *shared; /* null: there is none */
	uint64_t mapped;                  /* bytes */
	int fd;
	bool held; /* requests wait for the end of a hold */
};

/* Bytes of the memory for a file of that size. */
uint64_t block_copy_bytes(uint64_t file_size);

/* For a file that is written to; without it (no memory) the file cannot be copied meanwhile. */
void block_copy_open(struct block_copy *, const struct block_file *);
void block_copy_close(struct block_copy *);

/* Around taking requests, of which `under_way` are: false: they are held. */
bool block_copy_enter(struct block_copy *, uint32_t under_way);
void block_copy_leave(struct block_copy *, uint32_t under_way);
/* Something was written or discarded, before it is answered. */
void block_copy_note(struct block_copy *, uint64_t at, uint64_t size);

#endif
