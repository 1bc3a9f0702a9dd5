/* SPDX-License-Identifier: ISC */
/*
 * Two questions, each answered by a line of JSON. How long does it take to put so many sleepers to sleep, and do they all
 * wake (after 0.5 to 1.5 s, as in the paper)? And how late does a task wake that sleeps for a millisecond, again and again,
 * with nothing else to do?
 */
#include "appliance.h"

#include <stdio.h>
#include <stdlib.h>

#include <core/clock.h>
#include <core/heap.h>
#include <core/list.h>
#include <core/task.h>
#include <core/timer.h>

static uint64_t late[65536]; /* of each 2^k ns / 16 */
static uint32_t woken;

/* Lateness in classes of a sixteenth of a power of two: bounded memory for any number of wake-ups. */
static uint32_t class_of(uint64_t ns)
{
	if (ns < 16)
		return (uint32_t)ns;
	uint32_t top = 63 - (uint32_t)__builtin_clzll(ns);
	return (top - 3) * 16 + (uint32_t)(ns >> (top - 4) & 15);
}

static uint64_t least_of(uint32_t class)
{
	if (class < 16)
		return class;
	uint32_t top = class / 16 + 3;
	return (16ull | (class & 15)) << (top - 4);
}

static double quantile(double share)
{
	uint64_t seen = 0, all = 0;
	for (uint32_t k = 0; k < 65536; k++)
		all += late[k];
	for (uint32_t k = 0; k < 65536; k++) {
		seen += late[k];
		if ((double)seen >= share * (double)all && seen)
			return (double)least_of(k + 1) / 1000;
	}
	return 0;
}

/* One sleeper in so many is later: what bench/lib/draw.py draws. */
static const uint32_t one_in[] = { 2, 4, 10, 20, 50, 100, 200, 500, 1000, 10000 };

static void tell(const char *what, double seconds, uint32_t count)
{
	printf("{\"what\": \"%s\", \"count\": %u, \"seconds\": %.4f, \"p50_us\": %.1f, \"p99_us\": "
	       "%.1f, \"p999_us\": %.1f, "
	       "\"max_us\": %.1f, \"late_us\": {",
	       what, count, seconds, quantile(0.5), quantile(0.99), quantile(0.999), quantile(1));
	for (uint32_t k = 0; k < sizeof one_in / sizeof *one_in; k++)
		printf("%s\"%u\": %.1f", k ? ", " : "", one_in[k], quantile(1 - 1.0 / one_in[k]));
	printf("}}\n");
}

static void forget(void)
{
	for (uint32_t k = 0; k < 65536; k++)
		late[k] = 0;
}

static void wakes(struct timer *t)
{
	late[class_of(clock_now() - t->deadline)]++;
	woken++;
}

static int sleepers(uint32_t count)
{
	uint64_t pages = ((uint64_t)count * sizeof(struct timer) + 4095) / 4096;
	uint64_t start = clock_now();
	struct timer *all = extent_alloc(pages);
	if (!all) {
		printf("no memory for %u sleepers\n", count);
		return 1;
	}
	uint32_t draw = 1;
	for (uint32_t k = 0; k < count; k++) {
		draw = draw * 1664525u + 1013904223u;
		all[k] = (struct timer){ .link = NULL };
		timer_set(&all[k],
		          start + 5 * NS_PER_S / 10 + (uint64_t)draw * NS_PER_S / UINT32_MAX,
		          wakes);
	}
	double seconds = (double)(clock_now() - start) / 1e9;
	while (woken < count)
		task_sleep_until(clock_now() + 10 * NS_PER_MS);
	tell("sleepers", seconds, count);
	extent_free(all, pages);
	return 0;
}

int main(void)
{
	uint32_t wanted = arg_wakes();
	timer_punctual(arg_punctual());
	uint64_t start = clock_now();
	for (uint32_t k = 0; k < wanted; k++) {
		uint64_t due = clock_now() + NS_PER_MS;
		task_sleep_until(clock_now() + NS_PER_MS);
		late[class_of(clock_now() - due)]++;
	}
	tell("wakes", (double)(clock_now() - start) / 1e9, wanted);
	forget();
	return arg_sleepers() ? sleepers(arg_sleepers()) : 0;
}
