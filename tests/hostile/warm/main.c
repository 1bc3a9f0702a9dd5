/* SPDX-License-Identifier: ISC */
#include "appliance.h"

#include <stdio.h>
#include <stdlib.h>

#include <core/clock.h>
#include <core/clone.h>
#include <core/task.h>

#define PIECES 64u

static void look(void *arg)
{
	printf("%s\n", (const char *)arg);
}

int main(void)
{
	char *pieces[PIECES];
	for (unsigned i = 0; i < PIECES; i++) {
		pieces[i] = malloc(16 + i * 40);
		if (!pieces[i])
			return 1;
		snprintf(pieces[i], 16, "piece %u", i);
	}
	clone_ready();
	for (unsigned i = 0; i < PIECES; i++) {
		task_sleep_until(clock_now() + NS_PER_MS / 4);
		if (i % 16 == 0)
			task_spawn("look", look, pieces[i]);
		else
			free(pieces[i]);
	}
	printf("%s ends\n", arg_label());
	return 0;
}
