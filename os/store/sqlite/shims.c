/* SPDX-License-Identifier: ISC */
/*
 * Functions that SQLite's archive finds here instead of its own: the operating system (sqlite3_os_init,
 * sqlite3_os_end, as SQLite documents for SQLITE_OS_OTHER), which keeps os_unix.o with its fifty
 * system calls out of the image; and two checked string functions that only glibc has.
 */
#include <stddef.h>
#include <string.h>

#include <core/panic.h>
#include <sqlite3.h>

#include <store/sqlite/sqlite.h>

int sqlite3_os_init(void);
int sqlite3_os_end(void);
void *__memcpy_chk(void *restrict, const void *restrict, size_t, size_t);
void *__memset_chk(void *, int, size_t, size_t);

int sqlite3_os_init(void)
{
	return sqlite_start();
}

int sqlite3_os_end(void)
{
	return SQLITE_OK;
}

/* `room`: bytes of the object written to, as the compiler knew it. */
void *__memcpy_chk(void *restrict to, const void *restrict from, size_t size, size_t room)
{
	if (size > room)
		panic("a buffer of %zu bytes was to get %zu", room, size);
	return memcpy(to, from, size);
}

void *__memset_chk(void *to, int value, size_t size, size_t room)
{
	if (size > room)
		panic("a buffer of %zu bytes was to get %zu", room, size);
	return memset(to, value, size);
}
