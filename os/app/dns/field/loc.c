/* SPDX-License-Identifier: ISC */
/*
 * LOC (RFC 1876): a place on Earth. Angles are thousandths of a second of arc away from 2^31, the
 * altitude is centimetres above 100 km below the ellipsoid, sizes are centimetres as digit *
 * 10^digit in a byte.
 */
#include <app/dns/field/field.h>

#include <string.h>

#include <app/dns/text.h>

#define ZERO_ANGLE    (UINT32_C(1) << 31)
#define DEGREE        3600000u      /* thousandths of a second */
#define ZERO_ALTITUDE 10000000u     /* centimetres */
#define SIZE_MAX_CM   9000000000ull /* centimetres */

enum {
	DEFAULT_SIZE = 0x12,
	DEFAULT_HORIZONTAL = 0x16,
	DEFAULT_VERTICAL = 0x13
}; /* 1 m, 10 km, 10 m */

/* A number with up to `places` decimals, times 10^places; `m` may follow if `metres`. */
static bool decimal(const struct dns_token *t, unsigned places, bool metres, uint64_t max,
                    uint64_t *value)
{
	uint64_t v = 0;
	unsigned decimals = 0, digits = 0;
	bool point = false;
	size_t size = t->size;

	if (metres && size > 1 && (t->text[size - 1] | 0x20) == 'm')
		size--;
	for (size_t i = 0; i < size; i++) {
		char c = t->text[i];
		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9' || (point && ++decimals > places) || v > max)
			return false;
		v = v * 10 + (unsigned)(c - '0');
		digits++;
	}
	for (; decimals < places; decimals++) {
		if (v > max)
			return false;
		v *= 10;
	}
	*value = v;
	return digits > 0 && v <= max;
}

/* d1 [m1 [s1]] {"N"|"S"} */
static bool parse_angle(struct dns_reader *r, const char *plus, const char *minus, unsigned degrees,
                        const char *what)
{
	const struct dns_token *t = &r->lexer->token;
	uint64_t part[3] = { 0, 0, 0 };

	for (unsigned i = 0;; i++) {
		if (!dns_reader_word(r, what))
			return false;
		bool east = dns_token_is(t, plus);
		if (i > 0 && (east || dns_token_is(t, minus))) {
			uint64_t angle = part[0] * DEGREE + part[1] * 60000 + part[2];
			if (angle > degrees * (uint64_t)DEGREE)
				return dns_lexer_fail(r->lexer, "%s beyond %u degrees; correct it",
				                      what, degrees);
			bytes_put_u32(r->out, east ? ZERO_ANGLE + (uint32_t)angle
			                           : ZERO_ANGLE - (uint32_t)angle);
			dns_lexer_next(r->lexer);
			return true;
		}
		if (i == 3 || !decimal(t, i == 2 ? 3 : 0, false,
		                       i == 0   ? degrees
		                       : i == 1 ? 59
		                                : 59999,
		                       &part[i]))
			return dns_lexer_refuse(r->lexer,
			                        "is no part of a %s; write degrees, minutes, "
			                        "seconds and %s or %s, like 52 22 23.000 %s",
			                        what, plus, minus, plus);
		dns_lexer_next(r->lexer);
	}
}

static bool parse_size(struct dns_reader *r, uint8_t by_default)
{
	uint64_t v;
	uint8_t exponent = 0;

	if (dns_lexer_at_end(r->lexer)) {
		bytes_put_u8(r->out, by_default);
		return true;
	}
	if (!dns_reader_word(r, "a size in metres"))
		return false;
	if (!decimal(&r->lexer->token, 2, true, SIZE_MAX_CM, &v))
		return dns_lexer_refuse(r->lexer,
		                        "is not a size; write metres from 0 to 90000000.00m");
	for (; v >= 10; v /= 10)
		exponent++;
	bytes_put_u8(r->out, (uint8_t)(v << 4 | exponent));
	dns_lexer_next(r->lexer);
	return true;
}

static bool parse(struct dns_reader *r)
{
	struct dns_lexer *x = r->lexer;
	uint32_t sizes = r->out->at + 1;
	uint64_t altitude;

	bytes_put(r->out, 4); /* version and sizes, which come last in text */
	if (!parse_angle(r, "N", "S", 90, "latitude") ||
	    !parse_angle(r, "E", "W", 180, "longitude") || !dns_reader_word(r, "an altitude"))
		return false;
	struct dns_token t = x->token;
	bool below = t.size > 0 && t.text[0] == '-';
	if (below) {
		t.text++;
		t.size--;
	}
	if (!decimal(&t, 2, true, below ? ZERO_ALTITUDE : UINT32_MAX - ZERO_ALTITUDE, &altitude))
		return dns_lexer_refuse(x, "is not an altitude; write metres from -100000.00m to "
		                           "42849672.95m");
	bytes_put_u32(r->out, below ? ZERO_ALTITUDE - (uint32_t)altitude
	                            : ZERO_ALTITUDE + (uint32_t)altitude);
	dns_lexer_next(x);
	uint8_t header[4] = { 0 };
	struct bytes_out own = bytes_out(header + 1, 3), *out = r->out;
	r->out = &own;
	bool ok = parse_size(r, DEFAULT_SIZE) && parse_size(r, DEFAULT_HORIZONTAL) &&
	          parse_size(r, DEFAULT_VERTICAL);
	r->out = out;
	if (ok && !out->failed)
		memcpy(out->base + sizes - 1, header, sizeof header);
	return ok;
}

static bool is_angle(uint32_t angle, uint32_t degrees)
{
	return angle >= ZERO_ANGLE - degrees * DEGREE && angle <= ZERO_ANGLE + degrees * DEGREE;
}

static bool walk(struct dns_walker *w)
{
	struct bytes_in *in = &w->in;

	if (bytes_get_u8(in) != 0)
		return false;
	for (unsigned i = 0; i < 3; i++) {
		uint8_t size = bytes_get_u8(in);
		if (size >> 4 > 9 || (size & 15) > 9 || (size >> 4 == 0 && size != 0))
			return false;
	}
	return is_angle(bytes_get_u32(in), 90) && is_angle(bytes_get_u32(in), 180) &&
	       bytes_skip(in, 4);
}

static void print_angle(struct bytes_out *out, uint32_t angle, char plus, char minus)
{
	uint32_t away = angle >= ZERO_ANGLE ? angle - ZERO_ANGLE : ZERO_ANGLE - angle;

	dns_put_number(out, away / DEGREE, 10, 1);
	bytes_put_u8(out, ' ');
	dns_put_number(out, away / 60000 % 60, 10, 1);
	bytes_put_u8(out, ' ');
	dns_put_number(out, away / 1000 % 60, 10, 1);
	bytes_put_u8(out, '.');
	dns_put_number(out, away % 1000, 10, 3);
	bytes_put_u8(out, ' ');
	bytes_put_u8(out, (uint8_t)(angle >= ZERO_ANGLE ? plus : minus));
	bytes_put_u8(out, ' ');
}

static void print_metres(struct bytes_out *out, uint64_t centimetres)
{
	dns_put_number(out, centimetres / 100, 10, 1);
	bytes_put_u8(out, '.');
	dns_put_number(out, centimetres % 100, 10, 2);
	bytes_put_u8(out, 'm');
}

static bool print(struct bytes_out *out, struct bytes_in *in)
{
	bytes_skip(in, 1);
	uint8_t sizes[3] = { 0 };
	bytes_copy(in, sizes, sizeof sizes);
	print_angle(out, bytes_get_u32(in), 'N', 'S');
	print_angle(out, bytes_get_u32(in), 'E', 'W');
	uint32_t altitude = bytes_get_u32(in);
	if (altitude < ZERO_ALTITUDE)
		bytes_put_u8(out, '-');
	print_metres(out, altitude < ZERO_ALTITUDE ? ZERO_ALTITUDE - altitude
	                                           : altitude - ZERO_ALTITUDE);
	for (unsigned i = 0; i < sizeof sizes; i++) {
		uint64_t size = sizes[i] >> 4;
		for (unsigned exponent = sizes[i] & 15; exponent > 0; exponent--)
			size *= 10;
		bytes_put_u8(out, ' ');
		print_metres(out, size);
	}
	return true;
}

const struct dns_field dns_field_loc = { parse, walk, print };
