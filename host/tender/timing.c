/* SPDX-License-Identifier: ISC */
/* A list of moments, printed as a table of steps. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

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

/* No stream: a signal may have come amid something that uses it. */
__attribute__((format(printf, 1, 2))) static void line(const char *format, ...)
{
	char text[128];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n < 0 || write(2, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1) < 0)
		return;
}

void timing_print(const struct timing *t)
{
	uint64_t before = t->start;
	line("%-20s %10s %10s\n", "step", "took, us", "at, us");
	for (uint32_t i = 0; i < t->count; i++) {
		uint64_t at = t->laps[i].at > before ? t->laps[i].at : before;
		uint64_t took = (at - before + 50) / 100, since = (at - t->start + 50) / 100;
		line("%-20s %8llu.%llu %8llu.%llu\n", t->laps[i].what,
		     (unsigned long long)took / 10, (unsigned long long)took % 10,
		     (unsigned long long)since / 10, (unsigned long long)since % 10);
		before = at;
	}
}
