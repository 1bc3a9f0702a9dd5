/* SPDX-License-Identifier: ISC */
/* SHA-256 (FIPS 180-4), for build identities and for drawing numbers from a seed. */
#ifndef BUILD_SHA256_H
#define BUILD_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
	uint32_t state[8];
	uint64_t size; /* bytes so far */
	uint8_t block[64];
};
void sha256_start(struct sha256 *);
void sha256_add(struct sha256 *, const void *bytes, size_t size);
void sha256_end(struct sha256 *, uint8_t digest[32]);

/* A number drawn from (seed, label): the same for the same two, unrelated for different ones. */
uint64_t sha256_draw(uint64_t seed, const char *label);

#endif
