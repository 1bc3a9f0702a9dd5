/* SPDX-License-Identifier: ISC */
/*
 * What a store is written to. A file is made beside its place and renamed when all of it is there, so that what was there before
 * stays until then; a device is written in place.
 */
#ifndef STORE_TARGET_H
#define STORE_TARGET_H

#include <sys/types.h>

#include <store/disk.h>

struct target {
	struct disk disk;
	struct disk old;      /* what is to be replaced: nobody may begin to use it meanwhile */
	char path[4096];      /* a link to it stays one */
	char temporary[4128]; /* "": a device */
};

/* Bytes that lie there already: of a file or device; 0: there is none. */
uint64_t target_size(const char *path);
/* size: of the file; a device needs as much. Refuses what holds something, unless `force`, and what is in use. mode: of a new
 * file. */
int target_open(struct target *, const char *path, uint64_t size, bool force, mode_t mode,
                struct defect *);
int target_done(struct target *, struct defect *);
void target_drop(struct target *); /* after target_done nothing happens */

#endif
