/* SPDX-License-Identifier: ISC */
/* A tender for unit tests: boot information that tests may change, a clock that they set, a gate
 * that remembers. */
#ifndef CORE_TEST_FAKE_H
#define CORE_TEST_FAKE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include <ampoule_abi.h>

extern struct amp_boot fake_boot;
extern char fake_output[1 << 20], fake_log[1 << 16]; /* what went to the streams, NUL-terminated */
extern size_t fake_output_size, fake_log_size;
extern unsigned fake_puts, fake_waits, fake_seeds;    /* calls */
extern uint64_t fake_wait_deadline, fake_wait_events; /* the last wait's */
extern void (*fake_on_wait)(void); /* may be null; called before a wait returns */
extern uint64_t fake_wait_takes;   /* ns that pass in each wait */
extern bool fake_as_clone;         /* the next wait returns as a clone's does */
extern uint64_t fake_resume;       /* the last wait's */

void fake_start(void); /* everything as at boot: time 0, seed of zeros, nothing written */
void fake_set_now(
        uint64_t ns); /* the clock stands still between calls; a wait moves it to its deadline */
void *fake_memory(size_t size); /* zero pages */

/* Runs fn in a child; true if it ended in a panic whose last words contain `text`. */
bool fake_panics(void (*fn)(void *), void *arg, const char *text);

/* A pseudo-random sequence that is the same in every run (xorshift). */
uint64_t fake_random(void);

#endif
