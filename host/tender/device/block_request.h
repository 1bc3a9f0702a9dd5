/* SPDX-License-Identifier: ISC */
/* Requests to a block device, seen from the tender: what of them is believed, whoever does them. */
#ifndef TENDER_DEVICE_BLOCK_REQUEST_H
#define TENDER_DEVICE_BLOCK_REQUEST_H

#include <stdbool.h>
#include <sys/uio.h>

#include <tender/defect.h>
#include <tender/device/ring.h>

struct block_extent {
	uint64_t size; /* bytes; a multiple of */
	uint32_t sector_size;
	bool read_only;
};

/* Bytes of shared memory for the rings. */
uint64_t block_rings_size(uint32_t ring_size);

/* Lays the rings out, and fills in the image's view but its name. */
void block_request_lay_out(struct ring *requests, struct ring *answers, const struct block_extent *,
                           const struct device_memory *rings, uint32_t ring_size,
                           struct amp_device *view);

/* Copies and checks what a request (a copy) names: its parts in this process. False: it does not fit. */
bool block_request_fits(const struct block_extent *, const struct device_memory *heap,
                        const struct amp_block_request *, struct iovec *parts);

/* Do the first bytes of a device look like the format that the image wants, or blank? -1 with a defect. */
int block_format_check(const uint8_t *head, uint32_t size, const char *format, struct defect *why);

#endif
