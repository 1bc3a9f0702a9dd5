/* SPDX-License-Identifier: ISC */
/*
 * What devices.c knows of a device: where it lies, and the functions of its driver. Network cards and disks are driven alike, be they
 * virtio's or Xen's. `of` is the driver's own struct.
 */
#ifndef BOOT_DRIVER_H
#define BOOT_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>
#include <tender/device/block_request.h>
#include <tender/device/memory.h>
#include <tender/image.h>

struct pages;

/* Where the image's side is. */
struct driver_room {
	struct device_memory rings, frames, heap;
	const struct device_memory *constants;
	uint32_t constant_count;
	const struct pages *pages; /* the image's memory is there once it is touched */
	uint16_t abi_minor;
	struct amp_device *view;
};

struct driver {
	/* Lays out the image's side, and begins. -1 with a defect. */
	int (*place)(void *of, const struct driver_room *, struct defect *why);
	/* A batch in each direction: how much was moved. */
	uint32_t (*pass)(void *of);
	/* Is one of the events AMP_WAIT_* there? */
	bool (*ready)(const void *of, uint64_t events);
	/* Before a sleep for these events, and after it. */
	void (*listen)(void *of, uint64_t events);
	void (*woke)(void *of);
	/* Is nothing under way that the image has sent or asked for? */
	bool (*idle)(const void *of);
	/* Of a disk: reads whole sectors at once, before an image runs. -1: it could not. */
	int (*read)(void *of, void *to, uint32_t size, uint64_t at);
	/* When it wants to be looked at again, by the TSC, though nothing has told; UINT64_MAX: never. Null: never. */
	uint64_t (*until)(const void *of);
};

/* A disk before it is known whose it is. */
struct driver_disk {
	const struct driver *driver; /* null: it is taken */
	void *of;
	struct block_extent *extent;
	const struct amp_note_device **note; /* what it becomes */
	const char *place;                   /* for messages */
	const char *serial;                  /* "": it has none */
};

#endif
