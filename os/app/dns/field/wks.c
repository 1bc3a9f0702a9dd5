/* SPDX-License-Identifier: ISC */
/* The end of WKS (RFC 1035 §3.4.2): a protocol, and a bit for each port. */
#include <app/dns/field/field.h>

#include <string.h>

#include <app/dns/text.h>
#include <app/dns/writer.h>

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

static bool parse(struct dns_reader *r)
{
	enum { TCP = 6, UDP = 17 };
	const struct dns_token *t = &r->lexer->token;
	uint8_t bits[PORT_BITMAP_BYTES];
	uint32_t protocol, port = 0, size = 0;

	if (dns_token_is(t, "TCP") || dns_token_is(t, "UDP")) {
		protocol = dns_token_is(t, "TCP") ? TCP : UDP;
		dns_lexer_next(r->lexer);
	} else if (!dns_reader_number(r, 10, UINT8_MAX, &protocol)) {
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

static bool walk(struct dns_walker *w)
{
	struct bytes_in *in = &w->in;
	bytes_skip(in, 1);
	uint32_t size = bytes_left(in);
	const uint8_t *bits = bytes_get(in, size);

	return bits && size <= PORT_BITMAP_BYTES && (size == 0 || bits[size - 1] != 0);
}

static bool print(struct bytes_out *out, struct bytes_in *in)
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
	return true;
}

const struct dns_field dns_field_wks = { parse, walk, print };
