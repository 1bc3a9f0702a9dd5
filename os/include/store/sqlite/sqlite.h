/* SPDX-License-Identifier: ISC */
/*
 * SQLite (Debian's libsqlite3.a, unchanged) on block devices. An application uses sqlite3.h and nothing else. The name of
 * a database is that of a block device in the manifest.
 *
 *     sqlite3 *db;
 *     int rc = sqlite3_open("data", &db);     // or "file:data?mode=ro" with SQLITE_OPEN_URI; ":memory:" is as ever
 *
 * - One database a device, with its rollback journal beside it; journal modes DELETE (the default), TRUNCATE and PERSIST
 *   (fewest flushes a commit), and as ever MEMORY and OFF, which do not survive a crash. There is no WAL, and no
 *   transaction over two devices (ATTACH works; a commit that writes to both fails).
 * - With synchronous=FULL (the default) or EXTRA a commit is on the medium when it returns, and a crash at any moment leaves
 *   the state before it or after it.
 * - Temporary tables, sorting, VACUUM's copy and statement journals live in the heap; with `PRAGMA temp_store=FILE` too,
 *   within half of it for all connections: beyond that a statement fails with SQLITE_FULL.
 * - Tasks may share a connection or have one each, with SQLite's locks between them (busy_timeout and all). A call
 *   blocks its task only. SQLite needs stacks of 128K at least.
 * - A new device has to begin with a page of zeros (ampoule_volume.h has the layout). `ampoule store dump -o FILE.db DEVICE`
 *   gives a database that any SQLite opens, `ampoule store copy` a device like it while the image runs.
 */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

/* Makes "block" SQLite's default VFS. In an image SQLite calls this itself when it starts. SQLITE_OK, or its error. */
int sqlite_start(void);

#endif
