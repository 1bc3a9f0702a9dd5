/* SPDX-License-Identifier: ISC */
/* The file of a standby's state: FOLDER/INTERFACE.snap, which is there only when it is whole, for its owner alone. */
#ifndef STANDBY_KEEP_H
#define STANDBY_KEEP_H

#include <standby/standby.h>

/* A new one, to be written; -1 after a line. keep_done puts it in the place of an earlier one: false after a line. */
int keep_open(const struct standby *);
bool keep_done(struct standby *);
void keep_drop(const struct standby *);

/* The one that is there, for whoever is woken: -1 and errno. *known: this waker has written it. */
int keep_read(const struct standby *, bool *known);

#endif
