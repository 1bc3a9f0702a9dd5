/* SPDX-License-Identifier: ISC */
/*
 * Descriptors, for libraries that read files by them: the files that are compiled in (manifest: files), and /dev/urandom.
 * 1 and 2 are standard output and error. Nothing else can be opened: ENOENT, EROFS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <core/file.h>
#include <core/random.h>

#include "libc.h"

#define FIRST           3
#define DESCRIPTORS_MAX 32u /* open at once */

struct descriptor {
	const struct file *file; /* null: random bytes */
	uint64_t at;
	uint32_t is_open;
};

static struct descriptor descriptors[DESCRIPTORS_MAX];

static struct descriptor *descriptor_of(int fd)
{
	if (fd >= FIRST && (uint32_t)(fd - FIRST) < DESCRIPTORS_MAX &&
	    descriptors[fd - FIRST].is_open)
		return &descriptors[fd - FIRST];
	errno = EBADF;
	return NULL;
}

/* False: there is none. */
static bool find(const char *path, const struct file **file)
{
	*file = NULL;
	if (strcmp(path, "/dev/urandom") == 0 || strcmp(path, "/dev/random") == 0)
		return true;
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	*file = file_find(path);
	if (!*file)
		errno = ENOENT;
	return *file;
}

LIBC_WEAK int open(const char *path, int flags, ...)
{
	const struct file *file;

	if ((flags & O_ACCMODE) != O_RDONLY) {
		errno = EROFS;
		return -1;
	}
	if (!find(path, &file))
		return -1;
	for (uint32_t i = 0; i < DESCRIPTORS_MAX; i++)
		if (!descriptors[i].is_open) {
			descriptors[i] = (struct descriptor){ .file = file, .is_open = 1 };
			return FIRST + (int)i;
		}
	errno = EMFILE;
	return -1;
}

LIBC_WEAK int close(int fd)
{
	struct descriptor *d = descriptor_of(fd);

	if (!d)
		return -1;
	d->is_open = 0;
	return 0;
}

LIBC_WEAK ssize_t read(int fd, void *to, size_t size)
{
	struct descriptor *d;

	if (fd == STDIN_FILENO)
		return 0;
	d = descriptor_of(fd);
	if (!d)
		return -1;
	if (!d->file) {
		random_bytes(to, size);
		return (ssize_t)size;
	}
	uint64_t left = d->file->size - d->at;
	size_t n = size < left ? size : (size_t)left;
	memcpy(to, d->file->data + d->at, n);
	d->at += n;
	return (ssize_t)n;
}

LIBC_WEAK ssize_t write(int fd, const void *from, size_t size)
{
	FILE *f = fd == STDOUT_FILENO ? stdout : fd == STDERR_FILENO ? stderr : NULL;

	if (f)
		return (ssize_t)fwrite(from, 1, size, f);
	errno = EBADF;
	return -1;
}

LIBC_WEAK off_t lseek(int fd, off_t offset, int whence)
{
	struct descriptor *d = descriptor_of(fd);

	if (!d)
		return -1;
	if (!d->file) {
		errno = ESPIPE;
		return -1;
	}
	int64_t at = whence == SEEK_SET   ? 0
	             : whence == SEEK_CUR ? (int64_t)d->at
	                                  : (int64_t)d->file->size;
	if (whence < SEEK_SET || whence > SEEK_END || __builtin_add_overflow(at, offset, &at) ||
	    at < 0 || at > (int64_t)d->file->size) {
		errno = EINVAL;
		return -1;
	}
	d->at = (uint64_t)at;
	return at;
}

/* ---- what they are ---- */

static int describe(const struct file *file, struct stat *st)
{
	*st = (struct stat){ .st_mode = file ? S_IFREG | 0444 : S_IFCHR | 0444,
		             .st_nlink = 1,
		             .st_size = file ? (off_t)file->size : 0,
		             .st_blksize = 4096 };
	return 0;
}

LIBC_WEAK int stat(const char *restrict path, struct stat *restrict st)
{
	const struct file *file;

	return find(path, &file) ? describe(file, st) : -1;
}

LIBC_WEAK int lstat(const char *restrict path, struct stat *restrict st)
{
	return stat(path, st);
}

LIBC_WEAK int fstat(int fd, struct stat *st)
{
	const struct descriptor *d;

	if (fd >= 0 && fd < FIRST)
		return describe(NULL, st);
	d = descriptor_of(fd);
	return d ? describe(d->file, st) : -1;
}

LIBC_WEAK int access(const char *path, int mode)
{
	const struct file *file;

	if (!find(path, &file))
		return -1;
	if (mode & (W_OK | X_OK)) {
		errno = mode & W_OK ? EROFS : EACCES;
		return -1;
	}
	return 0;
}

LIBC_WEAK int isatty(int fd)
{
	if ((fd >= 0 && fd < FIRST) || descriptor_of(fd))
		errno = ENOTTY;
	return 0;
}

/* ---- glibc's names for the same with off_t of 64 bits, which it always has here ---- */

int open64(const char *, int, ...);
off_t lseek64(int, off_t, int);
int stat64(const char *restrict, struct stat *restrict);
int lstat64(const char *restrict, struct stat *restrict);
int fstat64(int, struct stat *);

LIBC_WEAK int open64(const char *path, int flags, ...)
{
	return open(path, flags);
}

LIBC_WEAK off_t lseek64(int fd, off_t offset, int whence)
{
	return lseek(fd, offset, whence);
}

LIBC_WEAK int stat64(const char *restrict path, struct stat *restrict st)
{
	return stat(path, st);
}

LIBC_WEAK int lstat64(const char *restrict path, struct stat *restrict st)
{
	return lstat(path, st);
}

LIBC_WEAK int fstat64(int fd, struct stat *st)
{
	return fstat(fd, st);
}
