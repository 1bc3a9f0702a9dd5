/* SPDX-License-Identifier: ISC */
/*
 * The end of a run that somebody asks for. The first SIGINT, SIGTERM or SIGHUP asks the image to end by a time (abi: stop_at_ns)
 * and goes on; the run ends when the image does. At that time, at a second signal, or where no image runs that can be asked,
 * `end` is called at once with the signal's number.
 *
 * Signals interrupt whatever the thread that runs the image sleeps in. From the first one on a timer does so again and again,
 * so that one which comes just before a sleep is not lost.
 */
#ifndef TENDER_STOP_H
#define TENDER_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/clock.h>
#include <tender/filter.h>

/* In image time; 0: it has not been asked. Read by whoever ends waits for AMP_WAIT_STOP. */
extern uint64_t *stop_word;

/* From here on signals call `end`, which does not return. A signal that is ignored stays ignored. */
void stop_watch(void (*end)(int signal));

/* From here on the first signal asks the image whose boot information this is, and gives it timeout_ns. An image whose ABI
 * minor does not know of it is never asked, nor is any with a timeout of 0. */
void stop_begin(struct amp_boot *, uint16_t abi_minor, const struct clock *, uint64_t timeout_ns);

/* Has `what`, which is safe in a signal handler, called each `us` microseconds at least, on the thread that runs the image. */
void stop_tick(uint64_t us, void (*what)(void));

static inline bool stop_asked(void)
{
	return __atomic_load_n(stop_word, __ATOMIC_ACQUIRE);
}

/* Is it what a wait for these AMP_WAIT_* bits waits for? */
static inline bool stop_ready(uint64_t events)
{
	return events & AMP_WAIT_STOP && stop_asked();
}

/* The system calls that a signal makes. */
void stop_allow(struct filter *);

#endif
