/* SPDX-License-Identifier: ISC */
/* A block device of the image's own memory, for what needs one and is not meant to last: it is gone with the image. */
#ifndef STORE_BLOCK_MEMORY_H
#define STORE_BLOCK_MEMORY_H

#include <store/block.h>

/* Its first page is zeroes, so that it is blank to who formats it; size is rounded up to whole pages. Null: there is not so much memory. */
struct block *block_memory_open(const char *name, uint64_t size);

#endif
