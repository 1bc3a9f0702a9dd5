/* SPDX-License-Identifier: ISC */
/*
 * Types whose data has a grammar of its own, most of them hardly used any more: the gateway of
 * IPSECKEY (RFC 4025) and the relay of AMTRELAY (RFC 8777), A6 (RFC 2874), HIP (RFC 8005), APL (RFC
 * 3123), WKS (RFC 1035 §3.4.2), NSAP (RFC 1706), ATMA (ATM Name System 1.0). For each: parse, walk,
 * print; at the end the choice by letter.
 */
#include <app/dns/rdata_field.h>

#include <string.h>

/* ---- Gateway: none, an IPv4 address, an IPv6 address or a name ---- */

enum gateway { GATEWAY_NONE, GATEWAY_IP4, GATEWAY_IP6, GATEWAY_NAME, GATEWAYS };
#define AMT_DISCOVERY 0x80u /* the D bit, in the byte of the relay's type (RFC 8777 §4.2) */

static bool parse_gateway(struct dns_reader *r, uint32_t kind)
{
	switch (kind) {
	case GATEWAY_IP4:
		return dns_reader_ip4(r);
	case GATEWAY_IP6:
		return dns_reader_ip6(r);
	case GATEWAY_NAME:
		return dns_reader_name(r);
	}
	if (!dns_reader_word(r, "a gateway"))
		return false;
	if (!dns_token_is(&r->lexer->token, "."))
		return dns_lexer_refuse(r->lexer,
		                        "is a gateway, but its type is 0; write . for none");
	dns_lexer_next(r->lexer);
	return true;
}

static bool walk_gateway(struct dns_walker *w, uint32_t kind)
{
	switch (kind) {
	case GATEWAY_NONE:
		return true;
	case GATEWAY_IP4:
		return bytes_skip(&w->in, 4);
	case GATEWAY_IP6:
		return bytes_skip(&w->in, 16);
	case GATEWAY_NAME:
		return dns_walk_name(w, false);
	}
	return false;
}

static void print_gateway(struct bytes_out *out, struct bytes_in *in, uint32_t kind)
{
	const uint8_t *address;

	switch (kind) {
	case GATEWAY_NONE:
		bytes_put_u8(out, '.');
		break;
	case GATEWAY_IP4:
		if ((address = bytes_get(in, 4)))
			dns_put_ip4(out, address);
		break;
	case GATEWAY_IP6:
		if ((address = bytes_get(in, 16)))
			dns_put_ip6(out, address);
		break;
	default:
		dns_print_name(out, in);
	}
}

/* precedence type algorithm gateway: the first three went out already. */
static bool parse_ipseckey(struct dns_reader *r)
{
	if (r->out->failed)
		return true;
	uint8_t kind = r->out->base[r->start + 1];
	if (kind >= GATEWAYS)
		return dns_lexer_fail(r->lexer, "%u is no type of gateway; write 0 to 3", kind);
	return parse_gateway(r, kind);
}

static bool parse_relay(struct dns_reader *r)
{
	uint32_t discovery, kind;

	if (!dns_reader_number(r, 1, &discovery) || !dns_reader_number(r, GATEWAYS - 1, &kind))
		return false;
	bytes_put_u8(r->out, (uint8_t)((discovery ? AMT_DISCOVERY : 0) | kind));
	return parse_gateway(r, kind);
}

static void print_relay(struct bytes_out *out, struct bytes_in *in)
{
	uint8_t kind = bytes_get_u8(in);

	dns_put_text(out, kind & AMT_DISCOVERY ? "1 " : "0 ");
	dns_put_number(out, kind & ~AMT_DISCOVERY, 10, 1);
	bytes_put_u8(out, ' ');
	print_gateway(out, in, kind & ~AMT_DISCOVERY);
}

/* ---- A6: bits of the prefix, the address's rest, the prefix's name ---- */

#define A6_BITS 128u

static bool parse_a6(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint32_t prefix;
	uint8_t address[16];

	if (!dns_reader_number(r, A6_BITS, &prefix))
		return false;
	bytes_put_u8(r->out, (uint8_t)prefix);
	if (prefix < A6_BITS) {
		if (!dns_reader_word(r, "an IPv6 address"))
			return false;
		if (!dns_text_ip6(t->text, t->size, address))
			return dns_lexer_refuse(r->lexer, "is not an IPv6 address; write one like "
			                                  "2001:db8::1");
		address[prefix / 8] &= 0xff >> prefix % 8;
		bytes_put_copy(r->out, address + prefix / 8, 16 - prefix / 8);
		dns_lexer_next(r->lexer);
	}
	return prefix == 0 || dns_reader_name(r);
}

static bool walk_a6(struct dns_walker *w)
{
	uint8_t prefix = bytes_get_u8(&w->in);

	if (prefix > A6_BITS)
		return false;
	const uint8_t *rest = bytes_get(&w->in, 16u - prefix / 8);
	if (!rest || (prefix < A6_BITS && rest[0] & ~(0xff >> prefix % 8)))
		return false;
	return prefix == 0 || dns_walk_name(w, false);
}

static void print_a6(struct bytes_out *out, struct bytes_in *in)
{
	uint8_t prefix = bytes_get_u8(in), address[16] = { 0 };

	dns_put_number(out, prefix, 10, 1);
	if (prefix < A6_BITS) {
		bytes_copy(in, address + prefix / 8, 16u - prefix / 8);
		bytes_put_u8(out, ' ');
		dns_put_ip6(out, address);
	}
	if (prefix > 0) {
		bytes_put_u8(out, ' ');
		dns_print_name(out, in);
	}
}

/* ---- HIP: algorithm, identity tag, key, rendezvous servers; the lengths of tag and key come first
 * ---- */

static bool parse_hip(struct dns_reader *r)
{
	struct dns_lexer *x = r->lexer;
	struct dns_base64 b = { 0 };
	uint32_t algorithm, head = r->out->at;

	if (!dns_reader_number(r, UINT8_MAX, &algorithm) ||
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

static bool walk_hip(struct dns_walker *w)
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

static void print_hip(struct bytes_out *out, struct bytes_in *in)
{
	uint8_t tag_size = bytes_get_u8(in);

	dns_put_number(out, bytes_get_u8(in), 10, 1);
	uint16_t key_size = bytes_get_u16(in);
	const uint8_t *tag = bytes_get(in, tag_size), *key = bytes_get(in, key_size);
	if (!key)
		return;
	bytes_put_u8(out, ' ');
	dns_put_hex(out, tag, tag_size);
	bytes_put_u8(out, ' ');
	dns_put_base64(out, key, key_size);
	while (bytes_left(in) > 0 && !in->failed) {
		bytes_put_u8(out, ' ');
		dns_print_name(out, in);
	}
}

/* ---- APL: address prefixes, [!]FAMILY:ADDRESS/BITS each ---- */

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

static bool parse_apl(struct dns_reader *r)
{
	while (!dns_lexer_at_end(r->lexer))
		if (!parse_prefix(r))
			return false;
	return true;
}

static bool walk_apl(struct bytes_in *in)
{
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

/* Families other than IP have no text form. */
static bool print_apl(struct bytes_out *out, struct bytes_in *in)
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

/* ---- WKS: protocol, and a bit for each port ---- */

#define PORT_BITMAP_BYTES 8192u

static const struct {
	char name[9];
	uint16_t port;
} services[] = {
	{ "ECHO", 7 },      { "DISCARD", 9 }, { "DAYTIME", 13 }, { "FTP-DATA", 20 },
	{ "FTP", 21 },      { "SSH", 22 },    { "TELNET", 23 },  { "SMTP", 25 },
	{ "TIME", 37 },     { "WHOIS", 43 },  { "DOMAIN", 53 },  { "TFTP", 69 },
	{ "GOPHER", 70 },   { "FINGER", 79 }, { "HTTP", 80 },    { "WWW", 80 },
	{ "KERBEROS", 88 }, { "POP3", 110 },  { "SUNRPC", 111 }, { "AUTH", 113 },
	{ "NNTP", 119 },    { "NTP", 123 },   { "IMAP", 143 },   { "IMAP2", 143 },
	{ "SNMP", 161 },    { "HTTPS", 443 },
};

static bool parse_port(struct dns_reader *r, uint32_t *port)
{
	const struct dns_token *t = &r->lexer->token;
	uint64_t number;

	if (!dns_reader_word(r, "a service"))
		return false;
	if (dns_text_number(t->text, t->size, 10, UINT16_MAX, &number)) {
		*port = (uint32_t)number;
		dns_lexer_next(r->lexer);
		return true;
	}
	for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
		if (!dns_token_is(t, services[i].name))
			continue;
		*port = services[i].port;
		dns_lexer_next(r->lexer);
		return true;
	}
	return dns_lexer_refuse(r->lexer,
	                        "is a service that is not known here; write its port's number");
}

static bool parse_wks(struct dns_reader *r)
{
	enum { TCP = 6, UDP = 17 };
	const struct dns_token *t = &r->lexer->token;
	uint8_t bits[PORT_BITMAP_BYTES];
	uint32_t protocol, port = 0, size = 0;

	if (dns_token_is(t, "TCP") || dns_token_is(t, "UDP")) {
		protocol = dns_token_is(t, "TCP") ? TCP : UDP;
		dns_lexer_next(r->lexer);
	} else if (!dns_reader_number(r, UINT8_MAX, &protocol)) {
		return false;
	}
	memset(bits, 0, sizeof bits);
	while (!dns_lexer_at_end(r->lexer)) {
		if (!parse_port(r, &port))
			return false;
		bits[port / 8] |= (uint8_t)(0x80 >> port % 8);
		if (size < port / 8 + 1)
			size = port / 8 + 1;
	}
	bytes_put_u8(r->out, (uint8_t)protocol);
	bytes_put_copy(r->out, bits, size);
	return true;
}

/* No zero bytes at the end, so that text gives the data back. */
static bool walk_wks(struct bytes_in *in)
{
	bytes_skip(in, 1);
	uint32_t size = bytes_left(in);
	const uint8_t *bits = bytes_get(in, size);

	return bits && size <= PORT_BITMAP_BYTES && (size == 0 || bits[size - 1] != 0);
}

static void print_wks(struct bytes_out *out, struct bytes_in *in)
{
	dns_put_number(out, bytes_get_u8(in), 10, 1);
	for (uint32_t port = 0; bytes_left(in) > 0; port += 8) {
		uint8_t bits = bytes_get_u8(in);
		for (uint32_t bit = 0; bit < 8; bit++) {
			if (!(bits & 0x80 >> bit))
				continue;
			bytes_put_u8(out, ' ');
			dns_put_number(out, port + bit, 10, 1);
		}
	}
}

/* ---- NSAP: 0x and digits, with dots as one likes ---- */

static bool parse_nsap(struct dns_reader *r)
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

static void print_nsap(struct bytes_out *out, struct bytes_in *in)
{
	uint32_t size = bytes_left(in);
	const uint8_t *bytes = bytes_get(in, size);

	dns_put_text(out, "0x");
	if (bytes)
		dns_put_hex(out, bytes, size);
}

/* ---- ATMA: + and a telephone number, or the digits of an address of an ATM end system ---- */

enum { ATMA_AESA = 0, ATMA_E164 = 1 };

static bool parse_atma(struct dns_reader *r)
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

static bool walk_atma(struct bytes_in *in)
{
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

static void print_atma(struct bytes_out *out, struct bytes_in *in)
{
	uint8_t format = bytes_get_u8(in);
	uint32_t size = bytes_left(in);
	const uint8_t *bytes = bytes_get(in, size);

	if (!bytes)
		return;
	if (format == ATMA_AESA) {
		dns_put_hex(out, bytes, size);
		return;
	}
	bytes_put_u8(out, '+');
	bytes_put_copy(out, bytes, size);
}

/* ---- The choice ---- */

bool dns_parse_rare(struct dns_reader *r, char letter)
{
	switch (letter) {
	case 'G':
		return parse_ipseckey(r);
	case 'R':
		return parse_relay(r);
	case '6':
		return parse_a6(r);
	case 'I':
		return parse_hip(r);
	case 'P':
		return parse_apl(r);
	case 'W':
		return parse_wks(r);
	case 'K':
		return parse_nsap(r);
	case 'Q':
		return parse_atma(r);
	}
	return dns_lexer_fail(r->lexer, "the layout has a letter that nobody reads: %c", letter);
}

bool dns_walk_rare(struct dns_walker *w, char letter, const uint8_t *data)
{
	switch (letter) {
	case 'G': /* comes third, so the second byte is there */
		return walk_gateway(w, data[1]);
	case 'R': {
		uint32_t kind = bytes_get_u8(&w->in) & ~AMT_DISCOVERY;
		return !w->in.failed && walk_gateway(w, kind);
	}
	case '6':
		return walk_a6(w);
	case 'I':
		return walk_hip(w);
	case 'P':
		return walk_apl(&w->in);
	case 'W':
		return walk_wks(&w->in);
	case 'K':
		return bytes_left(&w->in) > 0 && bytes_skip(&w->in, bytes_left(&w->in));
	case 'Q':
		return walk_atma(&w->in);
	}
	return false;
}

bool dns_print_rare(struct bytes_out *out, struct bytes_in *in, char letter, const uint8_t *data)
{
	switch (letter) {
	case 'G':
		print_gateway(out, in, data[1]);
		return true;
	case 'R':
		print_relay(out, in);
		return true;
	case '6':
		print_a6(out, in);
		return true;
	case 'I':
		print_hip(out, in);
		return true;
	case 'P':
		return print_apl(out, in);
	case 'W':
		print_wks(out, in);
		return true;
	case 'K':
		print_nsap(out, in);
		return true;
	case 'Q':
		print_atma(out, in);
		return true;
	}
	return false;
}
