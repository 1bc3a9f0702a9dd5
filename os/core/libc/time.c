/* SPDX-License-Identifier: ISC */
/* POSIX's clocks and pauses over core's: no pause here blocks but the task that asks for it. */
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <core/clock.h>
#include <core/task.h>

#include "libc.h"

int __clock_gettime(clockid_t, struct timespec *);
int __clock_nanosleep(clockid_t, int, const struct timespec *, struct timespec *);

static int64_t read_clock(clockid_t id)
{
	return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE ? clock_wall()
	                                                           : (int64_t)clock_now();
}

LIBC int clock_gettime(clockid_t id, struct timespec *t)
{
	int64_t now = read_clock(id);
	t->tv_sec = now / (int64_t)NS_PER_S;
	t->tv_nsec = now % (int64_t)NS_PER_S;
	return 0;
}

LIBC int __clock_gettime(clockid_t id, struct timespec *t)
{
	return clock_gettime(id, t);
}

LIBC int clock_getres(clockid_t id, struct timespec *t)
{
	(void)id;
	if (t)
		*t = (struct timespec){ .tv_nsec = 1 };
	return 0;
}

LIBC int clock_nanosleep(clockid_t id, int flags, const struct timespec *t, struct timespec *left)
{
	if (t->tv_nsec < 0 || t->tv_nsec >= (long)NS_PER_S)
		return EINVAL;
	int64_t ns = 0;
	if (t->tv_sec >= 0 && (__builtin_mul_overflow(t->tv_sec, (int64_t)NS_PER_S, &ns) ||
	                       __builtin_add_overflow(ns, t->tv_nsec, &ns)))
		ns = INT64_MAX;
	if (flags & TIMER_ABSTIME) {
		int64_t now = read_clock(id);
		ns = ns > now ? ns - now : 0;
	}
	uint64_t deadline;
	if (__builtin_add_overflow(clock_now(), (uint64_t)ns, &deadline))
		deadline = CLOCK_NEVER;
	task_sleep_until(deadline);
	if (left)
		*left = (struct timespec){ 0 };
	return 0;
}

LIBC int __clock_nanosleep(clockid_t id, int flags, const struct timespec *t, struct timespec *left)
{
	return clock_nanosleep(id, flags, t, left);
}

LIBC int nanosleep(const struct timespec *t, struct timespec *left)
{
	int error = clock_nanosleep(CLOCK_MONOTONIC, 0, t, left);
	if (error == 0 && t->tv_sec >= 0)
		return 0;
	errno = EINVAL;
	return -1;
}

LIBC time_t time(time_t *to)
{
	time_t now = clock_wall() / (int64_t)NS_PER_S;
	if (to)
		*to = now;
	return now;
}

LIBC clock_t clock(void)
{
	return (clock_t)(clock_now() / (NS_PER_S / CLOCKS_PER_SEC));
}

LIBC int sched_yield(void)
{
	task_yield();
	return 0;
}
