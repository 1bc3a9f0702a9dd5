/* SPDX-License-Identifier: ISC */
/* A list of moments, printed as a table of steps. */
#include <stdio.h>

#include <tender/clock.h>
#include <tender/timing.h>

void timing_lap_at(struct timing *t, const char *what, uint64_t at)
{
	if (t->count == TIMING_MAX)
		return;
	t->laps[t->count].what = what;
	t->laps[t->count++].at = at;
}

void timing_lap(struct timing *t, const char *what)
{
	timing_lap_at(t, what, clock_mono());
}

void timing_print(const struct timing *t)
{
	uint64_t before = t->start;
	fprintf(stderr, "%-20s %10s %10s\n", "step", "took, us", "at, us");
	for (uint32_t i = 0; i < t->count; i++) {
		uint64_t at = t->laps[i].at > before ? t->laps[i].at : before;
		fprintf(stderr, "%-20s %10.1f %10.1f\n", t->laps[i].what,
		        (double)(at - before) / 1e3, (double)(at - t->start) / 1e3);
		before = at;
	}
}
