/* SPDX-License-Identifier: ISC */
/* Numbers that have names: algorithms and digests of DNSSEC, kinds of certificates, schemes of
 * DSYNC. Names are read, numbers are printed. */
#include <app/dns/field/field.h>

#include <string.h>

#include <app/dns/text.h>

struct mnemonic {
	uint8_t number;
	char text[15];
};

/* DNSSEC algorithms, IANA's registry. */
static const struct mnemonic algorithms[] = {
	{ 1, "RSAMD5" },
	{ 2, "DH" },
	{ 3, "DSA" },
	{ 4, "ECC" },
	{ 5, "RSASHA1" },
	{ 6, "NSEC3DSA" },
	{ 6, "DSA-NSEC3-SHA1" },
	{ 7, "NSEC3RSASHA1" },
	{ 8, "RSASHA256" },
	{ 10, "RSASHA512" },
	{ 12, "ECCGOST" },
	{ 12, "ECC-GOST" },
	{ 13, "ECDSAP256SHA256" },
	{ 14, "ECDSAP384SHA384" },
	{ 15, "ED25519" },
	{ 16, "ED448" },
	{ 252, "INDIRECT" },
	{ 253, "PRIVATEDNS" },
	{ 254, "PRIVATEOID" },
};
static const struct mnemonic digests[] = {
	{ 1, "SHA1" }, { 1, "SHA-1" },  { 2, "SHA256" },  { 2, "SHA-256" },
	{ 3, "GOST" }, { 4, "SHA384" }, { 4, "SHA-384" },
};
/* RFC 4398 §2.1 */
static const struct mnemonic certificates[] = {
	{ 1, "PKIX" }, { 2, "SPKI" },   { 3, "PGP" },     { 4, "IPKIX" }, { 5, "ISPKI" },
	{ 6, "IPGP" }, { 7, "ACPKIX" }, { 8, "IACPKIX" }, { 253, "URI" }, { 254, "OID" },
};
static const struct mnemonic schemes[] = { { 1, "NOTIFY" } };

static bool parse(struct dns_reader *r, const struct mnemonic *table, size_t count, uint32_t max,
                  const char *what, uint32_t *value)
{
	const struct dns_token *t = &r->lexer->token;
	uint64_t v = 0;
	size_t i = 0;

	if (!dns_reader_word(r, what))
		return false;
	if (dns_text_number(t->text, t->size, 10, max, &v)) {
		*value = (uint32_t)v;
		dns_lexer_next(r->lexer);
		return true;
	}
	for (; i < count; i++) {
		char text[sizeof table[i].text + 1] = { 0 };
		memcpy(text, table[i].text, sizeof table[i].text);
		if (dns_token_is(t, text))
			break;
	}
	if (i == count)
		return dns_lexer_refuse(r->lexer, "is not %s; write its number, from 0 to %u", what,
		                        max);
	*value = table[i].number;
	dns_lexer_next(r->lexer);
	return true;
}
#define PARSE(r, table, max, what, value)                                                          \
	parse(r, table, sizeof(table) / sizeof(table)[0], max, what, value)

static bool parse_algorithm(struct dns_reader *r)
{
	uint32_t value;

	if (!PARSE(r, algorithms, UINT8_MAX, "an algorithm", &value))
		return false;
	bytes_put_u8(r->out, (uint8_t)value);
	return true;
}

static bool parse_digest(struct dns_reader *r)
{
	uint32_t value;

	if (!PARSE(r, digests, UINT8_MAX, "a digest type", &value))
		return false;
	bytes_put_u8(r->out, (uint8_t)value);
	return true;
}

static bool parse_scheme(struct dns_reader *r)
{
	uint32_t value;

	if (!PARSE(r, schemes, UINT8_MAX, "a scheme", &value))
		return false;
	bytes_put_u8(r->out, (uint8_t)value);
	return true;
}

static bool parse_certificate(struct dns_reader *r)
{
	uint32_t value;

	if (!PARSE(r, certificates, UINT16_MAX, "a certificate type", &value))
		return false;
	bytes_put_u16(r->out, (uint16_t)value);
	return true;
}

const struct dns_field dns_field_algorithm = { parse_algorithm, dns_field_walk_u8,
	                                       dns_field_print_u8 };
const struct dns_field dns_field_digest = { parse_digest, dns_field_walk_u8, dns_field_print_u8 };
const struct dns_field dns_field_scheme = { parse_scheme, dns_field_walk_u8, dns_field_print_u8 };
const struct dns_field dns_field_certificate = { parse_certificate, dns_field_walk_u16,
	                                         dns_field_print_u16 };
