/* SPDX-License-Identifier: ISC */
/* The first bytes of SHA-256 over the seed and the label. */
#include <string.h>

#include <builder/draw.h>
#include <tender/sha256.h>

uint64_t draw_number(uint64_t seed, const char *label)
{
	struct sha256 h;
	uint8_t digest[32];
	uint64_t number;

	sha256_start(&h);
	sha256_add(&h, &seed, sizeof seed);
	sha256_add(&h, label, strlen(label));
	sha256_end(&h, digest);
	memcpy(&number, digest, sizeof number);
	return number;
}
