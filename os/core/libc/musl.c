/* SPDX-License-Identifier: ISC */
/*
 * musl's inner functions that would end in a system call. Linked before libc.a, these names keep
 * the members that define them out of the image. One image is one thread, so there is nothing to
 * lock.
 */
#include <locale.h>
#include <stddef.h>
#include <stdio.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>

#include "libc.h"

void __lock(volatile int *);
void __unlock(volatile int *);
int __lockfile(FILE *);
void __unlockfile(FILE *);
size_t __stdio_read(FILE *, unsigned char *, size_t);
size_t __stdio_write(FILE *, const unsigned char *, size_t);
size_t __stdout_write(FILE *, const unsigned char *, size_t);
off_t __stdio_seek(FILE *, off_t, int);
int __stdio_close(FILE *);
const unsigned char *__map_file(const char *, size_t *);
int __munmap(void *, size_t);

void __vm_lock(void);
void __vm_unlock(void);
void __vm_wait(void);

LIBC void __vm_lock(void)
{
}

LIBC void __vm_unlock(void)
{
}

LIBC void __vm_wait(void)
{
}

LIBC void __lock(volatile int *lock)
{
	(void)lock;
}

LIBC void __unlock(volatile int *lock)
{
	(void)lock;
}

LIBC int __lockfile(FILE *f)
{
	(void)f;
	return 0; /* it was not locked, and needs no unlocking */
}

LIBC void __unlockfile(FILE *f)
{
	(void)f;
}

/* musl's take the file's lock, by a system call where another thread has it. */
LIBC int fgetc(FILE *f)
{
	return getc_unlocked(f);
}

LIBC int getc(FILE *f)
{
	return getc_unlocked(f);
}

LIBC int getchar(void)
{
	return getc_unlocked(stdin);
}

/* No descriptor is ever open in an image: what would use one finds the end of the file, or no room.
 */
LIBC size_t __stdio_read(FILE *f, unsigned char *to, size_t size)
{
	(void)f;
	(void)to;
	(void)size;
	return 0;
}

LIBC size_t __stdio_write(FILE *f, const unsigned char *from, size_t size)
{
	(void)f;
	(void)from;
	(void)size;
	return 0;
}

LIBC size_t __stdout_write(FILE *f, const unsigned char *from, size_t size)
{
	return __stdio_write(f, from, size);
}

LIBC off_t __stdio_seek(FILE *f, off_t offset, int whence)
{
	(void)f;
	(void)offset;
	(void)whence;
	return -1;
}

LIBC int __stdio_close(FILE *f)
{
	(void)f;
	return 0;
}

/* C17 7.27.3.1's algorithm. musl's halts where the year is too long for the standard's 26 bytes; ours cuts. */
char *__asctime_r(const struct tm *restrict, char *restrict);
LIBC char *__asctime_r(const struct tm *restrict t, char *restrict to)
{
	static const char days[] = "SunMonTueWedThuFriSat",
	                  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned day = (unsigned)t->tm_wday, month = (unsigned)t->tm_mon;

	snprintf(to, 26, "%.3s %.3s%3d %.2d:%.2d:%.2d %lld\n", day < 7 ? days + 3 * day : "???",
	         month < 12 ? months + 3 * month : "???", t->tm_mday, t->tm_hour, t->tm_min,
	         t->tm_sec, 1900ll + t->tm_year);
	return to;
}

LIBC char *asctime_r(const struct tm *restrict t, char *restrict to)
{
	return __asctime_r(t, to);
}

/* How time zones are read from files: there are none, so local time is UTC or what TZ says. */
LIBC const unsigned char *__map_file(const char *path, size_t *size)
{
	(void)path;
	(void)size;
	return NULL;
}

LIBC int __munmap(void *at, size_t size)
{
	(void)at;
	(void)size;
	return -1;
}

LIBC int munmap(void *at, size_t size)
{
	return __munmap(at, size);
}

/* Other names of functions of ours, which musl has in one member with them: who calls these must not bring a second fputs
 * along. */
int fflush_unlocked(FILE *);
int fputs_unlocked(const char *restrict, FILE *restrict);
size_t fwrite_unlocked(const void *restrict, size_t, size_t, FILE *restrict);

LIBC int fflush_unlocked(FILE *f)
{
	return fflush(f);
}

LIBC int fputs_unlocked(const char *restrict s, FILE *restrict f)
{
	return fputs(s, f);
}

LIBC size_t fwrite_unlocked(const void *restrict from, size_t size, size_t count, FILE *restrict f)
{
	return fwrite(from, size, count, f);
}

LIBC int strcasecmp_l(const char *a, const char *b, locale_t l)
{
	(void)l;
	return strcasecmp(a, b);
}

LIBC int strncasecmp_l(const char *a, const char *b, size_t size, locale_t l)
{
	(void)l;
	return strncasecmp(a, b, size);
}
