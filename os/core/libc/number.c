/* SPDX-License-Identifier: ISC */
/* Integers from text: strtol and its family, one engine (C17 7.22.1.4). Floating-point ones are
 * musl's. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include "libc.h"

struct parsed {
	uint64_t magnitude;
	bool negative;
	bool overflow; /* magnitude does not fit 64 bits */
};

/* The value of a digit, or 36 and more. */
static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	char lower = (char)(c | 32);
	return lower >= 'a' && lower <= 'z' ? (unsigned)(lower - 'a') + 10 : 36;
}

static struct parsed parse(const char *text, char **end, int base)
{
	struct parsed result = { 0 };
	const char *at = text;
	if (end)
		*end = (char *)text;
	if (base < 0 || base == 1 || base > 36) {
		errno = EINVAL;
		return result;
	}
	while (*at == ' ' || (*at >= '\t' && *at <= '\r'))
		at++;
	if (*at == '+' || *at == '-')
		result.negative = *at++ == '-';
	/* "0x" counts only if a digit follows; else the number is the 0. */
	if ((base == 0 || base == 16) && at[0] == '0' && (at[1] | 32) == 'x' &&
	    digit_of(at[2]) < 16) {
		at += 2;
		base = 16;
	}
	if (base == 0)
		base = *at == '0' ? 8 : 10;
	const char *digits = at;
	for (unsigned d; (d = digit_of(*at)) < (unsigned)base; at++) {
		if (__builtin_mul_overflow(result.magnitude, (uint64_t)base, &result.magnitude) ||
		    __builtin_add_overflow(result.magnitude, (uint64_t)d, &result.magnitude))
			result.overflow = true;
	}
	if (end && at != digits)
		*end = (char *)at;
	return result;
}

LIBC long strtol(const char *restrict text, char **restrict end, int base)
{
	struct parsed p = parse(text, end, base);
	uint64_t limit = (uint64_t)LONG_MAX + p.negative;
	if (p.overflow || p.magnitude > limit) {
		errno = ERANGE;
		return p.negative ? LONG_MIN : LONG_MAX;
	}
	return (long)(p.negative ? 0 - p.magnitude : p.magnitude);
}

LIBC unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
	struct parsed p = parse(text, end, base);
	if (p.overflow) {
		errno = ERANGE;
		return ULONG_MAX;
	}
	return p.negative ? 0 - p.magnitude : p.magnitude;
}

LIBC long long strtoll(const char *restrict text, char **restrict end, int base)
{
	return strtol(text, end, base);
}

LIBC unsigned long long strtoull(const char *restrict text, char **restrict end, int base)
{
	return strtoul(text, end, base);
}

LIBC intmax_t strtoimax(const char *restrict text, char **restrict end, int base)
{
	return strtol(text, end, base);
}

LIBC uintmax_t strtoumax(const char *restrict text, char **restrict end, int base)
{
	return strtoul(text, end, base);
}

LIBC int atoi(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

LIBC long atol(const char *text)
{
	return strtol(text, NULL, 10);
}

LIBC long long atoll(const char *text)
{
	return strtol(text, NULL, 10);
}
