/* SPDX-License-Identifier: ISC */
/*
 * Callbacks at a time: a hierarchical wheel of intrusive timers. Setting and stopping cost O(1); 10 million
 * may sleep at once (32 bytes each). A callback runs on the event loop, never early, and late by at most
 * the loop's turn and TIMER_TICK_NS; it may set or stop any timer, itself included. It must not block.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMER_TICK_NS 4096ull /* 2^12 ns: the wheel's resolution */
#define TIMER_RUN_MAX                                                                              \
	2048u /* timers that fire in one turn of the loop; more wait for the next ones */

struct timer;
typedef void timer_fn(struct timer *);

/* The owner embeds it (container_of finds it back) and zeroes it before first use. */
struct timer {
	struct timer *next, **link; /* link: null when it is not set */
	uint64_t deadline;          /* ns, clock_now()'s time */
	timer_fn *fn;
};

/* Sets it, or moves it if it is set. A deadline in the past fires in the loop's next turn. */
void timer_set(struct timer *, uint64_t deadline_ns, timer_fn *);
void timer_set_in(struct timer *, uint64_t from_now_ns, timer_fn *);
void timer_stop(struct timer *); /* not set: no harm */
static inline bool timer_is_set(const struct timer *t)
{
	return t->link != NULL;
}

/* How much of a CPU, in percent, may go into waking in time (0, as at first: none). A wait ends late by what the host
 * takes to wake somebody, 5 to 150 us; from now on the loop asks to be woken earlier by what waits have lately been late,
 * and polls until the timer is due, as long as that stays within the share. For what runs by the clock: a control loop, a
 * paced sender. */
void timer_punctual(uint32_t percent);

/* For the event loop. Runs what is due at `now`, TIMER_RUN_MAX at most, and returns how many fired; and when it
 * must be called next (CLOCK_NEVER: nothing set; 0: at once, it left something to do; may be earlier than the
 * first deadline, never later than its tick). */
unsigned timer_run(uint64_t now);
uint64_t timer_next(void);
bool timer_due(uint64_t now); /* timer_run would have something to do */
/* For tests and checks: looks at every slot, and at the first timers of each. */
bool timer_is_valid(void);

#endif
