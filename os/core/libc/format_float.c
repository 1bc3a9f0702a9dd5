/* SPDX-License-Identifier: ISC */
/* The floating-point conversions: the number is taken apart, made exact decimal digits (decimal.h),
 * rounded where the conversion ends, and written digit by digit. %a needs no decimal: it rounds the
 * mantissa itself. */
#include <string.h>

#include "decimal.h"
#include "format_spec.h"
#include "libc.h"

SMALL_CODE

/* A finite number: mantissa * 2^exponent. */
struct binary {
	bool negative, infinite, nan;
	uint64_t mantissa;
	int exponent;
};

static struct binary take_double(double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof bits);
	int biased = (int)(bits >> 52 & 0x7ff);
	uint64_t fraction = bits & ((1ull << 52) - 1);
	return (struct binary){
		.negative = bits >> 63,
		.infinite = biased == 0x7ff && fraction == 0,
		.nan = biased == 0x7ff && fraction != 0,
		.mantissa = biased == 0 ? fraction : fraction | 1ull << 52,
		.exponent = (biased == 0 ? 1 : biased) - 1075,
	};
}

static struct binary take_long_double(long double v)
{
	struct {
		uint64_t mantissa;
		uint16_t head;
	} x87;
	memcpy(&x87.mantissa, &v, sizeof x87.mantissa);
	memcpy(&x87.head, (const char *)&v + 8, sizeof x87.head);
	int biased = x87.head & 0x7fff;
	bool special = biased == 0x7fff;
	return (struct binary){
		.negative = x87.head >> 15,
		.infinite = special && x87.mantissa << 1 == 0,
		.nan = special && x87.mantissa << 1 != 0,
		.mantissa = x87.mantissa,
		.exponent = (biased == 0 ? 1 : biased) - 16446,
	};
}

static const char *sign_text(const struct format_spec *spec, bool negative)
{
	return negative ? "-" : spec->plus ? "+" : spec->space ? " " : "";
}

/* "e+05", "p-3": at least `least` digits. Returns its size. */
static int exponent_text(char to[8], char letter, int exponent, int least)
{
	char digits[6];
	int n = 0, at = 0;
	unsigned v = exponent < 0 ? 0u - (unsigned)exponent : (unsigned)exponent;
	for (; v != 0 || n < least; v /= 10)
		digits[n++] = (char)('0' + v % 10);
	to[at++] = letter;
	to[at++] = exponent < 0 ? '-' : '+';
	while (n > 0)
		to[at++] = digits[--n];
	return at;
}

/* Digits [from, to) of d; what lies behind its last limb is zeros in bulk. */
static void put_digits(struct format_sink *s, const struct decimal *d, int64_t from, int64_t to)
{
	char block[32];
	size_t n = 0;
	int64_t known = (int64_t)d->high * 9 < to ? (int64_t)d->high * 9 : to;
	for (; from < known; from++) {
		block[n++] = (char)('0' + libc_decimal_digit(d, (int)from));
		if (n == sizeof block) {
			libc_format_bytes(s, block, n);
			n = 0;
		}
	}
	libc_format_bytes(s, block, n);
	libc_format_fill(s, '0', to - from);
}

/* ddd.ddd with `fraction` digits after the point. */
static void put_fixed(struct format_sink *s, const struct format_spec *spec,
                      const struct decimal *d, const char *sign, int64_t fraction)
{
	int64_t point = (int64_t)d->point * 9, top = libc_decimal_top(d);
	if (top > point - 1)
		top = point - 1;
	bool dot = fraction > 0 || spec->alternate;
	libc_format_open(s, spec, sign, point - top + dot + fraction);
	put_digits(s, d, top, point);
	libc_format_bytes(s, ".", dot);
	put_digits(s, d, point, point + fraction);
}

/* d.ddde+dd. */
static void put_scientific(struct format_sink *s, const struct format_spec *spec,
                           const struct decimal *d, const char *sign, int64_t fraction, bool zero)
{
	char tail[8];
	int64_t top = libc_decimal_top(d);
	int exponent = zero ? 0 : d->point * 9 - 1 - (int)top;
	int tail_size = exponent_text(tail, (char)('e' - 'a' + (spec->conversion & 32 ? 'a' : 'A')),
	                              exponent, 2);
	bool dot = fraction > 0 || spec->alternate;
	libc_format_open(s, spec, sign, 1 + dot + fraction + tail_size);
	put_digits(s, d, top, top + 1);
	libc_format_bytes(s, ".", dot);
	put_digits(s, d, top + 1, top + 1 + fraction);
	libc_format_bytes(s, tail, (size_t)tail_size);
}

/* Beyond this many digits all are zeros; a limit keeps sums of positions in an int. */
static int clip(int64_t digits)
{
	return digits < 20000 ? (int)digits : 20000;
}

static void put_decimal(struct format_sink *s, const struct format_spec *spec,
                        const struct binary *b, uint32_t *limbs, int count)
{
	struct decimal d;
	const char *sign = sign_text(spec, b->negative);
	int64_t precision = spec->precision < 0 ? 6 : spec->precision;
	bool zero = b->mantissa == 0;
	libc_decimal_make(&d, limbs, count, b->mantissa, zero ? 0 : b->exponent);
	switch (spec->conversion | 32) {
	case 'f':
		libc_decimal_round(&d, d.point * 9 + clip(precision));
		put_fixed(s, spec, &d, sign, precision);
		return;
	case 'e':
		libc_decimal_round(&d, libc_decimal_top(&d) + 1 + clip(precision));
		put_scientific(s, spec, &d, sign, precision, zero);
		return;
	default:
		break;
	}
	/* %g: `precision` significant digits, as %e says the number's exponent to be after
	 * rounding. */
	if (precision == 0)
		precision = 1;
	libc_decimal_round(&d, libc_decimal_top(&d) + clip(precision));
	int top = libc_decimal_top(&d), exponent = zero ? 0 : d.point * 9 - 1 - top;
	bool fixed = exponent >= -4 && exponent < precision;
	int64_t fraction = fixed ? precision - 1 - exponent : precision - 1;
	if (!spec->alternate) {
		int64_t first = fixed ? (int64_t)d.point * 9 : top + 1,
		        needed = libc_decimal_end(&d) - first;
		if (needed < 0)
			needed = 0;
		if (fraction > needed)
			fraction = needed;
	}
	if (fixed)
		put_fixed(s, spec, &d, sign, fraction);
	else
		put_scientific(s, spec, &d, sign, fraction, zero);
}

/* 0x1.hhhp+d: normalised so that the leading digit is 1, whatever the type. */
static void put_hexadecimal(struct format_sink *s, const struct format_spec *spec,
                            const struct binary *b)
{
	bool upper = !(spec->conversion & 32);
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	uint64_t fraction = b->mantissa;
	int exponent = b->exponent, lead = 0, precision = spec->precision;
	if (fraction != 0) {
		int shift = __builtin_clzll(fraction);
		fraction = fraction << shift
		                    << 1; /* the leading 1 is gone: 16 digits behind the point */
		exponent += 63 - shift;
		lead = 1;
	} else {
		exponent = 0;
	}
	if (precision < 0) {
		precision = 0;
		for (uint64_t rest = fraction; rest != 0; rest <<= 4)
			precision++;
	} else if (precision < 16) {
		uint64_t unit = 1ull << (64 - 4 * precision - 1) << 1,
		         half = 1ull << (64 - 4 * precision - 1);
		uint64_t rest = precision == 0 ? fraction : fraction & (unit - 1);
		bool odd = precision == 0 ? lead & 1 : fraction & unit;
		fraction -= rest;
		if (rest > half || (rest == half && odd)) {
			uint64_t before = fraction;
			fraction += unit; /* precision 0: unit is 2^64, that is, 0 */
			if (precision == 0 || fraction < before)
				lead++;
		}
	}
	char tail[8], prefix[4];
	int tail_size = exponent_text(tail, upper ? 'P' : 'p', exponent, 1);
	bool dot = precision > 0 || spec->alternate;
	strcpy(prefix, sign_text(spec, b->negative));
	strcat(prefix, upper ? "0X" : "0x");
	libc_format_open(s, spec, prefix, 1 + dot + (int64_t)precision + tail_size);
	libc_format_bytes(s, &digits[lead], 1);
	libc_format_bytes(s, ".", dot);
	for (int i = 0; i < precision && i < 16; i++, fraction <<= 4)
		libc_format_bytes(s, &digits[fraction >> 60], 1);
	libc_format_fill(s, '0', (int64_t)precision - 16);
	libc_format_bytes(s, tail, (size_t)tail_size);
}

static void put(struct format_sink *s, const struct format_spec *spec, const struct binary *b,
                uint32_t *limbs, int count)
{
	size_t start = s->total;
	if (b->nan || b->infinite) {
		const char *text = b->nan ? "nanNAN" : "infINF";
		struct format_spec plain = *spec;
		plain.zero = false;
		libc_format_open(s, &plain, sign_text(spec, b->negative), 3);
		libc_format_bytes(s, spec->conversion & 32 ? text : text + 3, 3);
	} else if ((spec->conversion | 32) == 'a') {
		put_hexadecimal(s, spec, b);
	} else {
		put_decimal(s, spec, b, limbs, count);
	}
	libc_format_close(s, spec, start);
}

void libc_format_double(struct format_sink *s, const struct format_spec *spec, double v)
{
	uint32_t limbs[DECIMAL_LIMBS] UNINITIALIZED;
	struct binary b = take_double(v);
	put(s, spec, &b, limbs, DECIMAL_LIMBS);
}

/* Not inlined: its seven kilobytes belong on the stack of those only who print a long double. */
__attribute__((noinline)) void
libc_format_long_double(struct format_sink *s, const struct format_spec *spec, long double v)
{
	uint32_t limbs[DECIMAL_LIMBS_LONG] UNINITIALIZED;
	struct binary b = take_long_double(v);
	put(s, spec, &b, limbs, DECIMAL_LIMBS_LONG);
}

SMALL_CODE_END
