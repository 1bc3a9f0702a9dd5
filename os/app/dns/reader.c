/* SPDX-License-Identifier: ISC */
/* Pieces of record data from the tokens of a master file: reader.h. */
#include <app/dns/reader.h>

#include <core/error.h>
#include <app/dns/text.h>
#include <app/dns/type.h>

bool dns_reader_word(struct dns_reader *r, const char *what)
{
	struct dns_lexer *x = r->lexer;
	char type[16];

	switch (x->token.kind) {
	case DNS_TOKEN_WORD:
		return true;
	case DNS_TOKEN_QUOTED:
		return dns_lexer_refuse(x, "is quoted where %s is wanted; take the quotes out",
		                        what);
	case DNS_TOKEN_BAD:
		return false;
	}
	dns_type_text(r->type, type);
	return dns_lexer_fail(x, "the record ends where %s is wanted; complete the %s data", what,
	                      type);
}

bool dns_reader_text(struct dns_reader *r)
{
	return r->lexer->token.kind == DNS_TOKEN_QUOTED || dns_reader_word(r, "a string");
}

bool dns_reader_number(struct dns_reader *r, unsigned base, uint32_t max, uint32_t *value)
{
	const struct dns_token *t = &r->lexer->token;
	uint64_t v;

	if (!dns_reader_word(r, base == 8 ? "an octal number" : "a number"))
		return false;
	if (!dns_text_number(t->text, t->size, base, max, &v))
		return dns_lexer_refuse(r->lexer, "is not a number; write %s from 0 to %u",
		                        base == 8 ? "an octal one" : "one", max);
	*value = (uint32_t)v;
	dns_lexer_next(r->lexer);
	return true;
}

bool dns_reader_type(struct dns_reader *r, uint16_t *type)
{
	const struct dns_token *t = &r->lexer->token;

	if (!dns_reader_word(r, "a record type"))
		return false;
	int number = dns_type_number(t->text, t->size);
	if (number < 0)
		return dns_lexer_refuse(r->lexer,
		                        "is not a record type; for one without a name here "
		                        "write TYPE and its number");
	*type = (uint16_t)number;
	dns_lexer_next(r->lexer);
	return true;
}

bool dns_reader_name(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	struct dns_name name;
	const char *why;

	if (!dns_reader_word(r, "a domain name"))
		return false;
	if (dns_name_parse_why(&name, t->text, t->size, r->origin, &why) < 0)
		return dns_lexer_refuse(r->lexer, "%s", why);
	bytes_put_copy(r->out, name.wire, name.size);
	dns_lexer_next(r->lexer);
	return true;
}

static bool bad_escape(struct dns_reader *r)
{
	return dns_lexer_refuse(r->lexer, "has a bad escape; write \\ and a character, or \\ "
	                                  "and three digits from 000 to 255");
}

bool dns_reader_string(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint8_t text[UINT8_MAX];

	if (!dns_reader_text(r))
		return false;
	int size = dns_token_decode(t, text, sizeof text);
	if (size == ERR_TOO_BIG)
		return dns_lexer_refuse(r->lexer,
		                        "is a string of more than 255 bytes; split it into "
		                        "several strings");
	if (size < 0)
		return bad_escape(r);
	bytes_put_u8(r->out, (uint8_t)size);
	bytes_put_copy(r->out, text, (uint32_t)size);
	dns_lexer_next(r->lexer);
	return true;
}

bool dns_reader_decode(struct dns_reader *r, const struct dns_token *t)
{
	if (r->out->failed)
		return true;
	int size = dns_token_decode(t, r->out->base + r->out->at, bytes_room(r->out));
	if (size == ERR_TOO_BIG)
		r->out->failed = true;
	else if (size < 0)
		return bad_escape(r);
	else
		bytes_put(r->out, (uint32_t)size);
	return true;
}

bool dns_reader_ip4(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint8_t address[4];

	if (!dns_reader_word(r, "an IPv4 address"))
		return false;
	if (!dns_text_ip4(t->text, t->size, address))
		return dns_lexer_refuse(r->lexer,
		                        "is not an IPv4 address; write one like 192.0.2.1");
	bytes_put_copy(r->out, address, sizeof address);
	dns_lexer_next(r->lexer);
	return true;
}

bool dns_reader_ip6_to(struct dns_reader *r, uint8_t to[16])
{
	const struct dns_token *t = &r->lexer->token;

	if (!dns_reader_word(r, "an IPv6 address"))
		return false;
	if (!dns_text_ip6(t->text, t->size, to))
		return dns_lexer_refuse(r->lexer,
		                        "is not an IPv6 address; write one like 2001:db8::1");
	dns_lexer_next(r->lexer);
	return true;
}

bool dns_reader_ip6(struct dns_reader *r)
{
	uint8_t address[16];

	if (!dns_reader_ip6_to(r, address))
		return false;
	bytes_put_copy(r->out, address, sizeof address);
	return true;
}

/* Adds the digits of a text to the bytes; *high is the half of a byte that is begun, -1: none is.
 * */
static bool add_hex(struct dns_reader *r, const char *text, size_t size, bool dots, int *high)
{
	for (size_t i = 0; i < size; i++) {
		int digit = dns_text_hex_digit(text[i]);
		if (digit < 0 && text[i] == '.' && dots)
			continue;
		if (digit < 0)
			return dns_lexer_refuse(r->lexer,
			                        "is not hexadecimal; write digits 0 to 9 and "
			                        "A to F");
		if (*high >= 0)
			bytes_put_u8(r->out, (uint8_t)(*high << 4 | digit));
		*high = *high >= 0 ? -1 : digit;
	}
	return true;
}

bool dns_reader_hex(struct dns_reader *r, const char *text, size_t size, bool dots)
{
	int high = -1;

	if (!add_hex(r, text, size, dots, &high))
		return false;
	if (high >= 0)
		return dns_lexer_refuse(r->lexer,
		                        "has an odd number of hexadecimal digits; each byte "
		                        "is two");
	return true;
}

bool dns_reader_hex_rest(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	int high = -1;

	do {
		if (!dns_reader_word(r, "a hexadecimal text") ||
		    !add_hex(r, t->text, t->size, false, &high))
			return false;
		dns_lexer_next(r->lexer);
	} while (!dns_lexer_at_end(r->lexer));
	if (high >= 0)
		return dns_lexer_fail(r->lexer,
		                      "the hexadecimal text has an odd number of digits; each "
		                      "byte is two");
	return true;
}

bool dns_reader_base64_rest(struct dns_reader *r, bool may_be_empty)
{
	struct dns_base64 b = { 0 };

	if (may_be_empty && dns_lexer_at_end(r->lexer))
		return true;
	if (!dns_reader_word(r, "a base 64 text"))
		return false;
	while (!dns_lexer_at_end(r->lexer)) {
		const struct dns_token *t = &r->lexer->token;
		if (!dns_reader_word(r, "a base 64 text"))
			return false;
		if (!dns_base64_add(&b, t->text, t->size, r->out))
			return dns_lexer_refuse(r->lexer,
			                        "is not base 64 (A to Z, a to z, 0 to 9, +, /, "
			                        "then = to fill up); copy the text anew");
		dns_lexer_next(r->lexer);
	}
	if (!dns_base64_end(&b))
		return dns_lexer_fail(r->lexer,
		                      "the base 64 text is cut short; it must have a multiple "
		                      "of 4 characters, = included");
	return true;
}
