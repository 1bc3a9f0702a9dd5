/* SPDX-License-Identifier: ISC */
/* What signals do to a run. Everything here is done in handlers, on the thread that runs the image. */
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <tender/stop.h>

#define TICK_US   10000 /* between interruptions, once the end has been asked for */
#define MINOR_MIN 3u    /* of the ABI: an image of an earlier one does not know that it is asked */

static void (*end_run)(int signal);
static void (*each_tick)(void);         /* null: none */
static const struct clock *image_clock; /* null: no image that can be asked */
static uint64_t timeout, end_at;        /* ns; CLOCK_MONOTONIC */
static int asked_by;                    /* signal; 0: none yet */
static uint64_t never;
uint64_t *stop_word = &never;

static void on_tick(int signal)
{
	(void)signal;
	if (each_tick)
		each_tick();
	if (asked_by && clock_mono() >= end_at)
		end_run(asked_by);
}

static void on_signal(int signal)
{
	const struct itimerval tick = { { 0, TICK_US }, { 0, TICK_US } };
	if (!image_clock || asked_by)
		end_run(signal);
	asked_by = signal;
	uint64_t now = clock_mono();
	end_at = timeout < UINT64_MAX / 2 - now ? now + timeout : UINT64_MAX / 2;
	__atomic_store_n(stop_word, end_at - image_clock->zero, __ATOMIC_RELEASE);
	setitimer(ITIMER_REAL, &tick, NULL);
}

static void handle(int signal, void (*handler)(int))
{
	struct sigaction a, before;
	memset(&a, 0, sizeof a);
	a.sa_handler = handler;
	sigfillset(&a.sa_mask);
	if (!sigaction(signal, NULL, &before) && before.sa_handler != SIG_IGN)
		sigaction(signal, &a, NULL);
}

void stop_watch(void (*end)(int))
{
	end_run = end;
	handle(SIGINT, on_signal);
	handle(SIGTERM, on_signal);
	handle(SIGHUP, on_signal);
	signal(SIGALRM, SIG_DFL); /* somebody before us may have ignored it */
	handle(SIGALRM, on_tick);
}

void stop_begin(struct amp_boot *boot, uint16_t abi_minor, const struct clock *clock,
                uint64_t timeout_ns)
{
	if (abi_minor < MINOR_MIN || !timeout_ns)
		return;
	timeout = timeout_ns;
	stop_word = &boot->stop_at_ns;
	__atomic_store_n(&image_clock, clock, __ATOMIC_RELEASE);
}

void stop_tick(uint64_t us, void (*what)(void))
{
	const struct timeval every = { (time_t)(us / 1000000), (suseconds_t)(us % 1000000) };
	const struct itimerval tick = { every, every };
	each_tick = what;
	/* One that has come in between asks more often, and is left so. */
	if (!asked_by)
		setitimer(ITIMER_REAL, &tick, NULL);
}

void stop_allow(struct filter *f)
{
	const struct filter_arg real[] = { { 0, FILTER_EQUAL, ITIMER_REAL } };
	filter_allow_if(f, SYS_setitimer, real, 1);
}
