/* SPDX-License-Identifier: ISC */
/*
 * What a device may move in a second: `,rate=BYTES` and, of a block device, `,iops=COUNT`. A bucket fills by the clock up to
 * what RATE_BURST_NS brings; what a pass has moved is taken out, and may leave a debt of one packet or request. While
 * a bucket has none left, its direction holds, and a timer that the pump sleeps on says when to look again. A device
 * without a rate has no timer, and pays one test a pass.
 */
#ifndef TENDER_DEVICE_RATE_H
#define TENDER_DEVICE_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tender/defect.h>
#include <tender/filter.h>

#define RATE_BURST_NS 50000000ull
#define RATE_MAX      (1ull << 40) /* bytes a second; more is no limit */
#define RATE_NONE     UINT64_MAX

/* Buckets: a network device's two directions; a block device's bytes and requests. */
enum rate_bucket { RATE_OUT, RATE_IN, RATE_BYTES = RATE_OUT, RATE_OPS = RATE_IN };
#define RATE_BUCKETS 2u

struct rate {
	bool set;
	int timer;
	struct {
		uint64_t per_second; /* 0: no limit */
		uint64_t
		        since; /* CLOCK_MONOTONIC, ns: what came until then is in `left`; 0: none yet */
		int64_t left;
	} buckets[RATE_BUCKETS];
	uint64_t holds; /* passes that ended with an empty bucket */
};

/* Takes `,rate=` and `,iops=` off `text`, a device's on the command line, wherever they stand among the words at its end.
 * What is not given is 0. -1 with a defect. */
int rate_take_words(char *text, uint64_t *bytes, uint64_t *ops, struct defect *why);

/* Limits the buckets to that much a second; 0: no limit. -1 with a defect. */
int rate_open(struct rate *, uint64_t first, uint64_t second, struct defect *why);
void rate_close(struct rate *);

/* At the start of a pass: what has come in since the last one. */
void rate_fill(struct rate *, uint64_t now);
/* What a pass may move: RATE_NONE without a limit, 0 while it holds. */
uint64_t rate_left(const struct rate *, enum rate_bucket);
void rate_spend(struct rate *, enum rate_bucket, uint64_t amount);
/* At the end of a pass: is it to go on later? Then the timer is set. */
bool rate_hold(struct rate *);

/* The timer has woken somebody who watches it as long as it is readable. */
void rate_woke(const struct rate *);
/* What the functions above call once the process is confined. */
void rate_allow(const struct rate *, struct filter *);

#endif
