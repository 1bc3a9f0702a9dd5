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

/* No stream: a signal may have come amid something that uses it. One write, so that the tables of several stay apart. */
struct table {
	size_t size;
	char text[(TIMING_MAX + 2) * 64];
};

__attribute__((format(printf, 2, 3))) static void line(struct table *t, const char *format, ...)
{
	size_t room = sizeof t->text - t->size;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(t->text + t->size, room, format, args);
	va_end(args);
	t->size += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

void timing_print(const struct timing *t, const char *label)
{
	struct table table = { 0 };
	uint64_t before = t->start;
	if (label)
		line(&table, "%s\n", label);
	line(&table, "%-20s %10s %10s\n", "step", "took, us", "at, us");
	for (uint32_t i = 0; i < t->count; i++) {
		uint64_t at = t->laps[i].at > before ? t->laps[i].at : before;
		uint64_t took = (at - before + 50) / 100, since = (at - t->start + 50) / 100;
		line(&table, "%-20s %8llu.%llu %8llu.%llu\n", t->laps[i].what,
		     (unsigned long long)took / 10, (unsigned long long)took % 10,
		     (unsigned long long)since / 10, (unsigned long long)since % 10);
		before = at;
	}
	if (write(2, table.text, table.size) < 0)
		return;
}
