/* SPDX-License-Identifier: ISC */
/*
 * A disk of Xen's (blkfront, public/io/blkif.h) as a block device of the image's. As with netfront, the backend sees pages of the
 * kernel's own, granted once; a request of the image's goes through them in pieces of 44 KiB at most, as many at once as
 * the ring has entries.
 */
#ifndef BOOT_XEN_BLOCK_H
#define BOOT_XEN_BLOCK_H

#include <boot/driver.h>
#include <boot/xen_bus.h>
#include <boot/xen_ring.h>

#define XEN_BLOCK_RING  32u
#define XEN_BLOCK_PARTS 11u /* pages of a piece */

/* A request of the image's, of which all or some pieces are under way. */
struct xen_block_job {
	bool used, failed;
	uint32_t pieces; /* under way */
	uint32_t part_count;
	uint64_t issued; /* bytes that are put into pieces */
	struct amp_block_request request;
	struct iovec parts[AMP_BLOCK_PARTS_MAX];
};

/* An entry's number, and what goes through its pages. */
struct xen_block_piece {
	bool used;
	uint32_t job, size; /* job: XEN_BLOCK_RING: the kernel's own */
	uint64_t at;        /* in the job's bytes */
};

struct xen_block {
	struct xen_bus bus;
	const struct amp_note_device *note;
	const struct pages *pages;
	struct block_extent extent;
	struct xen_ring ring;
	uint32_t port, handle;
	struct ring requests, answers;
	struct device_memory heap;
	uint8_t *memory; /* XEN_BLOCK_PARTS pages for each piece */
	uint32_t grants[XEN_BLOCK_RING][XEN_BLOCK_PARTS];
	struct xen_block_piece pieces[XEN_BLOCK_RING];
	struct xen_block_job jobs[XEN_BLOCK_RING];
	uint32_t job_count,
	        current; /* current: whose pieces are not all put; XEN_BLOCK_RING: none */
	bool flushes, discards;
	uint64_t lies; /* of the backend */
};

/* Agrees with the backend of vbd `number`. -1 with a defect. */
int xen_block_open(struct xen_block *, uint32_t number, struct defect *why);

/* `of` is a struct xen_block. */
extern const struct driver xen_block_driver;

#endif
