/* SPDX-License-Identifier: ISC */
/*
 * The end of life. The tender asks an image to end by a time (abi: struct amp_boot, stop_at_ns): at SIGTERM, at a
 * deployment, when a container is stopped. Then the loop calls each handler once, the newest first. A handler
 * begins to drain and returns; it holds the end off by stop_hold until it has finished. When no hold is left, the
 * image ends by exit(0), unless main() has returned before. Whatever happens, the tender ends the image at the deadline.
 *
 * A task that blocks in a library's run function (http_run) hears of it by that function's return.
 *
 * Functions that exit() runs (atexit) still run at the end; they must not block.
 */
#ifndef CORE_STOP_H
#define CORE_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include <core/list.h>

/* The caller owns it, and keeps it in place until it is called or cancelled. */
struct stop_handler {
	struct list all;
	/* Must not block. `deadline_ns` is the time by which the tender ends the image, by clock_now(). */
	void (*stop)(struct stop_handler *, uint64_t deadline_ns);
};

/* Registers it. If the end has already been asked for, it is called in the loop's next turn. */
void stop_on(struct stop_handler *);
void stop_cancel(struct stop_handler *);

/* Whether the end has been asked for, and by when. CLOCK_NEVER: it has not. */
bool stop_asked(void);
uint64_t stop_deadline(void);

/* As long as there are holds, the image goes on to its deadline. Each hold is released once, or kept by the task that makes
 * main() return. A hold may be taken before the end is asked for. */
void stop_hold(void);
void stop_release(void);

/* Blocks the calling task until the end is asked for, with a hold that it keeps: its caller cleans up and returns from
 * main(), or calls exit(). */
void stop_wait(void);

#endif
