/* SPDX-License-Identifier: ISC */
/* A static library that another compiler made for another libc: it is linked as it is, without LTO and control-flow
 * integrity, and audited with the rest. */
#ifndef BUILD_ARCHIVE_H
#define BUILD_ARCHIVE_H

#include <stdbool.h>

struct library;

struct header {
	const char *name; /* as sources include it: "openssl/ssl.h" */
	const char *path; /* absolute */
};

struct archive {
	const char *path;              /* absolute */
	const char *shown;             /* whose it is, in messages: "lib/libx.a", "package zlib" */
	const struct library *library; /* null: the application's */
	bool threads_fail; /* it may ask for threads, and is told that there can be none (EAGAIN) */
	struct header **headers; /* what the sources of a library of the SDK may include of it */
	unsigned header_count;
	/* Functions that a library of the SDK stands in front of (ld's --wrap). */
	const char **wrapped;
	unsigned wrapped_count;
};

#define ARCHIVE_FOLDER "/usr/lib/x86_64-linux-gnu"
/* Where the system keeps headers of packages, among those of another libc, which no source may find. */
#define ARCHIVE_HEADERS       "/usr/include"
#define ARCHIVE_HEADERS_MULTI "/usr/include/x86_64-linux-gnu"

/* Why the file cannot be linked into an image, and what to do; null: it can. */
const char *archive_defect(const char *path);

#endif
