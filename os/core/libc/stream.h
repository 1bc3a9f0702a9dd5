/* SPDX-License-Identifier: ISC */
/* A FILE, which begins like musl's (musl 1.2, src/internal/stdio_impl.h), so that those functions of libc.a which are not
 * replaced here work on it. */
#ifndef CORE_LIBC_STREAM_H
#define CORE_LIBC_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <ampoule_abi.h>

#define STREAM_PERMANENT 1u /* not from the heap */
#define STREAM_NO_READ   4u
#define STREAM_NO_WRITE  8u
#define STREAM_AT_END    16u

struct _IO_FILE {
	uint32_t flags;               /* STREAM_... */
	uint32_t used;                /* bytes in the buffer of standard output */
	unsigned char *next, *behind; /* what was read and not yet taken */
	int (*close)(FILE *);
	uint64_t unused4[4]; /* musl: pointers into the buffer of what is written */
	size_t (*read)(FILE *, unsigned char *, size_t);
	size_t (*write)(FILE *, const unsigned char *, size_t);
	off_t (*seek)(FILE *, off_t, int);
	unsigned char *buffer; /* eight bytes before it are for ungetc */
	size_t buffer_size;
	uint64_t unused2[2]; /* musl: the list of open files */
	int32_t fd, pid;
	int64_t lock_count;
	int32_t mode, lock;        /* lock -1: not needed */
	int32_t line_end, unused3; /* line_end -1: none */
	uint64_t unused5[10];
	enum amp_stream stream;
};
_Static_assert(offsetof(struct _IO_FILE, close) == 24 && offsetof(struct _IO_FILE, read) == 64 &&
                       offsetof(struct _IO_FILE, write) == 72 &&
                       offsetof(struct _IO_FILE, buffer) == 88 &&
                       offsetof(struct _IO_FILE, line_end) == 144 &&
                       offsetof(struct _IO_FILE, stream) == 232,
               "musl 1.2");

#endif
