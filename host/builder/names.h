/* SPDX-License-Identifier: ISC */
/*
 * A perfect hash of names: each is found with one look and one comparison. os/core/file.c finds by the same function; what it
 * needs is generated beside the table of files.
 *
 * A name's 64-bit hash chooses one of bucket_count buckets. A bucket's word tells its names' slots: with the upper bit, it is the slot
 * of its only name; else mixed with the hash it gives each its own. A slot's word is the name's number.
 */
#ifndef BUILD_NAMES_H
#define BUILD_NAMES_H

#include <stdbool.h>
#include <stdint.h>

struct names {
	uint32_t count, bucket_count;
	uint64_t salt;
	uint32_t *buckets, *slots; /* names_free gives them back */
};

/* False: no memory, or two names are one. */
bool names_hash(struct names *, const char *const *list, uint32_t count);
void names_free(struct names *);

#endif
