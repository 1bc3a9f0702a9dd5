/* SPDX-License-Identifier: ISC */
/* Intel SDM, "SHA extensions". */
#include <immintrin.h>
#include <sys/platform/x86.h>

#include <tender/sha256_instructions.h>

bool sha256_has_instructions(void)
{
	return CPU_FEATURE_ACTIVE(SHA) && CPU_FEATURE_ACTIVE(SSE4_1);
}

/* The state lies in two registers as the instructions want it: ABEF and CDGH. Each turn does four rounds and makes
 * the four words of the schedule that are used four turns later. */
__attribute__((target("sha,sse4.1"))) void
sha256_by_instructions(uint32_t state[8], const uint8_t *bytes, size_t blocks)
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
			__m128i sum = _mm_add_epi32(
			        now, _mm_load_si128((const __m128i *)&sha256_constants[4 * i]));
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
