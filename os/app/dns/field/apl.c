/* SPDX-License-Identifier: ISC */
/* APL (RFC 3123): address prefixes, [!]FAMILY:ADDRESS/BITS each. */
#include <app/dns/field/field.h>

#include <string.h>

#include <app/dns/text.h>
#include <app/dns/writer.h>

enum { FAMILY_IP4 = 1, FAMILY_IP6 = 2 };
#define APL_NOT 0x80u /* in the byte of the address's length */

static bool parse_prefix(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint8_t address[16] = { 0 };
	uint64_t family, bits;

	if (!dns_reader_word(r, "an address prefix"))
		return false;
	const char *text = t->text, *end = text + t->size;
	bool not = text < end && *text == '!';
	text += not;
	const char *colon = memchr(text, ':', (size_t)(end - text));
	const char *slash = memchr(text, '/', (size_t)(end - text));
	if (!colon || !slash || colon > slash ||
	    !dns_text_number(text, (size_t)(colon - text), 10, FAMILY_IP6, &family) ||
	    !(family == FAMILY_IP6
	              ? dns_text_ip6(colon + 1, (size_t)(slash - colon - 1), address)
	              : family == FAMILY_IP4 &&
	                        dns_text_ip4(colon + 1, (size_t)(slash - colon - 1), address)) ||
	    !dns_text_number(slash + 1, (size_t)(end - slash - 1), 10,
	                     family == FAMILY_IP6 ? 128 : 32, &bits))
		return dns_lexer_refuse(r->lexer, "is no address prefix; write it like "
		                                  "1:192.168.32.0/21 or !2:2001:db8::/32");
	uint8_t size = family == FAMILY_IP6 ? 16 : 4;
	while (size > 0 && address[size - 1] == 0)
		size--;
	bytes_put_u16(r->out, (uint16_t)family);
	bytes_put_u8(r->out, (uint8_t)bits);
	bytes_put_u8(r->out, size | (not? APL_NOT : 0));
	bytes_put_copy(r->out, address, size);
	dns_lexer_next(r->lexer);
	return true;
}

static bool parse(struct dns_reader *r)
{
	while (!dns_lexer_at_end(r->lexer))
		if (!parse_prefix(r))
			return false;
	return true;
}

static bool walk(struct dns_walker *w)
{
	struct bytes_in *in = &w->in;
	while (bytes_left(in) > 0) {
		uint16_t family = bytes_get_u16(in);
		uint8_t bits = bytes_get_u8(in);
		uint8_t size = bytes_get_u8(in) & ~APL_NOT;
		const uint8_t *address = bytes_get(in, size);
		if (!address || (size > 0 && address[size - 1] == 0) ||
		    (family == FAMILY_IP4 && (size > 4 || bits > 32)) ||
		    (family == FAMILY_IP6 && (size > 16 || bits > 128)))
			return false;
	}
	return true;
}

static bool print(struct bytes_out *out, struct bytes_in *in)
{
	for (bool separate = false; bytes_left(in) > 0 && !in->failed; separate = true) {
		uint8_t address[16] = { 0 };
		uint16_t family = bytes_get_u16(in);
		uint8_t bits = bytes_get_u8(in), size = bytes_get_u8(in);
		if (family != FAMILY_IP4 && family != FAMILY_IP6)
			return false;
		bytes_copy(in, address, size & ~APL_NOT);
		if (separate)
			bytes_put_u8(out, ' ');
		dns_put_text(out, size & APL_NOT ? "!" : "");
		dns_put_text(out, family == FAMILY_IP6 ? "2:" : "1:");
		if (family == FAMILY_IP6)
			dns_put_ip6(out, address);
		else
			dns_put_ip4(out, address);
		bytes_put_u8(out, '/');
		dns_put_number(out, bits, 10, 1);
	}
	return true;
}

const struct dns_field dns_field_apl = { parse, walk, print };
