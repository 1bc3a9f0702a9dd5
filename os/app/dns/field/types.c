/* SPDX-License-Identifier: ISC */
/* A record type, the bitmap of types of NSEC and its like (RFC 4034 §4.1.2), and the older one of
 * NXT (RFC 2535 §5.2). */
#include <app/dns/field/field.h>

#include <string.h>

#include <app/dns/type.h>
#include <app/dns/writer.h>

#define BITMAP_BYTES  8192u /* a bit for each type */
#define WINDOW_BYTES  32u   /* of a bitmap's window, at the most */
#define NXT_TYPES     128u  /* types that NXT can name */
#define NXT_BYTES_MAX (NXT_TYPES / 8)

static bool parse_type(struct dns_reader *r)
{
	uint16_t type = 0;

	if (!dns_reader_type(r, &type))
		return false;
	bytes_put_u16(r->out, type);
	return true;
}

static bool walk_type(struct dns_walker *w)
{
	return bytes_skip(&w->in, 2);
}

static bool print_type(struct bytes_out *out, struct bytes_in *in)
{
	dns_write_type(out, bytes_get_u16(in));
	return true;
}

/* ---- Bitmaps ---- */

/* The types may come in any order. */
static bool parse_any(struct dns_reader *r, bool nxt)
{
	uint8_t bits[BITMAP_BYTES];
	bool used[BITMAP_BYTES / WINDOW_BYTES] = { false };
	uint16_t type = 0;

	memset(bits, 0, sizeof bits);
	if (r->type == DNS_NSEC && !dns_reader_word(r, "a record type"))
		return false;
	while (!dns_lexer_at_end(r->lexer)) {
		struct dns_token token = r->lexer->token;
		if (!dns_reader_type(r, &type))
			return false;
		if (type == 0 || (nxt && type >= NXT_TYPES)) {
			struct dns_token next = r->lexer->token;
			r->lexer->token = token;
			dns_lexer_refuse(r->lexer, "cannot stand in a type bitmap; take it out");
			r->lexer->token = next;
			return false;
		}
		bits[type / 8] |= (uint8_t)(0x80 >> type % 8);
		used[type / 8 / WINDOW_BYTES] = true;
	}
	for (unsigned window = 0; window < sizeof used / sizeof used[0]; window++) {
		if (!used[window])
			continue;
		const uint8_t *at = bits + window * WINDOW_BYTES;
		uint8_t size = WINDOW_BYTES;
		while (at[size - 1] == 0)
			size--;
		if (!nxt) {
			bytes_put_u8(r->out, (uint8_t)window);
			bytes_put_u8(r->out, size);
		}
		bytes_put_copy(r->out, at, size);
	}
	return true;
}

/* The types of `size` bytes of bits, the first of which stands for the type `first`. */
static void print_bits(struct bytes_out *out, struct bytes_in *in, uint32_t first, uint32_t size,
                       bool *separate)
{
	for (uint32_t i = 0; i < size; i++) {
		uint8_t bits = bytes_get_u8(in);
		for (uint32_t bit = 0; bit < 8; bit++) {
			if (!(bits & 0x80 >> bit))
				continue;
			dns_write_space(out, separate);
			dns_write_type(out, (uint16_t)(first + 8 * i + bit));
		}
	}
}

static bool parse_types(struct dns_reader *r)
{
	return parse_any(r, false);
}

/* Windows rise, and none ends in zero bytes. A bitmap without types is legal elsewhere, but not in
 * NSEC. */
static bool walk_types(struct dns_walker *w)
{
	int before = -1;

	if (w->type == DNS_NSEC && bytes_left(&w->in) == 0)
		return false;
	while (bytes_left(&w->in) > 0) {
		int window = bytes_get_u8(&w->in);
		uint8_t size;
		const uint8_t *bits = dns_walk_string(&w->in, 1, &size);
		if (window <= before || !bits || size > WINDOW_BYTES || bits[size - 1] == 0 ||
		    (window == 0 && bits[0] & 0x80))
			return false;
		before = window;
	}
	return true;
}

static bool print_types(struct bytes_out *out, struct bytes_in *in)
{
	bool separate = false;

	while (bytes_left(in) > 0 && !in->failed) {
		uint32_t window = bytes_get_u8(in);
		print_bits(out, in, window * 256, bytes_get_u8(in), &separate);
	}
	return true;
}

static bool parse_types_nxt(struct dns_reader *r)
{
	return parse_any(r, true);
}

static bool walk_types_nxt(struct dns_walker *w)
{
	uint32_t size = bytes_left(&w->in);
	const uint8_t *bits = bytes_get(&w->in, size);

	return size <= NXT_BYTES_MAX && (size == 0 || (bits[size - 1] != 0 && !(bits[0] & 0x80)));
}

static bool print_types_nxt(struct bytes_out *out, struct bytes_in *in)
{
	bool separate = false;

	print_bits(out, in, 0, bytes_left(in), &separate);
	return true;
}

const struct dns_field dns_field_type = { parse_type, walk_type, print_type };
const struct dns_field dns_field_types = { parse_types, walk_types, print_types };
const struct dns_field dns_field_types_nxt = { parse_types_nxt, walk_types_nxt, print_types_nxt };
