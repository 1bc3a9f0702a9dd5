/* SPDX-License-Identifier: ISC */
/*
 * How much of the host's memory an image gets. The image's word is a wish: without --memory, all that it has is at most
 * a quarter of the host's memory, and three quarters of what the tender's own control group may use.
 */
#ifndef TENDER_ALLOWANCE_H
#define TENDER_ALLOWANCE_H

#include <stdint.h>

#include <tender/defect.h>
#include <tender/image.h>

#define ALLOWANCE_RAM_PART   4u          /* one of so many */
#define ALLOWANCE_UNASKED    (16u << 20) /* bytes up to which no control group is looked up */
#define ALLOWANCE_MEMORY_MAX (1ull << 40)

struct allowance {
	uint64_t ram;   /* bytes that the host has */
	uint64_t group; /* bytes that the control groups allow; UINT64_MAX: no bound */
};

/* `root`: what the host's paths begin with, "" but in tests. Groups are looked up if the image wants `wanted` bytes or more
 * than ALLOWANCE_UNASKED. */
void allowance_find(struct allowance *, const char *root, uint64_t wanted);

/* The heap's size, given what the note says, --memory (0: not given), and what the image has beside the heap. 0, or the exit
 * status with a defect that says what to do. */
int allowance_heap(const struct allowance *, const struct amp_note *, uint64_t given,
                   uint64_t beside, uint64_t *heap, struct defect *why);

#endif
