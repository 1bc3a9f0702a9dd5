/* SPDX-License-Identifier: ISC */
/* Tells a service manager, or the supervisor, that the image has started: sd_notify(3) without its library. */
#ifndef TENDER_NOTIFY_H
#define TENDER_NOTIFY_H

#include <stdbool.h>

#include <tender/filter.h>

/* Opens what $NOTIFY_SOCKET names, as long as there are privileges and files to open. Nothing without it; a line where nobody
 * listens there. */
void notify_open(void);
/* READY=1. Closes it, unless more is to be said. Once. */
void notify_ready(bool more);
/* Further words. Safe in a signal handler. */
void notify_say(const char *word);
/* The system call that these make, where it is open. */
void notify_allow(struct filter *);

#endif
