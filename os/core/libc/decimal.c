/* SPDX-License-Identifier: ISC */
/*
 * Exact conversion to decimal. A shift left by up to 29 bits multiplies each limb and carries
 * upwards; a shift right by up to 9 bits divides each limb and carries the remainder downwards,
 * where it makes one new limb exactly, because 10^9 is a multiple of 2^9.
 */
#include "decimal.h"
#include "libc.h"

SMALL_CODE

#define BASE 1000000000u

static const uint32_t powers[] = { 1,      10,      100,      1000,      10000,
	                           100000, 1000000, 10000000, 100000000, BASE };

static void shift_left(struct decimal *d, unsigned bits)
{
	uint64_t carry = 0;
	for (int i = d->high - 1; i >= d->low; i--) {
		uint64_t v = ((uint64_t)d->limb[i] << bits) + carry;
		d->limb[i] = (uint32_t)(v % BASE);
		carry = v / BASE;
	}
	if (carry)
		d->limb[--d->low] = (uint32_t)carry;
}

static void shift_right(struct decimal *d, unsigned bits)
{
	uint32_t rest = 0, mask = (1u << bits) - 1;
	for (int i = d->low; i < d->high; i++) {
		uint64_t v = (uint64_t)rest * BASE + d->limb[i];
		d->limb[i] = (uint32_t)(v >> bits);
		rest = (uint32_t)v & mask;
	}
	if (rest)
		d->limb[d->high++] = rest * (BASE >> bits);
	while (d->low < d->high && d->limb[d->low] == 0)
		d->low++;
}

void libc_decimal_make(struct decimal *d, uint32_t *limbs, int count, uint64_t mantissa,
                       int exponent)
{
	d->limb = limbs;
	d->point = exponent > 0 ? count : 4; /* the integer grows downwards, the fraction upwards */
	d->low = d->high = d->point;
	for (; mantissa != 0; mantissa /= BASE)
		limbs[--d->low] = (uint32_t)(mantissa % BASE);
	for (int left = exponent; left > 0; left -= 29)
		shift_left(d, left < 29 ? (unsigned)left : 29);
	for (int left = -exponent; left > 0; left -= 9)
		shift_right(d, left < 9 ? (unsigned)left : 9);
}

int libc_decimal_digit(const struct decimal *d, int i)
{
	int limb = i / 9;
	if (i < 0 || limb < d->low || limb >= d->high)
		return 0;
	return (int)(d->limb[limb] / powers[8 - i % 9] % 10);
}

int libc_decimal_top(const struct decimal *d)
{
	for (int i = d->low; i < d->high; i++) {
		if (d->limb[i] == 0)
			continue;
		int digit = 0;
		while (d->limb[i] < powers[8 - digit])
			digit++;
		return i * 9 + digit;
	}
	return d->point * 9 - 1;
}

int libc_decimal_end(const struct decimal *d)
{
	for (int i = d->high - 1; i >= d->low; i--) {
		if (d->limb[i] == 0)
			continue;
		int digit = 9;
		while (d->limb[i] % powers[10 - digit] == 0)
			digit--;
		return i * 9 + digit;
	}
	return d->point * 9 - 1;
}

void libc_decimal_round(struct decimal *d, int cut)
{
	if (cut >= d->high * 9)
		return;
	if (cut < d->low * 9) {
		d->high = d->low; /* its first digit is zero: rounded down, all of it */
		return;
	}
	int limb = cut / 9;
	uint32_t unit = powers[9 - cut % 9]; /* of the last digit kept, in this limb; BASE: it is
	                                        the next limb's */
	uint32_t rest = d->limb[limb] % unit;
	bool more = false;
	for (int i = limb + 1; i < d->high && !more; i++)
		more = d->limb[i] != 0;
	bool odd = cut > 0 && libc_decimal_digit(d, cut - 1) % 2 != 0;
	bool up = rest > unit / 2 || (rest == unit / 2 && (more || odd));

	d->limb[limb] -= rest;
	d->high = limb + 1;
	if (!up)
		return;
	d->limb[limb] += unit;
	for (int i = limb; d->limb[i] >= BASE; i--) {
		d->limb[i] -= BASE;
		if (i == d->low)
			d->limb[--d->low] = 0;
		d->limb[i - 1]++;
	}
}

SMALL_CODE_END
