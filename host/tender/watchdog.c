/* SPDX-License-Identifier: ISC */
/* The words are sent from stop.c's tick, which interrupts whatever the thread that runs the image is in. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tender/clock.h>
#include <tender/notify.h>
#include <tender/stop.h>
#include <tender/watchdog.h>

#define MINOR_MIN  3u /* of the ABI: an earlier image's loop may stay away while it is busy */
#define SHARE      4u /* looks in the time that it has */
#define USEC_LEAST 4000u
#define USEC_MOST  (UINT64_C(86400) * 1000000) /* a day: setitimer's seconds are far away */

static uint64_t usec; /* between two looks; 0: nobody watches */
static const uint32_t *image_turns, *image_waits;
static uint32_t seen;
static uint64_t next; /* ns: the tick may come more often */

void watchdog_open(void)
{
	const char *time = getenv("WATCHDOG_USEC"), *whom = getenv("WATCHDOG_PID");
	char *end;
	if (!time || !*time || (whom && strtoll(whom, NULL, 10) != getpid()))
		return;
	uint64_t n = strtoull(time, &end, 10);
	if (*end || !n)
		return;
	n = n < USEC_LEAST ? USEC_LEAST : n > USEC_MOST ? USEC_MOST : n;
	usec = n / SHARE;
}

bool watchdog_is_wanted(void)
{
	return usec;
}

/* In a signal handler. */
static void look(void)
{
	uint64_t now = clock_mono();
	if (now < next)
		return;
	if (image_turns) {
		uint32_t turns = __atomic_load_n(image_turns, __ATOMIC_RELAXED);
		bool waits = __atomic_load_n(image_waits, __ATOMIC_RELAXED);
		if (turns == seen && !waits)
			return;
		seen = turns;
	}
	/* Ticks are late, hardly ever early: half of one is left to them. */
	next = now + usec * 500;
	notify_say("WATCHDOG=1");
}

void watchdog_begin(const uint32_t *turns, const uint32_t *waiting, uint16_t abi_minor)
{
	if (!usec)
		return;
	if (abi_minor >= MINOR_MIN) {
		image_turns = turns;
		image_waits = waiting;
	}
	stop_tick(usec, look);
}

void watchdog_allow(struct filter *f)
{
	if (usec)
		notify_allow(f);
}
