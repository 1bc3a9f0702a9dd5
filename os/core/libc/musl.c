/* SPDX-License-Identifier: ISC */
/*
 * musl's inner functions that would end in a system call. Linked before libc.a, these names keep
 * the members that define them out of the image. One image is one thread, so there is nothing to
 * lock.
 */
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

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
