/* SPDX-License-Identifier: ISC */
/*
 * Tar archives, read-only and in place: in a compiled-in file, in any memory, or on a block device. It knows POSIX ustar, pax's and
 * GNU's long names and large numbers, and the old format. Contents are not copied: an entry tells where they are.
 *
 * Errors: ERR_MALFORMED (this is no tar header, or one that contradicts itself), ERR_TOO_BIG (a name longer than TAR_NAME_MAX, or
 * more than 64 KiB of pax records for one file), ERR_IO, ERR_ABSENT (no further entry; no such name), ERR_INVALID (an entry of
 * another archive). Nothing is allocated.
 */
#ifndef STORE_TAR_H
#define STORE_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include <store/block.h>

#define TAR_BLOCK    512u
#define TAR_NAME_MAX 1023u /* bytes */

struct tar {
	const uint8_t *bytes; /* null: on the device */
	struct block *block;
	uint8_t *buffer;   /* for a device: BLOCK_ALIGN bytes of the heap, the caller's */
	uint64_t buffered; /* the number of the block in it, plus one; 0: none */
	uint64_t size;
};

enum tar_kind {
	TAR_FILE,
	TAR_DIRECTORY,
	TAR_LINK,     /* another name of `link` */
	TAR_SYMBOLIC, /* to `link` */
	TAR_OTHER,    /* a device, a sparse file, or something unknown: skip it */
};
struct tar_entry {
	/* As they are in the archive, with any ".." and leading "/", a directory's without its last slash. Check them before you
	 * use them as paths. */
	char name[TAR_NAME_MAX + 1];
	char link[TAR_NAME_MAX + 1];
	enum tar_kind kind;
	uint32_t mode;       /* permission bits */
	int64_t modified;    /* seconds since 1970; 0: before */
	uint64_t at, size;   /* contents in the archive */
	const uint8_t *data; /* the same in memory; null: on a device */
};

/* The place that tar_next reads from. All zero: the beginning. */
struct tar_cursor {
	uint64_t at;
};

void tar_memory(struct tar *, const void *bytes, uint64_t size);
/* The archive begins at the device's first byte. `buffer` stays in use as long as the tar does. */
void tar_device(struct tar *, struct block *, void *buffer);

/* The next entry. An error leaves the cursor where it was: the next call tries again (ERR_IO), or fails again. */
int tar_next(struct tar *, struct tar_cursor *, struct tar_entry *);
/* The last entry of that name, which is the one that extracting all would leave. "./" before either name does not count. */
int tar_find(struct tar *, const char *name, struct tar_entry *);
/* Returns the bytes read: fewer than `size` at the end of the entry only. */
int64_t tar_read(struct tar *, const struct tar_entry *, uint64_t at, void *to, uint64_t size);

#endif
