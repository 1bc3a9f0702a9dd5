/* SPDX-License-Identifier: ISC */
/*
 * A block device with two files on it that SQLite needs: a database and its journal. The layout is
 * ampoule_volume.h's.
 *
 * Roots hold the files' sizes. A size counts as soon as its root does, and a root is written only
 * after what it counts has been flushed; so a torn or lost write never lengthens a file by what was
 * there before.
 *
 * Writes are gathered in a window of one chunk for each file: SQLite writes journals in pieces of 4
 * and 4096 bytes. Functions return OK or ERR_*, and block the task; a volume serves one task at a
 * time, others wait.
 */
#ifndef STORE_SQLITE_VOLUME_H
#define STORE_SQLITE_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_volume.h>
#include <core/task.h>
#include <store/block.h>

#define VOLUME_CHUNK    AMP_VOLUME_CHUNK /* of a window, too */
#define VOLUME_DATABASE AMP_VOLUME_DATABASE
#define VOLUME_MIN      AMP_VOLUME_MIN

enum volume_file {
	FILE_DATABASE = AMP_VOLUME_FILE_DATABASE,
	FILE_JOURNAL = AMP_VOLUME_FILE_JOURNAL,
	VOLUME_FILES = AMP_VOLUME_FILES
};

/* Sectors of a file, as they are or will be on the device. from and to are multiples of a sector
 * within the chunk; equal: there are none. */
struct window {
	uint64_t chunk; /* number of the file's chunk */
	uint32_t from, to;
	uint32_t dirty_from, dirty_to; /* what the device has not been given yet */
	uint8_t *bytes;
};

struct volume {
	struct block *block;
	uint64_t end;                /* bytes: the journal's */
	uint64_t sequence;           /* of the last root; 0: there is none yet */
	uint64_t size[VOLUME_FILES]; /* now */
	uint64_t kept[VOLUME_FILES]; /* in the last root */
	struct window windows[VOLUME_FILES];
	uint8_t *bounce; /* a chunk */
	bool busy;
	struct task_queue queue;
};

/* ERR_TOO_BIG: the device is too small; ERR_MALFORMED: something else is on it; ERR_CORRUPT: a
 * volume longer than the device, or of another version; ERR_MEMORY, ERR_IO. */
int sqlite_volume_open(struct volume *, struct block *);
/* Loses what was not synced. */
void sqlite_volume_close(struct volume *);
/* True if all of the database is permanent. (With synchronous=OFF it may not be.) */
bool sqlite_volume_is_synced(const struct volume *);

/* Reads what there is; the rest is filled with zeros. *got: bytes that there were. */
int sqlite_volume_read(struct volume *, enum volume_file, uint64_t at, void *to, uint32_t size,
                       uint32_t *got);
/* ERR_TOO_BIG: the two files would meet. */
int sqlite_volume_write(struct volume *, enum volume_file, uint64_t at, const void *from,
                        uint32_t size);
/* To a smaller size (to a larger one: nothing). The journal's is permanent on return, the
 * database's with sqlite_volume_sync. */
int sqlite_volume_truncate(struct volume *, enum volume_file, uint64_t size);
/* The file's contents and size are permanent on return. */
int sqlite_volume_sync(struct volume *, enum volume_file);

#endif
