/* SPDX-License-Identifier: ISC */
/*
 * fopen and freopen: the files that are compiled in (manifest: files), for reading. There are no others, and an image's
 * constants cannot be written: ENOENT, EROFS. musl's fread, fgets, fseek, fclose and the rest work on these streams.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <core/file.h>

#include "libc.h"
#include "stream.h"

#define BUFFER 1024u
#define UNGET  8u

struct stream {
	FILE file;
	const struct file *from;
	uint64_t at; /* of what was read ahead, too */
	unsigned char unget[UNGET];
	unsigned char buffer[BUFFER];
};

static size_t read_file(FILE *f, unsigned char *to, size_t size)
{
	struct stream *s = (struct stream *)f;
	uint64_t left = s->from->size - s->at;
	size_t n = size < left ? size : (size_t)left;

	memcpy(to, s->from->data + s->at, n);
	s->at += n;
	left -= n;
	if (n < size) {
		f->flags |= STREAM_AT_END;
		return n;
	}
	size_t ahead = left < BUFFER ? (size_t)left : BUFFER;
	memcpy(s->buffer, s->from->data + s->at, ahead);
	s->at += ahead;
	f->next = s->buffer;
	f->behind = s->buffer + ahead;
	return n;
}

static off_t seek_file(FILE *f, off_t offset, int whence)
{
	struct stream *s = (struct stream *)f;
	int64_t from = whence == SEEK_SET   ? 0
	               : whence == SEEK_CUR ? (int64_t)s->at
	                                    : (int64_t)s->from->size;

	if (whence < SEEK_SET || whence > SEEK_END || __builtin_add_overflow(from, offset, &from) ||
	    from < 0 || from > (int64_t)s->from->size) {
		errno = EINVAL;
		return -1;
	}
	s->at = (uint64_t)from;
	return from;
}

static int close_file(FILE *f)
{
	(void)f;
	return 0;
}

static const struct file *find(const char *path, const char *mode)
{
	const struct file *from;

	if (*mode != 'r' && *mode != 'w' && *mode != 'a') {
		errno = EINVAL;
		return NULL;
	}
	if (*mode != 'r' || strchr(mode, '+')) {
		errno = EROFS;
		return NULL;
	}
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	from = file_find(path);
	if (!from)
		errno = ENOENT;
	return from;
}

static void begin(struct stream *s, const struct file *from)
{
	memset(s, 0, offsetof(struct stream, buffer));
	s->from = from;
	s->file.flags = STREAM_NO_WRITE;
	s->file.read = read_file;
	s->file.seek = seek_file;
	s->file.close = close_file;
	s->file.buffer = s->buffer;
	s->file.buffer_size = BUFFER;
	s->file.fd = s->file.lock = s->file.line_end = -1;
}

LIBC FILE *fopen(const char *restrict path, const char *restrict mode)
{
	const struct file *from = find(path, mode);
	struct stream *s = from ? malloc(sizeof *s) : NULL;

	if (s)
		begin(s, from);
	return s ? &s->file : NULL;
}

LIBC FILE *freopen(const char *restrict path, const char *restrict mode, FILE *restrict f)
{
	struct stream *s = (struct stream *)f;
	const struct file *from = NULL;

	if (f == stdin || f == stdout || f == stderr || f->read != read_file) {
		errno = EBADF;
		return NULL;
	}
	if (path)
		from = find(path, mode);
	else if (*mode == 'r' && !strchr(mode, '+'))
		from = s->from;
	else
		errno = EROFS;
	if (!from) {
		int why = errno;

		fclose(f);
		errno = why;
		return NULL;
	}
	begin(s, from);
	return f;
}

/* ---- what an image's files cannot have done to them ---- */

static int refuse(void)
{
	errno = EROFS;
	return -1;
}

LIBC int remove(const char *path)
{
	(void)path;
	return refuse();
}

LIBC int rename(const char *from, const char *to)
{
	(void)from;
	(void)to;
	return refuse();
}

LIBC_WEAK int unlink(const char *path)
{
	(void)path;
	return refuse();
}

LIBC_WEAK int mkstemp(char *name)
{
	(void)name;
	return refuse();
}

LIBC FILE *tmpfile(void)
{
	refuse();
	return NULL;
}

LIBC char *tmpnam(char *to)
{
	(void)to;
	return NULL;
}

/* ---- glibc's names for the same with off_t of 64 bits, which it always has here ---- */

FILE *fopen64(const char *restrict, const char *restrict);
FILE *freopen64(const char *restrict, const char *restrict, FILE *restrict);
FILE *tmpfile64(void);
int mkstemp64(char *);
int fseeko64(FILE *, off_t, int);
off_t ftello64(FILE *);

LIBC_WEAK FILE *fopen64(const char *restrict path, const char *restrict mode)
{
	return fopen(path, mode);
}

LIBC_WEAK FILE *freopen64(const char *restrict path, const char *restrict mode, FILE *restrict f)
{
	return freopen(path, mode, f);
}

LIBC_WEAK FILE *tmpfile64(void)
{
	return tmpfile();
}

LIBC_WEAK int mkstemp64(char *name)
{
	return mkstemp(name);
}

LIBC_WEAK int fseeko64(FILE *f, off_t offset, int whence)
{
	return fseeko(f, offset, whence);
}

LIBC_WEAK off_t ftello64(FILE *f)
{
	return ftello(f);
}
