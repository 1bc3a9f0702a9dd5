/* SPDX-License-Identifier: ISC */
/* Bytes in base 16, 32 and 64: to the end of the data, or with a length, which is not written (salt
 * and hash of NSEC3). */
#include <app/dns/field/field.h>

#include <app/dns/text.h>
#include <app/dns/writer.h>

/* ---- To the end of the data ---- */

static bool walk_some(struct dns_walker *w)
{
	return bytes_left(&w->in) > 0 && dns_walk_rest(&w->in);
}

static bool walk_any(struct dns_walker *w)
{
	return dns_walk_rest(&w->in);
}

static bool print_hex(struct bytes_out *out, struct bytes_in *in)
{
	dns_write_based(out, in, bytes_left(in), dns_put_hex);
	return true;
}

static bool parse_base64(struct dns_reader *r)
{
	return dns_reader_base64_rest(r, false);
}

static bool parse_base64_or_none(struct dns_reader *r)
{
	return dns_reader_base64_rest(r, true);
}

static bool print_base64(struct bytes_out *out, struct bytes_in *in)
{
	dns_write_based(out, in, bytes_left(in), dns_put_base64);
	return true;
}

static bool parse_base64_or_dash(struct dns_reader *r)
{
	if (!dns_token_is(&r->lexer->token, "-"))
		return dns_reader_base64_rest(r, false);
	dns_lexer_next(r->lexer);
	return true;
}

static bool print_base64_or_dash(struct bytes_out *out, struct bytes_in *in)
{
	if (bytes_left(in) == 0)
		bytes_put_u8(out, '-');
	return print_base64(out, in);
}

/* ---- Salt of NSEC3: base 16, or - for none (RFC 5155 §3.3) ---- */

static bool parse_salt(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;

	if (!dns_reader_word(r, "a salt"))
		return false;
	bool none = dns_token_is(t, "-");
	if (t->size / 2 > UINT8_MAX)
		return dns_lexer_refuse(r->lexer, "is a salt of more than 255 bytes; shorten it");
	bytes_put_u8(r->out, none ? 0 : (uint8_t)(t->size / 2));
	if (!none && !dns_reader_hex(r, t->text, t->size, false))
		return false;
	dns_lexer_next(r->lexer);
	return true;
}

static bool walk_salt(struct dns_walker *w)
{
	uint8_t size;

	return dns_walk_string(&w->in, 0, &size) != NULL;
}

static bool print_salt(struct bytes_out *out, struct bytes_in *in)
{
	uint8_t size = bytes_get_u8(in);

	if (size == 0)
		bytes_put_u8(out, '-');
	dns_write_based(out, in, size, dns_put_hex);
	return true;
}

/* ---- The next hashed owner of NSEC3: base32hex without padding (RFC 5155 §3.3) ---- */

static bool parse_hash(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint32_t bits = 0;
	unsigned have = 0;

	if (!dns_reader_word(r, "a hashed owner name"))
		return false;
	size_t size = t->size * 5 / 8;
	if (size > UINT8_MAX || size == 0)
		return dns_lexer_refuse(r->lexer,
		                        "is not a hash; write 1 to 255 bytes in base32hex");
	bytes_put_u8(r->out, (uint8_t)size);
	for (size_t i = 0; i < t->size; i++) {
		int digit = dns_text_base32_digit(t->text[i]);
		if (digit < 0)
			return dns_lexer_refuse(r->lexer,
			                        "is not base32hex; write digits 0 to 9 and A "
			                        "to V, no =");
		bits = bits << 5 | (unsigned)digit;
		have += 5;
		if (have < 8)
			continue;
		have -= 8;
		bytes_put_u8(r->out, (uint8_t)(bits >> have));
	}
	if (have >= 5 || (bits & ((1u << have) - 1)) != 0)
		return dns_lexer_refuse(r->lexer, "is base32hex cut short; copy the text anew");
	dns_lexer_next(r->lexer);
	return true;
}

static bool walk_hash(struct dns_walker *w)
{
	uint8_t size;

	return dns_walk_string(&w->in, 1, &size) != NULL;
}

static bool print_hash(struct bytes_out *out, struct bytes_in *in)
{
	dns_write_based(out, in, bytes_get_u8(in), dns_put_base32);
	return true;
}

const struct dns_field dns_field_hex = { dns_reader_hex_rest, walk_some, print_hex };
const struct dns_field dns_field_base64 = { parse_base64, walk_some, print_base64 };
const struct dns_field dns_field_base64_or_none = { parse_base64_or_none, walk_any, print_base64 };
const struct dns_field dns_field_base64_or_dash = { parse_base64_or_dash, walk_any,
	                                            print_base64_or_dash };
const struct dns_field dns_field_salt = { parse_salt, walk_salt, print_salt };
const struct dns_field dns_field_hash = { parse_hash, walk_hash, print_hash };
