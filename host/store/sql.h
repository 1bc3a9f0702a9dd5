/* SPDX-License-Identifier: ISC */
/* The database of a volume, seen by the host's own SQLite. It works on a copy in a temporary folder, beside which its journal lies:
 * what was not committed is taken back there. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include <store/volume.h>

/* Everything that SQLite's integrity_check finds. -1 with a defect: it could not be asked. */
int sql_check(struct volume *, void (*damage)(void *of, const char *what), void *of,
              struct defect *);
/* As statements that make it anew. -1 with a defect. */
int sql_dump(struct volume *, FILE *to, struct defect *);

#endif
