/* SPDX-License-Identifier: ISC */
/*
 * Callbacks at a time: a hierarchical wheel of intrusive timers. Setting and stopping cost O(1). 10 million
 * timers may be set at once (32 bytes each). A callback runs on the event loop, never early, and late by at most
 * a turn of the loop and TIMER_TICK_NS. It may set or stop any timer, its own included. It must not block.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMER_TICK_NS 4096ull /* 2^12 ns: the wheel's resolution */
#define TIMER_RUN_MAX                                                                              \
	2048u /* timers that fire in one turn of the loop; the others fire in the next turns */

struct timer;
typedef void timer_fn(struct timer *);

/* The owner embeds it, zeroes it before its first use, and finds itself by container_of. */
struct timer {
	struct timer *next, **link; /* link: null when it is not set */
	uint64_t deadline;          /* ns, clock_now()'s time */
	timer_fn *fn;
};

/* Sets the timer, or moves it if it is set. One whose deadline is past fires in the loop's next turn. */
void timer_set(struct timer *, uint64_t deadline_ns, timer_fn *);
void timer_set_in(struct timer *, uint64_t from_now_ns, timer_fn *);
void timer_stop(struct timer *); /* allowed if it is not set */
static inline bool timer_is_set(const struct timer *t)
{
	return t->link != NULL;
}

/* Sets how much of a CPU, in percent, may be spent on waking in time (0, the default: none). A wait ends late by the time
 * that the host takes to wake a process, 5 to 150 us. With a share, the loop asks to be woken earlier, by as much as recent
 * waits were late, and polls until the timer is due, as long as that stays within the share. Use it for applications that
 * run by the clock: a control loop, a paced sender. */
void timer_punctual(uint32_t percent);

/* For the event loop. timer_run fires the timers that are due at `now`, TIMER_RUN_MAX at most, and returns how many.
 * timer_next says when it must be called next (CLOCK_NEVER: no timer is set; 0: at once, some are still due; it may be
 * earlier than the first deadline, never later than its tick). */
unsigned timer_run(uint64_t now);
uint64_t timer_next(void);
bool timer_due(uint64_t now); /* true if timer_run would have something to do */
/* For tests and checks: looks at every slot, and at the first timers of each. */
bool timer_is_valid(void);

#endif
