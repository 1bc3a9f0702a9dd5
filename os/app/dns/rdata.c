/* SPDX-License-Identifier: ISC */
/*
 * Record data along its type's layout, field by field: read, checked, searched for names, printed.
 * What a field is, the kinds of field/ know; here is what holds for the data as a whole: RFC 3597's
 * \# form, its size, the sizes of digests.
 */
#include <app/dns/rdata.h>

#include <string.h>

#include <core/error.h>
#include <app/dns/field/field.h>
#include <app/dns/text.h>
#include <app/dns/type.h>

/* The bytes that a digest must have, and does not: 0 if all is well, or unknown. */
static uint32_t digest_mismatch(uint16_t type, const uint8_t *data, uint32_t size)
{
	enum { SSHFP = 44, CDS = 59, ZONEMD = 63, TA = 32768, DLV = 32769, ZONEMD_SIMPLE = 1 };
	/* by kind of digest: RFC 4034 §5.1.4, RFC 5933, RFC 6605; RFC 8976 §2.2.3; RFC 4255, RFC
	 * 6594 */
	static const uint8_t ds[] = { 0, 20, 32, 32, 48 }, zonemd[] = { 0, 48, 64 },
	                     sshfp[] = { 0, 20, 32 };
	const uint8_t *sizes;
	uint32_t known, at; /* where the kind is; the digest comes after */

	switch (type) {
	case DNS_DS:
	case CDS:
	case TA:
	case DLV:
		sizes = ds;
		known = sizeof ds;
		at = 3;
		break;
	case ZONEMD:
		sizes = zonemd;
		known = sizeof zonemd;
		at = 5;
		break;
	case SSHFP:
		sizes = sshfp;
		known = sizeof sshfp;
		at = 1;
		break;
	default:
		return 0;
	}
	if (size <= at || data[at] >= known || sizes[data[at]] == 0)
		return 0;
	if (type == ZONEMD && data[at - 1] != ZONEMD_SIMPLE)
		return 0; /* what another scheme makes of a hash is its own (RFC 8976 §2.2.2, A.3) */
	return sizes[data[at]] == size - at - 1 ? 0 : sizes[data[at]];
}

/* ---- Wire form ---- */

static bool walk(struct dns_walker *w, uint16_t class)
{
	for (const char *layout = dns_type_layout_in(w->type, class); *layout; layout++)
		if (!dns_field(*layout)->walk(w) || w->in.failed)
			return false;
	return bytes_left(&w->in) == 0;
}

int dns_rdata_names(uint16_t type, uint16_t class, const uint8_t *data, uint32_t size,
                    struct dns_rdata_name *names, uint32_t room)
{
	struct dns_walker w = {
		.in = bytes_in(data, size), .type = type, .names = names, .room = room
	};

	if (size > DNS_DATA_MAX)
		return ERR_MALFORMED;
	if (!dns_type_layout_in(type, class))
		return 0;
	if (!walk(&w, class) || digest_mismatch(type, data, size) != 0)
		return ERR_MALFORMED;
	return (int)w.count;
}

bool dns_rdata_check(uint16_t type, uint16_t class, const uint8_t *data, uint32_t size)
{
	return dns_rdata_names(type, class, data, size, NULL, 0) >= 0;
}

void dns_rdata_fold(uint16_t type, uint16_t class, uint8_t *data, uint32_t size)
{
	struct dns_walker w = { .in = bytes_in(data, size), .type = type, .fold = data };

	if (dns_rdata_names(type, class, data, size, NULL, 0) > 0)
		walk(&w, class);
}

/* ---- From text ---- */

/* \# LENGTH HEX... (RFC 3597 §5); the token is the \#. */
static bool parse_generic(struct dns_reader *r, uint16_t class)
{
	uint32_t size;
	uint32_t line = r->lexer->token.line;
	char type[16];

	dns_lexer_next(r->lexer);
	if (!dns_reader_number(r, 10, DNS_DATA_MAX, &size))
		return false;
	if (!dns_lexer_at_end(r->lexer) && !dns_reader_hex_rest(r))
		return false;
	uint32_t have = r->out->at - r->start;
	r->lexer->token.line = line;
	if (!r->out->failed && have != size)
		return dns_lexer_fail(r->lexer,
		                      "the data is of %u bytes, but \\# says %u; correct the "
		                      "number or complete the data",
		                      have, size);
	if (!r->out->failed && !dns_rdata_check(r->type, class, r->out->base + r->start, size)) {
		dns_type_text(r->type, type);
		return dns_lexer_fail(r->lexer,
		                      "these %u bytes are no %s data; write it in its own form",
		                      size, type);
	}
	return true;
}

static bool parse(struct dns_reader *r, uint16_t class)
{
	struct dns_lexer *x = r->lexer;
	const char *layout = dns_type_layout_in(r->type, class);
	char type[16];

	if (x->token.kind == DNS_TOKEN_WORD && x->token.size == 2 &&
	    memcmp(x->token.text, "\\#", 2) == 0) {
		if (!parse_generic(r, class))
			return false;
	} else if (!layout) {
		if (!dns_reader_word(r, "\\#"))
			return false;
		dns_type_text(r->type, type);
		return dns_lexer_refuse(
		        x,
		        "cannot be read, %s has no text form here; write \\# LENGTH "
		        "HEXADECIMAL",
		        type);
	} else {
		for (; *layout; layout++)
			if (!dns_field(*layout)->parse(r))
				return false;
	}
	if (x->token.kind == DNS_TOKEN_BAD)
		return false;
	if (!dns_lexer_at_end(x)) {
		dns_type_text(r->type, type);
		return dns_lexer_refuse(
		        x,
		        "is more than %s data has; take it out, or put quotes around a "
		        "string with spaces",
		        type);
	}
	uint32_t size = r->out->at - r->start;
	if (r->out->failed || size > DNS_DATA_MAX)
		return dns_lexer_fail(x, "the data has more than %u bytes; shorten it",
		                      DNS_DATA_MAX);
	uint32_t digest = digest_mismatch(r->type, r->out->base + r->start, size);
	if (digest != 0)
		return dns_lexer_fail(
		        x,
		        "the digest must have %u bytes, %u digits, for its type; copy it "
		        "anew",
		        digest, 2 * digest);
	return true;
}

bool dns_rdata_parse(uint16_t type, uint16_t class, struct dns_lexer *x,
                     const struct dns_name *origin, struct bytes_out *out)
{
	struct dns_reader r = {
		.lexer = x, .origin = origin, .out = out, .start = out->at, .type = type
	};

	return parse(&r, class);
}

/* ---- To text ---- */

static void print_generic(struct bytes_out *out, const uint8_t *data, uint32_t size)
{
	dns_put_text(out, "\\# ");
	dns_put_number(out, size, 10, 1);
	if (size > 0) {
		bytes_put_u8(out, ' ');
		dns_put_hex(out, data, size);
	}
}

int dns_rdata_text(uint16_t type, uint16_t class, const uint8_t *data, uint32_t size, char *to,
                   uint32_t room)
{
	const char *layout = dns_type_layout_in(type, class);
	struct bytes_out out = bytes_out(to, room);
	struct bytes_in in = bytes_in(data, size);
	bool own_form = layout && dns_rdata_check(type, class, data, size);

	for (const char *l = layout; own_form && *l; l++) {
		uint32_t before = out.at;
		if (l > layout)
			bytes_put_u8(&out, ' ');
		own_form = dns_field(*l)->print(&out, &in);
		/* No field, no space. */
		if (l > layout && out.at == before + 1 && !out.failed)
			bytes_rewind(&out, before);
	}
	if (!own_form) {
		bytes_rewind(&out, 0);
		print_generic(&out, data, size);
	}
	bytes_put_u8(&out, '\0');
	return out.failed ? ERR_TOO_BIG : (int)out.at - 1;
}
