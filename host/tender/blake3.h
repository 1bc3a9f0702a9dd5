/* SPDX-License-Identifier: ISC */
/* BLAKE3's hash of 256 bits, without key (the paper "BLAKE3: one function, fast everywhere", sections 2.1 to 2.6), for the digests of
 * images. */
#ifndef TENDER_BLAKE3_H
#define TENDER_BLAKE3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLAKE3_SIZE  32u
#define BLAKE3_CHUNK 1024u /* bytes, the tree's leaf */
#define BLAKE3_DEPTH                                                                               \
	55u /* a tree of 2^64 bytes has 54 levels, and the last two of the stack may be of the same */

struct blake3 {
	unsigned
	        lanes; /* chunks that are hashed at once: 8 (AVX2), 4 (SSE2) or 1; the start picks */
	uint64_t chunks;                 /* whole ones, which are in the stack */
	unsigned held;                   /* bytes of `chunk` */
	unsigned depth;                  /* of the stack */
	uint8_t levels[BLAKE3_DEPTH];    /* of each of its subtrees, which has 2^level chunks */
	uint32_t stack[BLAKE3_DEPTH][8]; /* its chaining value */
	uint8_t chunk[BLAKE3_CHUNK];
};
void blake3_start(struct blake3 *);
/* Fastest in pieces of 8 KiB, or a multiple. */
void blake3_add(struct blake3 *, const void *bytes, size_t size);
void blake3_end(struct blake3 *, uint8_t digest[BLAKE3_SIZE]);

/* Is there AVX2, and may its registers be changed? The boot kernel, which knows no libc, has a function of its own. */
bool blake3_has_avx2(void);

#endif
