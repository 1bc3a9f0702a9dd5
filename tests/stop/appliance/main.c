/* SPDX-License-Identifier: ISC */
/*
 * How an image ends that is asked to, by the argument `mode`:
 *
 *   wait      it waits for that, says how long it has, and ends with status 7
 *   sleep     it knows nothing of it, and sleeps
 *   busy      the same, and never sleeps
 *   handler   a handler says so and holds the end off for 100 ms; then it ends with 0
 *   hold      somebody holds the end off for ever
 *   spin      the loop never runs again
 */
#include "appliance.h"

#include <stdio.h>
#include <string.h>

#include <core/clock.h>
#include <core/stop.h>
#include <core/task.h>
#include <core/timer.h>

static struct timer timer;

static void drained(struct timer *t)
{
	(void)t;
	puts("drained");
	stop_release();
}

static void on_stop(struct stop_handler *h, uint64_t deadline_ns)
{
	(void)h, (void)deadline_ns;
	puts("handler");
	stop_hold();
	timer_set_in(&timer, 100 * NS_PER_MS, drained);
}

static struct stop_handler handler = { .stop = on_stop };

int main(void)
{
	const char *mode = arg_mode();

	puts("up");
	fflush(stdout);
	while (!strcmp(mode, "busy"))
		task_yield();
	for (volatile unsigned n = 0; !strcmp(mode, "spin"); n++)
		;
	if (!strcmp(mode, "handler"))
		stop_on(&handler);
	if (!strcmp(mode, "hold"))
		stop_hold();
	if (strcmp(mode, "wait") != 0)
		task_sleep_until(clock_now() + 3600 * NS_PER_S);
	stop_wait();
	printf("asked with %llu s left\n",
	       (unsigned long long)((stop_deadline() - clock_now() + NS_PER_S / 2) / NS_PER_S));
	return 7;
}
