/* SPDX-License-Identifier: ISC */
/*
 * A binary floating-point number as exact decimal digits, which printf rounds and prints. The
 * digits lie nine to a limb, the most significant first; limb `point` is the first of the fraction.
 * Limbs outside [low, high) are 0.
 */
#ifndef CORE_LIBC_DECIMAL_H
#define CORE_LIBC_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

/* Limbs for every double: 2^1024 has 35 of integer, 2^-1074 three of integer and 120 of fraction;
 * one to carry. */
#define DECIMAL_LIMBS 128
/* The same for the x87's long double: 2^16384 and 2^-16445. */
#define DECIMAL_LIMBS_LONG 1840

struct decimal {
	uint32_t *limb;
	int low, high; /* the limbs that may be other than 0 */
	int point;
};

/* value = mantissa * 2^exponent; `limbs` has room for what that needs. */
void libc_decimal_make(struct decimal *, uint32_t *limbs, int count, uint64_t mantissa,
                       int exponent);

/* Digit i: i = 9 * point is the first after the decimal point; smaller ones are more significant.
 */
int libc_decimal_digit(const struct decimal *, int i);
int libc_decimal_top(
        const struct decimal
                *); /* the first digit that is not 0; of zero: the one before the point */
int libc_decimal_end(
        const struct decimal *); /* behind the last digit that is not 0 (or `top` of zero) */

/* Rounds so that digit `cut` and all after it are 0: to nearest, ties to even. */
void libc_decimal_round(struct decimal *, int cut);

#endif
