/* SPDX-License-Identifier: ISC */
/* SHA-256 as FIPS 180-4 sections 4 to 6 spell it out. */
#include <string.h>

#include <builder/sha256.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2). */
static const uint32_t K[64] = {
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

static void compress(uint32_t state[8], const uint8_t block[64])
{
	uint32_t w[64], s[8];

	for (unsigned i = 0; i < 16; i++) {
		memcpy(&w[i], block + 4 * i, 4);
		w[i] = __builtin_bswap32(w[i]);
	}
	for (unsigned i = 16; i < 64; i++) {
		uint32_t a = ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t b = ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10;
		w[i] = w[i - 16] + a + w[i - 7] + b;
	}
	memcpy(s, state, sizeof s);
	for (unsigned i = 0; i < 64; i++) {
		uint32_t e = ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25);
		uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
		uint32_t t = s[7] + e + choice + K[i] + w[i];
		uint32_t a = ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22);
		uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);

		memmove(s + 1, s, 7 * sizeof *s);
		s[4] += t;
		s[0] = t + a + majority;
	}
	for (unsigned i = 0; i < 8; i++)
		state[i] += s[i];
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
			compress(h->state, p);
		} else {
			memcpy(h->block + at, p, n);
			if (at + n == 64)
				compress(h->state, h->block);
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

uint64_t sha256_draw(uint64_t seed, const char *label)
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
