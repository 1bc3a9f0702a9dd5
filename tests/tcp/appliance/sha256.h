/* SPDX-License-Identifier: ISC */
/* SHA-256 (FIPS 180-4), for what a test appliance was sent. */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE  32u
#define SHA256_BLOCK 64u

struct sha256 {
	uint32_t state[8];
	uint64_t size;              /* bytes so far */
	uint8_t rest[SHA256_BLOCK]; /* size % 64 of them wait here */
};
void sha256_begin(struct sha256 *);
void sha256_add(struct sha256 *, const uint8_t *bytes, size_t size);
void sha256_end_hex(struct sha256 *, char hex[2 * SHA256_SIZE + 1]);

#endif
