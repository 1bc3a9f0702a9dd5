/* SPDX-License-Identifier: ISC */
/* SQLite's temporary files, in the heap: as its `temp_store=FILE`, VACUUM and large sorts want them. */
#ifndef SQLITE_TEMPORARY_H
#define SQLITE_TEMPORARY_H

#include <sqlite3.h>

/* Room that a sqlite3_file must have for one. */
extern const int sqlite_temporary_size;
/* An empty one; it goes when SQLite closes it. All of them together have at most SQLITE_TEMPORARY_SHARE of the heap. */
#define SQLITE_TEMPORARY_SHARE 2u /* a half */
int sqlite_temporary_open(sqlite3_file *);

#endif
