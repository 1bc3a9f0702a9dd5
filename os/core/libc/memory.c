/* SPDX-License-Identifier: ISC */
/*
 * memcpy and its kin. Small sizes are done without a loop by moves that overlap in the middle; all
 * of a small piece is loaded before any is stored, so that memcpy is memmove. Above STRING_MIN the
 * processor's string instructions are faster than any loop of ours. Vectors are 32 bytes; for a
 * processor without AVX the compiler makes them of two halves.
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <emmintrin.h>

#include "libc.h"

#define STRING_MIN 4096u /* bytes from which `rep movsb` and `rep stosb` win */

typedef uint8_t v32 __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint8_t v16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t w8 __attribute__((aligned(1), may_alias));
typedef uint32_t w4 __attribute__((aligned(1), may_alias));
typedef uint16_t w2 __attribute__((aligned(1), may_alias));

#define AT(type_, p_, i_)       (*(type_ *)((uint8_t *)(p_) + (i_)))
#define AT_CONST(type_, p_, i_) (*(const type_ *)((const uint8_t *)(p_) + (i_)))

static inline void copy_32_or_less(void *to, const void *from, size_t n)
{
	if (n >= 16) {
		v16 a = AT_CONST(v16, from, 0), b = AT_CONST(v16, from, n - 16);
		AT(v16, to, 0) = a;
		AT(v16, to, n - 16) = b;
	} else if (n >= 8) {
		uint64_t a = AT_CONST(w8, from, 0), b = AT_CONST(w8, from, n - 8);
		AT(w8, to, 0) = a;
		AT(w8, to, n - 8) = b;
	} else if (n >= 4) {
		uint32_t a = AT_CONST(w4, from, 0), b = AT_CONST(w4, from, n - 4);
		AT(w4, to, 0) = a;
		AT(w4, to, n - 4) = b;
	} else if (n >= 2) {
		uint16_t a = AT_CONST(w2, from, 0), b = AT_CONST(w2, from, n - 2);
		AT(w2, to, 0) = a;
		AT(w2, to, n - 2) = b;
	} else if (n == 1) {
		AT(uint8_t, to, 0) = AT_CONST(uint8_t, from, 0);
	}
}

/* 128 bytes a turn from the start; the end is loaded first, as a turn may overwrite it. */
static inline void copy_forward(void *to, const void *from, size_t n)
{
	v32 e0 = AT_CONST(v32, from, n - 128), e1 = AT_CONST(v32, from, n - 96);
	v32 e2 = AT_CONST(v32, from, n - 64), e3 = AT_CONST(v32, from, n - 32);
	for (size_t i = 0; i < n - 128; i += 128) {
		v32 a = AT_CONST(v32, from, i), b = AT_CONST(v32, from, i + 32);
		v32 c = AT_CONST(v32, from, i + 64), d = AT_CONST(v32, from, i + 96);
		AT(v32, to, i) = a;
		AT(v32, to, i + 32) = b;
		AT(v32, to, i + 64) = c;
		AT(v32, to, i + 96) = d;
	}
	AT(v32, to, n - 128) = e0;
	AT(v32, to, n - 96) = e1;
	AT(v32, to, n - 64) = e2;
	AT(v32, to, n - 32) = e3;
}

static inline void copy_backward(void *to, const void *from, size_t n)
{
	v32 s0 = AT_CONST(v32, from, 0), s1 = AT_CONST(v32, from, 32);
	v32 s2 = AT_CONST(v32, from, 64), s3 = AT_CONST(v32, from, 96);
	for (size_t i = n; i > 128; i -= 128) {
		v32 a = AT_CONST(v32, from, i - 32), b = AT_CONST(v32, from, i - 64);
		v32 c = AT_CONST(v32, from, i - 96), d = AT_CONST(v32, from, i - 128);
		AT(v32, to, i - 32) = a;
		AT(v32, to, i - 64) = b;
		AT(v32, to, i - 96) = c;
		AT(v32, to, i - 128) = d;
	}
	AT(v32, to, 0) = s0;
	AT(v32, to, 32) = s1;
	AT(v32, to, 64) = s2;
	AT(v32, to, 96) = s3;
}

LIBC_IMPLICIT void *memmove(void *to, const void *from, size_t n)
{
	if (n <= 32) {
		copy_32_or_less(to, from, n);
	} else if (n <= 64) {
		v32 a = AT_CONST(v32, from, 0), b = AT_CONST(v32, from, n - 32);
		AT(v32, to, 0) = a;
		AT(v32, to, n - 32) = b;
	} else if (n <= 128) {
		v32 a = AT_CONST(v32, from, 0), b = AT_CONST(v32, from, 32);
		v32 c = AT_CONST(v32, from, n - 64), d = AT_CONST(v32, from, n - 32);
		AT(v32, to, 0) = a;
		AT(v32, to, 32) = b;
		AT(v32, to, n - 64) = c;
		AT(v32, to, n - 32) = d;
	} else if ((uintptr_t)to - (uintptr_t)from < n) {
		copy_backward(to, from, n);
	} else if (n < STRING_MIN || (uintptr_t)from - (uintptr_t)to < n) {
		copy_forward(to, from, n);
	} else {
		void *at = to;
		__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
	}
	return to;
}

LIBC_IMPLICIT void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	return memmove(to, from, n);
}

LIBC_IMPLICIT void *mempcpy(void *restrict to, const void *restrict from, size_t n)
{
	return (uint8_t *)memmove(to, from, n) + n;
}

LIBC_IMPLICIT void *memset(void *to, int c, size_t n)
{
	uint64_t word = 0x0101010101010101ull * (uint8_t)c;
	if (n < 8) {
		if (n >= 4) {
			AT(w4, to, 0) = (uint32_t)word;
			AT(w4, to, n - 4) = (uint32_t)word;
		} else if (n > 0) {
			AT(uint8_t, to, 0) = (uint8_t)word;
			AT(uint8_t, to, n / 2) = (uint8_t)word;
			AT(uint8_t, to, n - 1) = (uint8_t)word;
		}
	} else if (n <= 16) {
		AT(w8, to, 0) = word;
		AT(w8, to, n - 8) = word;
	} else if (n <= 32) {
		v16 v = (v16)_mm_set1_epi8((char)c);
		AT(v16, to, 0) = v;
		AT(v16, to, n - 16) = v;
	} else if (n < STRING_MIN) {
		v32 v = (v32){ 0 } + (uint8_t)c;
		for (size_t i = 0; i < n - 32; i += 32)
			AT(v32, to, i) = v;
		AT(v32, to, n - 32) = v;
	} else {
		void *at = to;
		__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(c) : "memory");
	}
	return to;
}

LIBC void explicit_bzero(void *to, size_t n)
{
	memset(to, 0, n);
	__asm__ volatile("" : : "r"(to) : "memory"); /* so that the compiler does not drop it */
}

static inline int order(uint64_t a, uint64_t b)
{
	a = __builtin_bswap64(a);
	b = __builtin_bswap64(b);
	return a < b ? -1 : a > b;
}

LIBC_IMPLICIT int memcmp(const void *x, const void *y, size_t n)
{
	if (n < 8) {
		for (size_t i = 0; i < n; i++) {
			int d = AT_CONST(uint8_t, x, i) - AT_CONST(uint8_t, y, i);
			if (d != 0)
				return d;
		}
		return 0;
	}
	for (size_t i = 0; i < n - 8; i += 8) {
		uint64_t a = AT_CONST(w8, x, i), b = AT_CONST(w8, y, i);
		if (a != b)
			return order(a, b);
	}
	return order(AT_CONST(w8, x, n - 8), AT_CONST(w8, y, n - 8));
}

/* The compiler asks for it where only equality counts. */
LIBC_IMPLICIT int bcmp(const void *x, const void *y, size_t n)
{
	return memcmp(x, y, n);
}

/*
 * Searching: 16 bytes at a time, from aligned addresses. Such a load may reach past the object's
 * end but never into another page; AddressSanitizer cannot know that.
 */
#if defined(__has_feature)
#define OVER_READ __attribute__((no_sanitize("address")))
#else
#define OVER_READ __attribute__((no_sanitize_address))
#endif

/* Bit i: byte i of the 16 at p is c. */
OVER_READ static inline unsigned equal_bytes(const uint8_t *p, __m128i c)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(*(const __m128i *)(const void *)p, c));
}

LIBC_IMPLICIT OVER_READ size_t strlen(const char *s)
{
	const uint8_t *at = (const uint8_t *)((uintptr_t)s & ~(uintptr_t)15);
	const __m128i zero = _mm_setzero_si128();
	unsigned found = equal_bytes(at, zero) >> ((uintptr_t)s & 15);
	if (found)
		return (unsigned)__builtin_ctz(found);
	do {
		at += 16;
		found = equal_bytes(at, zero);
	} while (!found);
	return (size_t)((const char *)at - s) + (unsigned)__builtin_ctz(found);
}

LIBC_IMPLICIT OVER_READ void *memchr(const void *s, int c, size_t n)
{
	if (n == 0)
		return NULL;
	const uint8_t *at = (const uint8_t *)((uintptr_t)s & ~(uintptr_t)15);
	const uint8_t *end = (const uint8_t *)s + n < (const uint8_t *)s
	                             ? (const uint8_t *)UINTPTR_MAX
	                             : (const uint8_t *)s + n;
	const __m128i wanted = _mm_set1_epi8((char)c);
	unsigned found = equal_bytes(at, wanted) & ~0u << ((uintptr_t)s & 15);
	for (;;) {
		if (found) {
			const uint8_t *p = at + (unsigned)__builtin_ctz(found);
			return p < end ? (void *)p : NULL;
		}
		if ((size_t)(end - at) <= 16)
			return NULL;
		at += 16;
		found = equal_bytes(at, wanted);
	}
}

LIBC_IMPLICIT void *memrchr(const void *s, int c, size_t n)
{
	const uint8_t *p = s;
	while (n > 0) {
		if (p[--n] == (uint8_t)c)
			return (void *)(p + n);
	}
	return NULL;
}

LIBC_IMPLICIT size_t strnlen(const char *s, size_t n)
{
	const char *end = memchr(s, 0, n);
	return end ? (size_t)(end - s) : n;
}
