/* SPDX-License-Identifier: ISC */
/* Where the time of a start goes: `ampoule run --timing`. */
#ifndef TENDER_TIMING_H
#define TENDER_TIMING_H

#include <stdbool.h>
#include <stdint.h>

#define TIMING_MAX 16u

struct timing {
	uint64_t start;   /* CLOCK_MONOTONIC, ns */
	bool output_seen; /* the image has written */
	uint32_t count;
	struct {
		const char *what;
		uint64_t at;
	} laps[TIMING_MAX];
};

void timing_lap(struct timing *, const char *what); /* the step `what` has just ended */
void timing_lap_at(struct timing *, const char *what,
                   uint64_t at); /* it ended then; kept in order */
/* On standard error, in one piece; safe in a signal handler. A label stands before the table, unless it is null. */
void timing_print(const struct timing *, const char *label);

#endif
