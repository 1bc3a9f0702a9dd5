/* SPDX-License-Identifier: ISC */
/* ATMA (ATM Name System 1.0): + and a telephone number, or the digits of an address of an ATM end
 * system. */
#include <app/dns/field/field.h>

#include <app/dns/text.h>
#include <app/dns/writer.h>

enum { ATMA_AESA = 0, ATMA_E164 = 1 };

static bool parse(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint32_t before = r->out->at;

	if (!dns_reader_word(r, "an ATM address"))
		return false;
	bool e164 = t->size > 0 && t->text[0] == '+';
	bytes_put_u8(r->out, e164 ? ATMA_E164 : ATMA_AESA);
	if (!e164 && !dns_reader_hex(r, t->text, t->size, true))
		return false;
	for (size_t i = 1; e164 && i < t->size; i++) {
		if (t->text[i] == '.')
			continue;
		if (t->text[i] < '0' || t->text[i] > '9')
			return dns_lexer_refuse(r->lexer,
			                        "is not an ATM address; write digits after +");
		bytes_put_u8(r->out, (uint8_t)t->text[i]);
	}
	if (r->out->at == before + 1 && !r->out->failed)
		return dns_lexer_refuse(r->lexer, "is an empty ATM address; write its digits");
	dns_lexer_next(r->lexer);
	return true;
}

static bool walk(struct dns_walker *w)
{
	struct bytes_in *in = &w->in;
	uint8_t format = bytes_get_u8(in);

	if (format > ATMA_E164 || bytes_left(in) == 0)
		return false;
	while (bytes_left(in) > 0) {
		uint8_t c = bytes_get_u8(in);
		if (format == ATMA_E164 && (c < '0' || c > '9'))
			return false;
	}
	return true;
}

static bool print(struct bytes_out *out, struct bytes_in *in)
{
	uint8_t format = bytes_get_u8(in);
	uint32_t size = bytes_left(in);
	const uint8_t *bytes = bytes_get(in, size);

	if (!bytes)
		return true;
	if (format == ATMA_AESA) {
		dns_put_hex(out, bytes, size);
		return true;
	}
	bytes_put_u8(out, '+');
	bytes_put_copy(out, bytes, size);
	return true;
}

const struct dns_field dns_field_atma = { parse, walk, print };
