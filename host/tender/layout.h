/* SPDX-License-Identifier: ISC */
/* An image's address space with all that the tender puts there: boot information, and the devices that were given. */
#ifndef TENDER_LAYOUT_H
#define TENDER_LAYOUT_H

#include <tender/args.h>
#include <tender/boot.h>
#include <tender/device/devices.h>
#include <tender/space.h>

struct layout {
	struct space space;
	struct amp_boot *boot;
	struct amp_device *views;    /* the image's of its devices */
	struct amp_secrets *secrets; /* in this process; null: none are taken */
};

struct layout_wish {
	enum space_kind kind;
	const struct image *image;
	const struct args *args;
	struct devices *devices;     /* open */
	uint64_t heap;               /* bytes; 0: none */
	const struct snapshot *from; /* of a clone; null: a fresh start */
	bool moved;                  /* ... in its original's place */
	const char *tender;          /* what boot information calls it */
	unsigned log_level;
	uint32_t concurrent; /* AMP_NET_CONCURRENT, or 0 */
	bool renews;         /* there is room for new versions of secrets */
	bool forks;          /* it may be forked: without a copy, if its heap is large */
};

/* Memory that the image and its devices have beside the heap, bytes. All of it is the note's to say, within image.h's
 * bounds, but for devices that were not given. */
uint64_t layout_beside_heap(const struct image *, const struct devices *);

/* -1 with a defect; then nothing is left of it but what devices_close takes. */
int layout_make(struct layout *, const struct layout_wish *, struct defect *why);
void layout_free(struct layout *);

/* Boot information's address in the image. */
uint64_t layout_boot_at(struct layout *);

#endif
