/* SPDX-License-Identifier: ISC */
/*
 * SHA-256 as FIPS 180-4 sections 4 to 6 spell it out, and once more by the processor's own instructions (Intel
 * SDM, "SHA extensions"), which take a sixth of the time: an image is hashed at each start.
 */
#include <string.h>
#ifdef __SSE2__ /* not in the boot kernel, which leaves vector registers to the image */
#include <immintrin.h>
#include <sys/platform/x86.h>
#endif

#include <tender/sha256.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2). */
static const uint32_t K[64] __attribute__((aligned(16))) = {
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

#ifdef __SSE2__
/* The state lies in two registers as the instructions want it: ABEF and CDGH. Each turn does four rounds and makes
 * the four words of the schedule that are used four turns later. */
__attribute__((target("sha,sse4.1"))) static void
compress_by_sha(uint32_t state[8], const uint8_t *bytes, size_t blocks)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i low = _mm_loadu_si128((const __m128i *)state),
	        high = _mm_loadu_si128((const __m128i *)(state + 4));
	low = _mm_shuffle_epi32(low, 0xb1);
	high = _mm_shuffle_epi32(high, 0x1b);
	__m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);

	for (; blocks; blocks--, bytes += 64) {
		const __m128i abef_before = abef, cdgh_before = cdgh;
		__m128i w[4];
		for (unsigned i = 0; i < 4; i++)
			w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(bytes + 16 * i)),
			                        swap);
#pragma GCC unroll 16
		for (unsigned i = 0; i < 16; i++) {
			__m128i now = w[i % 4];
			__m128i sum =
			        _mm_add_epi32(now, _mm_load_si128((const __m128i *)&K[4 * i]));
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
			if (i < 12) {
				__m128i one = w[(i + 1) % 4], two = w[(i + 2) % 4],
				        three = w[(i + 3) % 4];
				__m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(now, one),
				                             _mm_alignr_epi8(three, two, 4));
				w[i % 4] = _mm_sha256msg2_epu32(next, three);
			}
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	low = _mm_shuffle_epi32(abef, 0x1b);
	high = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

#endif

static void compress_all(uint32_t state[8], const uint8_t *bytes, size_t blocks)
{
#ifdef __SSE2__
	if (CPU_FEATURE_ACTIVE(SHA) && CPU_FEATURE_ACTIVE(SSE4_1)) {
		compress_by_sha(state, bytes, blocks);
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
