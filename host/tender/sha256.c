/* SPDX-License-Identifier: ISC */
/*
 * SHA-256 as FIPS 180-4 sections 4 to 6 spell it out. Where the processor has instructions of its own for it they take a sixth of
 * the time (sha256_instructions.c): the builder hashes each source.
 */
#include <string.h>

#include <tender/sha256_instructions.h>
#include <tender/sha256.h>

#define K sha256_constants

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2). */
const uint32_t sha256_constants[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static inline uint32_t ror(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

/* One round (6.2.2): of the eight variables only d and h change; which is which goes round instead of their values. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                                           \
	do {                                                                                       \
		uint32_t t = h + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & f) ^ (~e & g)) +    \
		             K[i] + w[i];                                                          \
		d += t;                                                                            \
		h = t + (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));     \
	} while (0)

static void compress(uint32_t state[8], const uint8_t block[64])
{
	uint32_t w[64];

	for (unsigned i = 0; i < 16; i++) {
		__builtin_memcpy(&w[i], block + 4 * i, 4);
		w[i] = __builtin_bswap32(w[i]);
	}
	for (unsigned i = 16; i < 64; i++) {
		uint32_t x = ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t y = ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10;
		w[i] = w[i - 16] + x + w[i - 7] + y;
	}
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5],
	         g = state[6], h = state[7];
	for (unsigned i = 0; i < 64; i += 8) {
		ROUND(a, b, c, d, e, f, g, h, i);
		ROUND(h, a, b, c, d, e, f, g, i + 1);
		ROUND(g, h, a, b, c, d, e, f, i + 2);
		ROUND(f, g, h, a, b, c, d, e, i + 3);
		ROUND(e, f, g, h, a, b, c, d, i + 4);
		ROUND(d, e, f, g, h, a, b, c, i + 5);
		ROUND(c, d, e, f, g, h, a, b, i + 6);
		ROUND(b, c, d, e, f, g, h, a, i + 7);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

static void compress_all(uint32_t state[8], const uint8_t *bytes, size_t blocks)
{
#if __STDC_HOSTED__
	if (sha256_has_instructions()) {
		sha256_by_instructions(state, bytes, blocks);
		return;
	}
#endif
	for (; blocks; blocks--, bytes += 64)
		compress(state, bytes);
}

void sha256_start(struct sha256 *h)
{
	*h = (struct sha256){ .state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
		                         0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

void sha256_add(struct sha256 *h, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;

	while (size) {
		size_t at = h->size % 64, n = 64 - at < size ? 64 - at : size;

		if (n == 64) {
			n = size / 64 * 64;
			compress_all(h->state, p, n / 64);
		} else {
			memcpy(h->block + at, p, n);
			if (at + n == 64)
				compress_all(h->state, h->block, 1);
		}
		h->size += n;
		p += n;
		size -= n;
	}
}

void sha256_end(struct sha256 *h, uint8_t digest[32])
{
	uint64_t bits = __builtin_bswap64(h->size * 8);
	static const uint8_t pad[64] = { 0x80 };

	sha256_add(h, pad, 1 + (119 - h->size % 64) % 64);
	sha256_add(h, &bits, 8);
	for (unsigned i = 0; i < 8; i++) {
		uint32_t v = __builtin_bswap32(h->state[i]);
		memcpy(digest + 4 * i, &v, 4);
	}
}
