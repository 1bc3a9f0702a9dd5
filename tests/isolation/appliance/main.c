/* SPDX-License-Identifier: ISC */
/* What an inmate may do: end with a status, crash, keep a processor busy, or sleep until it is asked to end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/clock.h>
#include <core/stop.h>
#include <core/task.h>

#include "appliance.h"

static void on_stop(struct stop_handler *handler, uint64_t deadline_ns)
{
	(void)handler;
	(void)deadline_ns;
	printf("asked\n");
	fflush(stdout);
}

int main(void)
{
	static struct stop_handler handler = { .stop = on_stop };
	const char *mode = arg_mode();
	uint64_t end = clock_now() + arg_time();
	printf("in\n");
	fflush(stdout);
	if (!strcmp(mode, "crash"))
		abort();
	if (!strcmp(mode, "spin")) {
		uint64_t turns = 0;
		while (clock_now() < end)
			turns++;
		printf("%llu turns\n", (unsigned long long)turns);
		return 0;
	}
	if (!strcmp(mode, "sleep")) {
		stop_on(&handler);
		task_sleep_until(end);
		return 0;
	}
	return 7;
}
