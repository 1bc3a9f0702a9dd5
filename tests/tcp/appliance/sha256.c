/* SPDX-License-Identifier: ISC */
/* SHA-256 (FIPS 180-4 §6.2), whole blocks straight from where they lie. */
#include "sha256.h"

#include <string.h>

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

static inline uint32_t rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void block(uint32_t state[8], const uint8_t *bytes)
{
	uint32_t w[64], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4],
	                f = state[5], g = state[6], h = state[7];
	for (unsigned k = 0; k < 16; k++) {
		uint32_t x;
		memcpy(&x, bytes + 4u * k, 4);
		w[k] = __builtin_bswap32(x);
	}
	for (unsigned k = 16; k < 64; k++) {
		uint32_t s0 = rotate(w[k - 15], 7) ^ rotate(w[k - 15], 18) ^ w[k - 15] >> 3;
		uint32_t s1 = rotate(w[k - 2], 17) ^ rotate(w[k - 2], 19) ^ w[k - 2] >> 10;
		w[k] = w[k - 16] + s0 + w[k - 7] + s1;
	}
	for (unsigned k = 0; k < 64; k++) {
		uint32_t t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
		              ((e & f) ^ (~e & g)) + K[k] + w[k];
		uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
		              ((a & b) ^ (a & c) ^ (b & c));
		h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
	}
	state[0] += a, state[1] += b, state[2] += c, state[3] += d;
	state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

void sha256_begin(struct sha256 *s)
{
	*s = (struct sha256){ .state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
		                         0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

void sha256_add(struct sha256 *s, const uint8_t *bytes, size_t size)
{
	size_t have = s->size % SHA256_BLOCK;
	s->size += size;
	if (have) {
		size_t part = SHA256_BLOCK - have < size ? SHA256_BLOCK - have : size;
		memcpy(s->rest + have, bytes, part);
		bytes += part;
		size -= part;
		if (have + part < SHA256_BLOCK)
			return;
		block(s->state, s->rest);
	}
	for (; size >= SHA256_BLOCK; bytes += SHA256_BLOCK, size -= SHA256_BLOCK)
		block(s->state, bytes);
	memcpy(s->rest, bytes, size);
}

void sha256_end_hex(struct sha256 *s, char hex[2 * SHA256_SIZE + 1])
{
	uint64_t bits = s->size * 8;
	size_t have = s->size % SHA256_BLOCK;
	s->rest[have++] = 0x80;
	if (have > SHA256_BLOCK - 8) {
		memset(s->rest + have, 0, SHA256_BLOCK - have);
		block(s->state, s->rest);
		have = 0;
	}
	memset(s->rest + have, 0, SHA256_BLOCK - 8 - have);
	for (unsigned k = 0; k < 8; k++)
		s->rest[SHA256_BLOCK - 8 + k] = (uint8_t)(bits >> (56 - 8 * k));
	block(s->state, s->rest);
	for (unsigned k = 0; k < SHA256_SIZE; k++) {
		uint8_t byte = (uint8_t)(s->state[k / 4] >> (24 - 8 * (k % 4)));
		hex[2 * k] = "0123456789abcdef"[byte >> 4];
		hex[2 * k + 1] = "0123456789abcdef"[byte & 15];
	}
	hex[2 * SHA256_SIZE] = 0;
}
