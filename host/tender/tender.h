/* SPDX-License-Identifier: ISC */
/* Runs one image from file to exit status. */
#ifndef TENDER_TENDER_H
#define TENDER_TENDER_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/clock.h>
#include <tender/device/devices.h>

#define TENDER_SETS_MAX 64u

enum tender_choice { TENDER_ANY, TENDER_KVM, TENDER_SANDBOX };

struct tender_options {
	const char *path; /* the image */
	enum tender_choice choice;
	struct device_texts devices[DEVICE_TYPES]; /* by index of device_types */
	const char *sets[TENDER_SETS_MAX];         /* "NAME=VALUE" */
	unsigned set_count;
	uint64_t memory;       /* heap bytes; 0: what the note says */
	uint64_t stop_timeout; /* ns that the image has to end when a signal asks it to; 0: none */
	unsigned verbosity;    /* how often -v was given */
	bool timing;
	struct clock_sample start; /* clock_sample() at the start of the process */
};

/* Runs it and returns the exit status of the process, one of abi/ampoule_abi.h's. Anything wrong
 * has been said in one line on standard error. To be called once a process: it gives privileges up
 * for good. */
int tender_run(const struct tender_options *);

#endif
