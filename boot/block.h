/* SPDX-License-Identifier: ISC */
/* A virtio disk (virtio 1.2, section 5.2) as a block device of the image's: a request is a request, its parts lie where they are. */
#ifndef BOOT_BLOCK_H
#define BOOT_BLOCK_H

#include <boot/driver.h>
#include <boot/virtio.h>

#define BLOCK_SERIAL 20u

struct block_job;

struct block {
	struct virtio *disk;
	const struct amp_note_device *note;
	const struct pages *pages;
	struct block_extent extent;
	struct virtq q;
	struct ring requests, answers;
	struct device_memory heap;
	struct block_job *jobs; /* by head */
	uint32_t in_flight;
	bool flushes, discards;
	uint32_t discard_most, piece_most; /* sectors of 512; bytes */
	char serial[BLOCK_SERIAL + 1];
};

/* Agrees with the disk, and reads its serial number. -1 with a defect. */
int block_open(struct block *, struct virtio *, struct defect *why);

/* Reads or writes whole sectors at once, before an image runs. -1: the disk could not. */
int block_read(struct block *, void *to, uint32_t size, uint64_t at);

/* The image's side. */
int block_place(struct block *, const struct driver_room *, struct defect *why);
uint32_t block_pass(struct block *);
bool block_ready(const struct block *, uint64_t events);
void block_listen(struct block *);
void block_woke(struct block *);

/* All of it. `of` is a struct block. */
extern const struct driver block_driver;

#endif
