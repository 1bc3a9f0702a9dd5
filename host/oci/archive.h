/* SPDX-License-Identifier: ISC */
/* A layer: a tar archive (POSIX.1-1988 ustar) of few files at the root. Nothing in it depends on time, user or host. */
#ifndef OCI_ARCHIVE_H
#define OCI_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tender/defect.h>

#define ARCHIVE_BLOCK    512u
#define ARCHIVE_NAME_MAX 99u

/* The header of a file of that size. False: the name is too long, or the file too large (8 GiB). */
bool archive_header(uint8_t to[ARCHIVE_BLOCK], const char *name, uint64_t size);

/* Reads an archive, gzip's or plain, of at most `most` bytes, and writes the files whose name `wanted` takes by `open_file`,
 * which returns a descriptor that is closed here, or -1 to leave the file out. How many were written; -1 with a defect. */
int archive_read(const char *path, uint64_t most, int (*open_file)(const char *name, void *context),
                 void *context, struct defect *why);

#endif
