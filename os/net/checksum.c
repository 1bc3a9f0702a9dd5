/* SPDX-License-Identifier: ISC */
/*
 * The sum over bytes: 32-bit words into 64-bit accumulators, which cannot overflow for any size
 * that memory holds, in a form that the compiler turns into vector code. The end is padded with
 * zero (RFC 1071 §1).
 */
#include <net/checksum.h>

#define LANES 8u

static inline uint32_t load(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

__attribute__((noinline)) uint64_t checksum_add(uint64_t sum, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	if (n >= 4 * LANES) {
		uint64_t lane[LANES] = { 0 };
#if defined(__clang__)
#pragma clang loop unroll_count(2) /* more costs a kilobyte of code, and gains nothing at packets' sizes */
#endif
		do {
			for (unsigned k = 0; k < LANES; k++)
				lane[k] += load(p + 4 * k);
			p += 4 * LANES;
			n -= 4 * LANES;
		} while (n >= 4 * LANES);
#if defined(__clang__)
#pragma clang loop unroll(disable)
#endif
		for (unsigned k = 0; k < LANES; k++)
			sum = (uint64_t)checksum_fold(sum) + lane[k];
	}
	/* A sum handed in may be near the top: fold it, so that what follows cannot carry out. */
	sum = (sum >> 32) + (uint32_t)sum;
	for (; n >= 4; n -= 4, p += 4)
		sum += load(p);
	if (n) {
		uint8_t rest[4] = { 0 };
		memcpy(rest, p, n);
		sum += load(rest);
	}
	return sum;
}
