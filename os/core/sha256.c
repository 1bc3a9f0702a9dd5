/* SPDX-License-Identifier: ISC */
#include <core/sha256.h>

#include <string.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
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

static uint32_t right(uint32_t v, unsigned n)
{
	return v >> n | v << (32 - n);
}

static void compress(uint32_t state[8], const uint8_t block[64])
{
	uint32_t w[64], v[8];
	for (unsigned k = 0; k < 16; k++) {
		uint32_t word;
		memcpy(&word, block + 4 * k, 4);
		w[k] = __builtin_bswap32(word);
	}
	for (unsigned k = 16; k < 64; k++) {
		uint32_t a = w[k - 15], b = w[k - 2];
		w[k] = w[k - 16] + (right(a, 7) ^ right(a, 18) ^ a >> 3) + w[k - 7] +
		       (right(b, 17) ^ right(b, 19) ^ b >> 10);
	}
	memcpy(v, state, sizeof v);
	for (unsigned k = 0; k < 64; k++) {
		uint32_t one = v[7] + (right(v[4], 6) ^ right(v[4], 11) ^ right(v[4], 25)) +
		               ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[k] + w[k];
		uint32_t two = (right(v[0], 2) ^ right(v[0], 13) ^ right(v[0], 22)) +
		               ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof *v);
		v[4] += one;
		v[0] = one + two;
	}
	for (unsigned k = 0; k < 8; k++)
		state[k] += v[k];
}

void sha256_begin(struct sha256 *s)
{
	/* The same of the square roots of the first eight primes. */
	static const uint32_t first[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		                           0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	memcpy(s->state, first, sizeof first);
	s->size = 0;
}

void sha256_add(struct sha256 *s, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;
	while (size) {
		size_t at = s->size & 63, n = 64 - at < size ? 64 - at : size;
		memcpy(s->block + at, from, n);
		s->size += n;
		from += n;
		size -= n;
		if (!(s->size & 63))
			compress(s->state, s->block);
	}
}

void sha256_end(struct sha256 *s, uint8_t to[SHA256_SIZE])
{
	static const uint8_t padding[64] = { 0x80 };
	uint64_t bits = __builtin_bswap64(s->size * 8);
	sha256_add(s, padding, 1 + ((119 - (s->size & 63)) & 63));
	sha256_add(s, &bits, sizeof bits);
	for (unsigned k = 0; k < 8; k++) {
		uint32_t word = __builtin_bswap32(s->state[k]);
		memcpy(to + 4 * k, &word, 4);
	}
}

void sha256(uint8_t to[SHA256_SIZE], const void *bytes, size_t size)
{
	struct sha256 s;
	sha256_begin(&s);
	sha256_add(&s, bytes, size);
	sha256_end(&s, to);
}

/* The two states that a key begins with, so that PBKDF2 does not sum the key each time. */
struct hmac {
	struct sha256 inner, outer;
};

static void hmac_begin(struct hmac *h, const void *key, size_t size)
{
	uint8_t block[64] = { 0 };
	if (size > sizeof block)
		sha256(block, key, size);
	else
		memcpy(block, key, size);
	for (unsigned k = 0; k < sizeof block; k++)
		block[k] ^= 0x36;
	sha256_begin(&h->inner);
	sha256_add(&h->inner, block, sizeof block);
	for (unsigned k = 0; k < sizeof block; k++)
		block[k] ^= 0x36 ^ 0x5c;
	sha256_begin(&h->outer);
	sha256_add(&h->outer, block, sizeof block);
}

static void hmac_end(const struct hmac *h, struct sha256 *inner, uint8_t to[SHA256_SIZE])
{
	struct sha256 outer = h->outer;
	sha256_end(inner, to);
	sha256_add(&outer, to, SHA256_SIZE);
	sha256_end(&outer, to);
}

void sha256_hmac(uint8_t to[SHA256_SIZE], const void *key, size_t key_size, const void *bytes,
                 size_t size)
{
	struct hmac h;
	hmac_begin(&h, key, key_size);
	struct sha256 inner = h.inner;
	sha256_add(&inner, bytes, size);
	hmac_end(&h, &inner, to);
}

void sha256_pbkdf2(uint8_t to[SHA256_SIZE], const void *password, size_t password_size,
                   const void *salt, size_t salt_size, uint32_t iterations, void (*pause)(void))
{
	static const uint8_t first[4] = { 0, 0, 0, 1 };
	uint8_t u[SHA256_SIZE];
	struct hmac h;
	hmac_begin(&h, password, password_size);
	struct sha256 inner = h.inner;
	sha256_add(&inner, salt, salt_size);
	sha256_add(&inner, first, sizeof first);
	hmac_end(&h, &inner, u);
	memcpy(to, u, SHA256_SIZE);
	for (uint32_t k = 1; k < iterations; k++) {
		inner = h.inner;
		sha256_add(&inner, u, sizeof u);
		hmac_end(&h, &inner, u);
		for (unsigned i = 0; i < SHA256_SIZE; i++)
			to[i] ^= u[i];
		if (pause && k % 256 == 0)
			pause();
	}
}

bool bytes_same(const void *a, const void *b, size_t size)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t differ = 0;
	for (size_t k = 0; k < size; k++)
		differ |= x[k] ^ y[k];
	return !differ;
}
