/* SPDX-License-Identifier: ISC */
/*
 * Tells a service manager, or the supervisor, that the image's loop turns (sd_watchdog_enabled(3)): as often as four times in
 * $WATCHDOG_USEC, WATCHDOG=1, as long as the image waits at its gate or has come there since the last time. Its loop does so
 * twice a second at least, however busy it is; a task that gives no turn to others, or an image that stands still, does not.
 */
#ifndef TENDER_WATCHDOG_H
#define TENDER_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/filter.h>

/* Reads the environment. To be called by the process that was started: $WATCHDOG_PID names it. */
void watchdog_open(void);
bool watchdog_is_wanted(void);

/* From here on, on the thread that runs the image. `turns` has changed when the image has come to its gate, `waiting` is not
 * zero while it is there. An image of an ABI minor whose loop does not promise to come is always well. */
void watchdog_begin(const uint32_t *turns, const uint32_t *waiting, uint16_t abi_minor);
/* The system calls that it makes. */
void watchdog_allow(struct filter *);

#endif
