/* SPDX-License-Identifier: ISC */
/*
 * The image's two questions (main.c) to Linux: sleepers are threads with the least stack that there is, as many as asked
 * for or as the host allows; the task that wakes is the main thread.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void sleep_until(long long ns)
{
	struct timespec t = { ns / 1000000000, ns % 1000000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

struct sleeper {
	pthread_t id;
	long long due, late;
};

static void *sleeper(void *arg)
{
	struct sleeper *s = arg;
	sleep_until(s->due);
	s->late = now() - s->due;
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;
	return x < y ? -1 : x > y;
}

static void tell(const char *what, double seconds, long long *late, unsigned count)
{
	qsort(late, count, sizeof *late, by_size);
	long resident = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f))
		sscanf(line, "VmHWM: %ld", &resident);
	if (f)
		fclose(f);
	printf("{\"what\": \"%s\", \"count\": %u, \"seconds\": %.4f, \"p50_us\": %.1f, \"p99_us\": "
	       "%.1f, \"p999_us\": %.1f, "
	       "\"max_us\": %.1f, \"resident_kib\": %ld, \"late_us\": {",
	       what, count, seconds, late[count / 2] / 1e3, late[count * 99ull / 100] / 1e3,
	       late[count * 999ull / 1000] / 1e3, late[count - 1] / 1e3, resident);
	static const unsigned one_in[] = { 2, 4, 10, 20, 50, 100, 200, 500, 1000, 10000 };
	for (unsigned k = 0; k < sizeof one_in / sizeof *one_in; k++)
		printf("%s\"%u\": %.1f", k ? ", " : "", one_in[k],
		       late[count - 1 - count / one_in[k]] / 1e3);
	printf("}}\n");
}

int main(int argc, char **argv)
{
	unsigned wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000,
	         wakes = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;
	long long *late = calloc(wanted > wakes ? wanted : wakes, sizeof *late), start = now();
	struct sleeper *all = calloc(wanted, sizeof *all);
	if (!wanted && !wakes)
		return 2;
	if (!late || (wanted && !all))
		return 1;
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); /* as ampoule's tender has it */
	for (unsigned k = 0; k < wakes; k++) {
		long long due = now() + 1000000;
		sleep_until(due);
		late[k] = now() - due;
	}
	if (wakes)
		tell("wakes", (now() - start) / 1e9, late, wakes);
	pthread_attr_t small;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN);
	unsigned made = 0, draw = 1;
	start = now();
	for (; made < wanted; made++) {
		draw = draw * 1664525u + 1013904223u;
		all[made].due = start + 500000000 + (long long)((double)draw * 1e9 / UINT_MAX);
		if (pthread_create(&all[made].id, &small, sleeper, &all[made]))
			break;
	}
	double seconds = (now() - start) / 1e9;
	for (unsigned k = 0; k < made; k++) {
		pthread_join(all[k].id, NULL);
		late[k] = all[k].late;
	}
	if (made)
		tell("sleepers", seconds, late, made);
	return 0;
}
