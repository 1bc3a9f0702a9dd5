/* SPDX-License-Identifier: ISC */
/*
 * The sum over bytes. One's complement addition of 16-bit words may be done at any width (RFC 1071 §2(B), (C)): in
 * 64-bit words with end-around carry, and for long texts in lanes of a vector, each of 64 bits that take 32 of a word
 * and so cannot carry. The end is padded with zero (§1).
 */
#include <net/checksum.h>

typedef uint64_t lanes __attribute__((vector_size(32)));

static inline uint64_t load(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint64_t add(uint64_t a, uint64_t b)
{
	a += b;
	return a + (a < b);
}

/* The last 0 to 7 bytes, as a word padded with zero. */
static inline uint64_t rest(const uint8_t *p, size_t n)
{
	uint32_t low, high;
	if (n >= 4) {
		memcpy(&low, p, sizeof low);
		memcpy(&high, p + n - 4,
		       sizeof high); /* what it has beyond low: its topmost n - 4 bytes */
		return low | (uint64_t)high >> 8 * (8 - n) << 32;
	}
	uint64_t v = n & 1 ? p[n - 1] : 0;
	if (n >= 2) {
		uint16_t first;
		memcpy(&first, p, sizeof first);
		v = v << 16 | first;
	}
	return v;
}

__attribute__((noinline)) uint64_t checksum_add(uint64_t sum, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	if (n >= 4 * sizeof(lanes)) {
		lanes low = { 0 }, high = { 0 };
		do {
			lanes a, b;
			memcpy(&a, p, sizeof a);
			memcpy(&b, p + sizeof a, sizeof b);
			low += (a & UINT32_MAX) + (b & UINT32_MAX);
			high += (a >> 32) + (b >> 32);
			p += 2 * sizeof a;
			n -= 2 * sizeof a;
		} while (n >= 2 * sizeof(lanes));
		low += high;
		sum = add(sum, low[0] + low[1] + low[2] + low[3]);
	}
	for (; n >= 8; n -= 8, p += 8)
		sum = add(sum, load(p));
	sum = add(sum, rest(p, n));
	return (sum >> 32) + (uint32_t)sum;
}
