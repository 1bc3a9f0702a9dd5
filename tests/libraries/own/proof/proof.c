/* SPDX-License-Identifier: ISC */
/* A sum of a ring's bytes, which zlib makes (proof.h). */
#include <proof.h>
#include <zlib.h>

bool proof_ring(const struct ring *r)
{
	return crc32(0, (const unsigned char *)r->numbers, sizeof r->numbers) != 0 &&
	       r->count >= RING_SIZE;
}
