/* SPDX-License-Identifier: ISC */
/* Numbers of one, two and four bytes; spans and points of time, which are numbers of four bytes in
 * clothes of their own. */
#include <app/dns/field/field.h>

#include <app/dns/text.h>

/* ---- Plain ---- */

static bool parse_u8(struct dns_reader *r)
{
	uint32_t value;

	if (!dns_reader_number(r, 10, UINT8_MAX, &value))
		return false;
	bytes_put_u8(r->out, (uint8_t)value);
	return true;
}

bool dns_field_walk_u8(struct dns_walker *w)
{
	return bytes_skip(&w->in, 1);
}

bool dns_field_print_u8(struct bytes_out *out, struct bytes_in *in)
{
	dns_put_number(out, bytes_get_u8(in), 10, 1);
	return true;
}

static bool parse_u16(struct dns_reader *r)
{
	uint32_t value;

	if (!dns_reader_number(r, 10, UINT16_MAX, &value))
		return false;
	bytes_put_u16(r->out, (uint16_t)value);
	return true;
}

bool dns_field_walk_u16(struct dns_walker *w)
{
	return bytes_skip(&w->in, 2);
}

bool dns_field_print_u16(struct bytes_out *out, struct bytes_in *in)
{
	dns_put_number(out, bytes_get_u16(in), 10, 1);
	return true;
}

static bool parse_u32(struct dns_reader *r)
{
	uint32_t value;

	if (!dns_reader_number(r, 10, UINT32_MAX, &value))
		return false;
	bytes_put_u32(r->out, value);
	return true;
}

static bool walk_u32(struct dns_walker *w)
{
	return bytes_skip(&w->in, 4);
}

static bool print_u32(struct bytes_out *out, struct bytes_in *in)
{
	dns_put_number(out, bytes_get_u32(in), 10, 1);
	return true;
}

/* ---- An address of Chaosnet, in octal (RFC 1034 §3.6) ---- */

static bool parse_octal(struct dns_reader *r)
{
	uint32_t value;

	if (!dns_reader_number(r, 8, UINT16_MAX, &value))
		return false;
	bytes_put_u16(r->out, (uint16_t)value);
	return true;
}

static bool print_octal(struct bytes_out *out, struct bytes_in *in)
{
	dns_put_number(out, bytes_get_u16(in), 8, 1);
	return true;
}

/* ---- Times ---- */

static bool parse_seconds(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint32_t value;

	if (!dns_reader_word(r, "a time in seconds"))
		return false;
	if (!dns_text_seconds(t->text, t->size, &value))
		return dns_lexer_refuse(r->lexer, "is not a time; write seconds, or units like "
		                                  "1w2d3h4m5s");
	bytes_put_u32(r->out, value);
	dns_lexer_next(r->lexer);
	return true;
}

static bool parse_date(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint32_t value;

	if (!dns_reader_word(r, "a date"))
		return false;
	if (!dns_text_time(t->text, t->size, &value))
		return dns_lexer_refuse(r->lexer, "is not a date; write YYYYMMDDHHMMSS");
	bytes_put_u32(r->out, value);
	dns_lexer_next(r->lexer);
	return true;
}

static bool print_date(struct bytes_out *out, struct bytes_in *in)
{
	dns_put_time(out, bytes_get_u32(in));
	return true;
}

const struct dns_field dns_field_u8 = { parse_u8, dns_field_walk_u8, dns_field_print_u8 };
const struct dns_field dns_field_u16 = { parse_u16, dns_field_walk_u16, dns_field_print_u16 };
const struct dns_field dns_field_u32 = { parse_u32, walk_u32, print_u32 };
const struct dns_field dns_field_octal = { parse_octal, dns_field_walk_u16, print_octal };
const struct dns_field dns_field_seconds = { parse_seconds, walk_u32, print_u32 };
const struct dns_field dns_field_date = { parse_date, walk_u32, print_date };
