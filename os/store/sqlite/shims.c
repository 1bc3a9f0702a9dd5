/* SPDX-License-Identifier: ISC */
/*
 * Functions that SQLite's archive finds here instead of its own: the operating system (sqlite3_os_init,
 * sqlite3_os_end, as SQLite documents for SQLITE_OS_OTHER), which keeps os_unix.o with its fifty
 * system calls out of the image.
 */
#include <sqlite3.h>

#include <store/sqlite/sqlite.h>

int sqlite3_os_init(void);
int sqlite3_os_end(void);

int sqlite3_os_init(void)
{
	return sqlite_start();
}

int sqlite3_os_end(void)
{
	return SQLITE_OK;
}
