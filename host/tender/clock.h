/* SPDX-License-Identifier: ISC */
/*
 * The image's clock: struct amp_clock in boot information, which follows the host's
 * CLOCK_MONOTONIC, and its wall-clock time CLOCK_REALTIME. Image time 0 is the moment of clock_start, but in a clone. One
 * thread at a time may use a clock.
 */
#ifndef TENDER_CLOCK_H
#define TENDER_CLOCK_H

#include <stdint.h>

#include <ampoule_abi.h>

struct clock_sample {
	uint64_t tsc, ns; /* the same moment on both clocks; ns of CLOCK_MONOTONIC */
};

struct clock {
	struct amp_clock *shared;
	struct clock_sample start; /* baseline of the rate */
	uint64_t
	        zero; /* CLOCK_MONOTONIC at image time 0; modulo 2^64: a clone may be older than its host */
	uint64_t next;     /* CLOCK_MONOTONIC at which a refresh is due */
	uint64_t interval; /* to the refresh after that, ns */
	double hz;         /* rate claimed by the host; 0: none */
};

uint64_t clock_mono(void);
int64_t clock_wall(void); /* ns since 1970, by the host */
struct clock_sample clock_sample(void);

/* `since`: a sample from when this process began, which serves as calibration where tsc_khz is 0.
 * `image_ns`: image time now: 0, or where a clone goes on. */
void clock_start(struct clock *, struct amp_clock *shared, const struct clock_sample *since,
                 uint64_t tsc_khz, uint64_t image_ns);

/* Image time now. */
uint64_t clock_image(const struct clock *);

/* Corrects the drift and wall-clock time if it is time to, every four seconds; cheap if not. */
void clock_refresh(struct clock *);

/* Milliseconds until the next refresh is due; for whoever sleeps beside a running image. */
int clock_due_ms(const struct clock *);

/* CLOCK_MONOTONIC of an image time; what is centuries away is UINT64_MAX. */
static inline uint64_t clock_deadline(const struct clock *c, uint64_t image_ns)
{
	uint64_t at = image_ns + c->zero;
	if (image_ns >> 63)
		return UINT64_MAX;
	return at >> 63 ? 0 : at;
}

#endif
