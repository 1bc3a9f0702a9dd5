/* SPDX-License-Identifier: ISC */
/* NSAP (RFC 1706): 0x and digits, with dots as one likes. */
#include <app/dns/field/field.h>

#include <app/dns/text.h>
#include <app/dns/writer.h>

static bool parse(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint32_t before = r->out->at;

	if (!dns_reader_word(r, "an NSAP address"))
		return false;
	if (t->size < 2 || t->text[0] != '0' || (t->text[1] | 0x20) != 'x')
		return dns_lexer_refuse(r->lexer,
		                        "is not an NSAP address; write it like 0x47.0005.80");
	if (!dns_reader_hex(r, t->text + 2, t->size - 2, true))
		return false;
	if (r->out->at == before && !r->out->failed)
		return dns_lexer_refuse(r->lexer,
		                        "is an empty NSAP address; write digits after 0x");
	dns_lexer_next(r->lexer);
	return true;
}

static bool walk(struct dns_walker *w)
{
	return bytes_left(&w->in) > 0 && dns_walk_rest(&w->in);
}

static bool print(struct bytes_out *out, struct bytes_in *in)
{
	uint32_t size = bytes_left(in);
	const uint8_t *bytes = bytes_get(in, size);

	dns_put_text(out, "0x");
	if (bytes)
		dns_put_hex(out, bytes, size);
	return true;
}

const struct dns_field dns_field_nsap = { parse, walk, print };
