/* SPDX-License-Identifier: ISC */
/* A piece of memory that an image and its tender both see. */
#ifndef TENDER_DEVICE_MEMORY_H
#define TENDER_DEVICE_MEMORY_H

#include <stdint.h>

#include <ampoule_abi.h>

struct device_memory {
	uint64_t at, size; /* in the image; size 0: there is none */
	uint8_t *bytes;    /* in this process */
};

static inline uint64_t whole_pages(uint64_t bytes)
{
	return (bytes + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
}

#endif
