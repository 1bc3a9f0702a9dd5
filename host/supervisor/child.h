/* SPDX-License-Identifier: ISC */
/* The tender of an appliance in the background: `ampoule run`, with pipes for what it says. */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include <tender/defect.h>

struct child {
	pid_t pid;    /* 0: none */
	int out, err; /* reading ends, which do not block; -1: none */
	int base; /* what its forks have in common with it (tender/space.h); -1: nothing so far */
	int pictures; /* where it is asked for pictures (tender/picture.h); -1: none */
};

/* Starts the program of this process with `words`; it is told $NOTIFY_SOCKET, and $WATCHDOG_USEC
 * where watchdog_ms is not 0. It is asked to end (SIGTERM) where the caller
 * dies. 0, or -1 with a defect. */
int child_start(struct child *, char *const *words, const char *notify, uint32_t watchdog_ms,
                struct defect *);
void child_close(struct child *); /* its pipes */

/* Its status has come from wait(2): as a shell has it. */
int child_exit_status(int wait_status);

#endif
