/* SPDX-License-Identifier: ISC */
/* HIP (RFC 8005): algorithm, identity tag, key, rendezvous servers; on the wire the lengths of tag
 * and key come first. */
#include <app/dns/field/field.h>

#include <app/dns/text.h>
#include <app/dns/writer.h>

static bool parse(struct dns_reader *r)
{
	struct dns_lexer *x = r->lexer;
	struct dns_base64 b = { 0 };
	uint32_t algorithm, head = r->out->at;

	if (!dns_reader_number(r, 10, UINT8_MAX, &algorithm) ||
	    !dns_reader_word(r, "a host identity tag"))
		return false;
	if (x->token.size / 2 > UINT8_MAX)
		return dns_lexer_refuse(x, "is a tag of more than 255 bytes; shorten it");
	bytes_put_u8(r->out, (uint8_t)(x->token.size / 2));
	bytes_put_u8(r->out, (uint8_t)algorithm);
	bytes_put_u16(r->out, 0);
	if (!dns_reader_hex(r, x->token.text, x->token.size, false))
		return false;
	dns_lexer_next(x);
	uint32_t key = r->out->at;
	if (!dns_reader_word(r, "a public key in base 64"))
		return false;
	if (!dns_base64_add(&b, x->token.text, x->token.size, r->out) || !dns_base64_end(&b))
		return dns_lexer_refuse(x, "is not base 64; copy the key anew, in one word");
	bytes_patch_u16(r->out, head + 2, (uint16_t)(r->out->at - key));
	dns_lexer_next(x);
	while (!dns_lexer_at_end(x))
		if (!dns_reader_name(r))
			return false;
	return true;
}

static bool walk(struct dns_walker *w)
{
	uint8_t tag = bytes_get_u8(&w->in);

	bytes_skip(&w->in, 1);
	uint16_t key = bytes_get_u16(&w->in);
	if (tag == 0 || key == 0 || !bytes_skip(&w->in, tag) || !bytes_skip(&w->in, key))
		return false;
	while (bytes_left(&w->in) > 0)
		if (!dns_walk_name(w, false))
			return false;
	return true;
}

static bool print(struct bytes_out *out, struct bytes_in *in)
{
	uint8_t tag_size = bytes_get_u8(in);

	dns_put_number(out, bytes_get_u8(in), 10, 1);
	uint16_t key_size = bytes_get_u16(in);
	const uint8_t *tag = bytes_get(in, tag_size), *key = bytes_get(in, key_size);
	if (!key)
		return true;
	bytes_put_u8(out, ' ');
	dns_put_hex(out, tag, tag_size);
	bytes_put_u8(out, ' ');
	dns_put_base64(out, key, key_size);
	while (bytes_left(in) > 0 && !in->failed) {
		bytes_put_u8(out, ' ');
		dns_write_name(out, in);
	}
	return true;
}

const struct dns_field dns_field_hip = { parse, walk, print };
