/* SPDX-License-Identifier: ISC */
/*
 * The sum over bytes: 64-bit words with end-around carry, which is one's complement addition of
 * 16-bit words at any width (RFC 1071 §2(B), (C)), in four chains that do not wait for each other.
 * The end is padded with zero (§1).
 */
#include <net/checksum.h>

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
	if (n >= 32) {
		uint64_t b = 0, c = 0, d = 0;
		do {
			sum = add(sum, load(p));
			b = add(b, load(p + 8));
			c = add(c, load(p + 16));
			d = add(d, load(p + 24));
			p += 32;
			n -= 32;
		} while (n >= 32);
		sum = add(add(sum, b), add(c, d));
	}
	for (; n >= 8; n -= 8, p += 8)
		sum = add(sum, load(p));
	sum = add(sum, rest(p, n));
	return (sum >> 32) + (uint32_t)sum;
}
