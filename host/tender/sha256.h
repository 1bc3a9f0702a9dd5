/* SPDX-License-Identifier: ISC */
/* SHA-256 (FIPS 180-4), for what others check or ask for by it (OCI, packages), snapshots, and what is drawn from a seed. */
#ifndef TENDER_SHA256_H
#define TENDER_SHA256_H

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

#endif
