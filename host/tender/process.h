/* SPDX-License-Identifier: ISC */
/* A process by more than its number, which may be another's by now. */
#ifndef TENDER_PROCESS_H
#define TENDER_PROCESS_H

#include <sys/types.h>

/* When it began, in clock ticks since the host's start; 0: there is none, or it has ended and was not waited for yet. */
unsigned long long process_start(pid_t);

#endif
