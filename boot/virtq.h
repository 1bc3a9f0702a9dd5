/* SPDX-License-Identifier: ISC */
/*
 * A split virtqueue (virtio 1.2, section 2.7), from the driver's side. The device may write anything anywhere into it at any time:
 * what the driver needs to know it keeps for itself; an entry that the device gives back is believed only if it is
 * the head of one that it was given, and its length only as far as it was given room.
 */
#ifndef BOOT_VIRTQ_H
#define BOOT_VIRTQ_H

#include <stdbool.h>
#include <stdint.h>

#define VIRTQ_SIZE_MAX 256u
#define VIRTQ_NONE     UINT32_MAX

struct virtq_desc {
	uint64_t at;
	uint32_t size;
	uint16_t flags, next;
};

/* A piece of memory that the device reads or, where `in` says so, writes. */
struct virtq_part {
	const volatile void *at;
	uint32_t size;
	bool in;
};

struct virtq {
	uint16_t size;
	bool events; /* VIRTIO_F_EVENT_IDX */
	/* Shared with the device: */
	struct virtq_desc *descs;
	volatile uint16_t *avail, *used; /* flags, index, entries, event */
	/* The driver's: */
	uint16_t given, seen; /* free-running: what was made available; what of `used` was taken */
	uint16_t told;        /* `given` as of the last notification */
	uint16_t free_count, free_first;
	uint16_t next[VIRTQ_SIZE_MAX];  /* of free descriptors, and along chains */
	uint16_t parts[VIRTQ_SIZE_MAX]; /* of the chain with that head; 0: none is under way */
	uint32_t room[VIRTQ_SIZE_MAX];  /* bytes that the device may write to it */
	uint64_t lies;
};

/* Bytes of memory for a queue, and making it there: zeroed, and a multiple of 4 KiB. */
uint32_t virtq_bytes(uint16_t size);
void virtq_open(struct virtq *, void *memory, uint16_t size, bool events);

/* Gives the device a chain of `count` parts, the ones that it writes last: the head's number; VIRTQ_NONE: no room. It sees it with
 * the next virtq_publish. */
uint32_t virtq_give(struct virtq *, const struct virtq_part *, uint32_t count);

/* Shows the device what was given. Does it want to be notified? */
bool virtq_publish(struct virtq *);

/* Takes back the next chain that the device is done with: its head, and how much it says to have written, at most what there
 * was room for. VIRTQ_NONE: none. */
uint32_t virtq_take(struct virtq *, uint32_t *size);

/* Is there one to take? */
bool virtq_ready(const struct virtq *);

/* Has the device send an interrupt for the next one that it is done with, or none. */
void virtq_listen(struct virtq *, bool);

#endif
