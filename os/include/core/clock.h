/* SPDX-License-Identifier: ISC */
/* Time, read without leaving the image: the TSC, scaled by the tender's parameters. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

#define NS_PER_US   1000ull
#define NS_PER_MS   1000000ull
#define NS_PER_S    1000000000ull
#define CLOCK_NEVER UINT64_MAX

/* Monotonic nanoseconds, starting near zero at boot. A call takes some 20 ns. */
uint64_t clock_now(void);

/* clock_now() as of the event loop's last turn. It is exact enough for time-outs and costs one load. */
uint64_t clock_coarse(void);

/* Nanoseconds since 1970-01-01 UTC, as the host has it: it jumps, backwards too, where the host's clock is set. The tender looks
 * every four seconds, and after a wait that was longer. Under the boot kernel it goes on from the time of the start. */
int64_t clock_wall(void);

#endif
