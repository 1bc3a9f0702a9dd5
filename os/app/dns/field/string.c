/* SPDX-License-Identifier: ISC */
/* Strings: one, several, one that need not be there, one without a length; digits of X.25; tags of
 * CAA. */
#include <app/dns/field/field.h>

#include <app/dns/text.h>
#include <app/dns/writer.h>

/* ---- Strings with a length ---- */

static bool walk_string(struct dns_walker *w)
{
	uint8_t size;

	return dns_walk_string(&w->in, 0, &size) != NULL;
}

static bool print_string(struct bytes_out *out, struct bytes_in *in)
{
	dns_write_quoted(out, in, bytes_get_u8(in));
	return true;
}

static bool parse_strings(struct dns_reader *r)
{
	do
		if (!dns_reader_string(r))
			return false;
	while (!dns_lexer_at_end(r->lexer));
	return true;
}

static bool walk_strings(struct dns_walker *w)
{
	do
		if (!walk_string(w))
			return false;
	while (bytes_left(&w->in) > 0);
	return true;
}

static bool print_strings(struct bytes_out *out, struct bytes_in *in)
{
	for (bool separate = false; bytes_left(in) > 0 && !in->failed;) {
		dns_write_space(out, &separate);
		print_string(out, in);
	}
	return true;
}

static bool parse_string_or_none(struct dns_reader *r)
{
	return dns_lexer_at_end(r->lexer) || dns_reader_string(r);
}

static bool walk_string_or_none(struct dns_walker *w)
{
	return bytes_left(&w->in) == 0 || walk_string(w);
}

static bool print_string_or_none(struct bytes_out *out, struct bytes_in *in)
{
	return bytes_left(in) == 0 || print_string(out, in);
}

/* ---- A string that takes the rest of the data, without a length (RFC 7553 §4.4, RFC 8659 §4.1.1)
 * ---- */

static bool parse_long_string(struct dns_reader *r)
{
	if (!dns_reader_text(r) || !dns_reader_decode(r, &r->lexer->token))
		return false;
	dns_lexer_next(r->lexer);
	return true;
}

static bool walk_rest(struct dns_walker *w)
{
	return dns_walk_rest(&w->in);
}

static bool print_long_string(struct bytes_out *out, struct bytes_in *in)
{
	dns_write_quoted(out, in, bytes_left(in));
	return true;
}

/* ---- An address of X.25: a string of at least four digits (RFC 1183 §3.1) ---- */

#define X25_DIGITS_MIN 4u

static bool parse_digits(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;

	if (!dns_reader_text(r))
		return false;
	bool ok = t->size >= X25_DIGITS_MIN;
	for (size_t i = 0; ok && i < t->size; i++)
		ok = t->text[i] >= '0' && t->text[i] <= '9';
	if (!ok)
		return dns_lexer_refuse(r->lexer,
		                        "is not an X.25 address; write four digits or more");
	return dns_reader_string(r);
}

static bool walk_digits(struct dns_walker *w)
{
	uint8_t size;
	const uint8_t *digits = dns_walk_string(&w->in, X25_DIGITS_MIN, &size);

	if (!digits)
		return false;
	for (unsigned i = 0; i < size; i++)
		if (digits[i] < '0' || digits[i] > '9')
			return false;
	return true;
}

/* ---- Tag of CAA: letters and digits (RFC 8659 §4.1) ---- */

static bool is_tag(const uint8_t *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t c = dns_lower(text[i]);
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9'))
			return false;
	}
	return true;
}

static bool parse_tag(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;

	if (!dns_reader_word(r, "a property tag"))
		return false;
	if (t->size > UINT8_MAX || !is_tag((const uint8_t *)t->text, t->size))
		return dns_lexer_refuse(r->lexer,
		                        "is not a property tag; write letters and digits, like "
		                        "issue");
	bytes_put_u8(r->out, (uint8_t)t->size);
	bytes_put_copy(r->out, t->text, (uint32_t)t->size);
	dns_lexer_next(r->lexer);
	return true;
}

static bool walk_tag(struct dns_walker *w)
{
	uint8_t size;
	const uint8_t *tag = dns_walk_string(&w->in, 1, &size);

	return tag && is_tag(tag, size);
}

static void put_bytes(struct bytes_out *out, const uint8_t *bytes, uint32_t count)
{
	bytes_put_copy(out, bytes, count);
}

static bool print_tag(struct bytes_out *out, struct bytes_in *in)
{
	dns_write_based(out, in, bytes_get_u8(in), put_bytes);
	return true;
}

const struct dns_field dns_field_string = { dns_reader_string, walk_string, print_string };
const struct dns_field dns_field_strings = { parse_strings, walk_strings, print_strings };
const struct dns_field dns_field_string_or_none = { parse_string_or_none, walk_string_or_none,
	                                            print_string_or_none };
const struct dns_field dns_field_long_string = { parse_long_string, walk_rest, print_long_string };
const struct dns_field dns_field_digits = { parse_digits, walk_digits, print_string };
const struct dns_field dns_field_tag = { parse_tag, walk_tag, print_tag };
