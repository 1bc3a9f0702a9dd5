/* SPDX-License-Identifier: ISC */
/* A block device of the image's own memory, for data that need not last: it is gone with the image. */
#ifndef STORE_BLOCK_MEMORY_H
#define STORE_BLOCK_MEMORY_H

#include <store/block.h>

/* Its first page is zeroes, so that a store takes it for blank. Size is rounded up to whole pages.
 * Null: there is too little memory. */
struct block *block_memory_open(const char *name, uint64_t size);

#endif
