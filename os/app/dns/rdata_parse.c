/* SPDX-License-Identifier: ISC */
/*
 * Record data from presentation form. dns_rdata_parse goes along the type's layout, letter by
 * letter; each field takes its tokens and appends its wire form. Messages say what the field wants,
 * since the layout does not know what the field means.
 */
#include <app/dns/rdata.h>

#include <string.h>

#include <core/error.h>
#include <app/dns/rdata_field.h>
#include <app/dns/text.h>
#include <app/dns/type.h>

#define TYPE_BITMAP_BYTES 8192u /* a bit for each type */
#define WINDOW_BYTES      32u   /* of a type bitmap's window (RFC 4034 §4.1.2) */
#define NXT_TYPES         128u  /* types that NXT can name (RFC 2535 §5.2) */

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

/* A word, or a quoted string. */
static bool reader_string_token(struct dns_reader *r)
{
	return r->lexer->token.kind == DNS_TOKEN_QUOTED || dns_reader_word(r, "a string");
}

static bool number_in(struct dns_reader *r, unsigned base, uint32_t max, uint32_t *value)
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

bool dns_reader_number(struct dns_reader *r, uint32_t max, uint32_t *value)
{
	return number_in(r, 10, max, value);
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

bool dns_reader_string(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint8_t text[UINT8_MAX];

	if (!reader_string_token(r))
		return false;
	int size = dns_token_decode(t, text, sizeof text);
	if (size == ERR_TOO_BIG)
		return dns_lexer_refuse(r->lexer,
		                        "is a string of more than 255 bytes; split it into "
		                        "several strings");
	if (size < 0)
		return dns_lexer_refuse(r->lexer,
		                        "has a bad escape; write \\ and a character, or \\ "
		                        "and three digits from 000 to 255");
	bytes_put_u8(r->out, (uint8_t)size);
	bytes_put_copy(r->out, text, (uint32_t)size);
	dns_lexer_next(r->lexer);
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

bool dns_reader_ip6(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint8_t address[16];

	if (!dns_reader_word(r, "an IPv6 address"))
		return false;
	if (!dns_text_ip6(t->text, t->size, address))
		return dns_lexer_refuse(r->lexer,
		                        "is not an IPv6 address; write one like 2001:db8::1");
	bytes_put_copy(r->out, address, sizeof address);
	dns_lexer_next(r->lexer);
	return true;
}

bool dns_reader_hex(struct dns_reader *r, const char *text, size_t size, bool dots)
{
	int high = -1;

	for (size_t i = 0; i < size; i++) {
		int digit = dns_text_hex_digit(text[i]);
		if (digit < 0 && text[i] == '.' && dots)
			continue;
		if (digit < 0)
			return dns_lexer_refuse(r->lexer,
			                        "is not hexadecimal; write digits 0 to 9 and "
			                        "A to F");
		if (high >= 0)
			bytes_put_u8(r->out, (uint8_t)(high << 4 | digit));
		high = high >= 0 ? -1 : digit;
	}
	if (high >= 0)
		return dns_lexer_refuse(r->lexer,
		                        "has an odd number of hexadecimal digits; each byte "
		                        "is two");
	return true;
}

/* Hexadecimal to the end of the record. White space may stand anywhere, even within a byte. */
static bool parse_hex(struct dns_reader *r)
{
	int high = -1;

	if (!dns_reader_word(r, "a hexadecimal text"))
		return false;
	while (!dns_lexer_at_end(r->lexer)) {
		const struct dns_token *t = &r->lexer->token;
		if (!dns_reader_word(r, "a hexadecimal text"))
			return false;
		for (size_t i = 0; i < t->size; i++) {
			int digit = dns_text_hex_digit(t->text[i]);
			if (digit < 0)
				return dns_lexer_refuse(r->lexer,
				                        "is not hexadecimal; write digits 0 "
				                        "to 9 and A to F");
			if (high >= 0)
				bytes_put_u8(r->out, (uint8_t)(high << 4 | digit));
			high = high >= 0 ? -1 : digit;
		}
		dns_lexer_next(r->lexer);
	}
	if (high >= 0)
		return dns_lexer_fail(r->lexer,
		                      "the hexadecimal text has an odd number of digits; each "
		                      "byte is two");
	return true;
}

bool dns_reader_base64(struct dns_reader *r, bool may_be_empty)
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

static bool mnemonic(struct dns_reader *r, const struct mnemonic *table, size_t count, uint32_t max,
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
#define MNEMONIC(r, table, max, what, value)                                                       \
	mnemonic(r, table, sizeof(table) / sizeof(table)[0], max, what, value)

static bool parse_type(struct dns_reader *r, uint16_t *type)
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

/* The types of NSEC and its like (RFC 4034 §4.1.2), in any order, or of NXT (RFC 2535 §5.2). */
static bool parse_bitmap(struct dns_reader *r, bool nxt)
{
	uint8_t bits[TYPE_BITMAP_BYTES];
	bool used[TYPE_BITMAP_BYTES / WINDOW_BYTES] = { false };
	uint16_t type = 0;

	memset(bits, 0, sizeof bits);
	if (r->type == DNS_NSEC && !dns_reader_word(r, "a record type"))
		return false;
	while (!dns_lexer_at_end(r->lexer)) {
		struct dns_token token = r->lexer->token;
		if (!parse_type(r, &type))
			return false;
		if (type == 0 || (nxt && type >= NXT_TYPES)) {
			struct dns_token next = r->lexer->token;
			r->lexer->token = token;
			dns_lexer_refuse(r->lexer, "cannot stand in a type bitmap; take it out");
			r->lexer->token = next;
			return false;
		}
		bits[type / 8] |= (uint8_t)(0x80 >> type % 8);
		used[type / 8 / WINDOW_BYTES] = true;
	}
	for (unsigned window = 0; window < sizeof used / sizeof used[0]; window++) {
		if (!used[window])
			continue;
		const uint8_t *at = bits + window * WINDOW_BYTES;
		uint8_t size = WINDOW_BYTES;
		while (at[size - 1] == 0)
			size--;
		if (!nxt) {
			bytes_put_u8(r->out, (uint8_t)window);
			bytes_put_u8(r->out, size);
		}
		bytes_put_copy(r->out, at, size);
	}
	return true;
}

/* Salt of NSEC3: hexadecimal, or - for none (RFC 5155 §3.3). */
static bool parse_salt(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;

	if (!dns_reader_word(r, "a salt"))
		return false;
	bool none = dns_token_is(t, "-");
	if (t->size / 2 > UINT8_MAX)
		return dns_lexer_refuse(r->lexer, "is a salt of more than 255 bytes; shorten it");
	bytes_put_u8(r->out, none ? 0 : (uint8_t)(t->size / 2));
	if (!none && !dns_reader_hex(r, t->text, t->size, false))
		return false;
	dns_lexer_next(r->lexer);
	return true;
}

/* The next hashed owner of NSEC3: base32hex without padding (RFC 5155 §3.3). */
static bool parse_hash(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;
	uint32_t bits = 0;
	unsigned have = 0;

	if (!dns_reader_word(r, "a hashed owner name"))
		return false;
	size_t size = t->size * 5 / 8;
	if (size > UINT8_MAX || size == 0)
		return dns_lexer_refuse(r->lexer,
		                        "is not a hash; write 1 to 255 bytes in base32hex");
	bytes_put_u8(r->out, (uint8_t)size);
	for (size_t i = 0; i < t->size; i++) {
		int digit = dns_text_base32_digit(t->text[i]);
		if (digit < 0)
			return dns_lexer_refuse(r->lexer,
			                        "is not base32hex; write digits 0 to 9 and A "
			                        "to V, no =");
		bits = bits << 5 | (unsigned)digit;
		have += 5;
		if (have < 8)
			continue;
		have -= 8;
		bytes_put_u8(r->out, (uint8_t)(bits >> have));
	}
	if (have >= 5 || (bits & ((1u << have) - 1)) != 0)
		return dns_lexer_refuse(r->lexer, "is base32hex cut short; copy the text anew");
	dns_lexer_next(r->lexer);
	return true;
}

/* Groups of hexadecimal digits: `groups` of `bytes` each, `separator` between. Short groups
 * (leading zeros left out) only if `loose`. */
static bool parse_groups(struct dns_reader *r, unsigned groups, unsigned bytes, char separator,
                         bool loose, const char *example)
{
	const struct dns_token *t = &r->lexer->token;
	size_t at = 0;
	bool ok = true;

	if (!dns_reader_word(r, example))
		return false;
	for (unsigned i = 0; ok && i < groups; i++) {
		size_t end = at;
		uint64_t value = 0;
		while (end < t->size && t->text[end] != separator)
			end++;
		ok = (end < t->size) == (i + 1 < groups) && end - at <= 2u * bytes &&
		     (loose || end - at == 2u * bytes) &&
		     dns_text_number(t->text + at, end - at, 16, UINT16_MAX, &value);
		if (bytes == 1)
			bytes_put_u8(r->out, (uint8_t)value);
		else
			bytes_put_u16(r->out, (uint16_t)value);
		at = end + 1;
	}
	if (!ok)
		return dns_lexer_refuse(r->lexer, "is not of the form wanted; write it like %s",
		                        example);
	dns_lexer_next(r->lexer);
	return true;
}

/* A string that takes the rest of the data, without a length (RFC 7553 §4.4, RFC 8659 §4.1.1). */
static bool parse_long_string(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;

	if (!reader_string_token(r))
		return false;
	int size = dns_token_decode(t, r->out->base + r->out->at, bytes_room(r->out));
	if (size == ERR_TOO_BIG)
		r->out->failed = true;
	else if (size < 0)
		return dns_lexer_refuse(r->lexer,
		                        "has a bad escape; write \\ and a character, or \\ "
		                        "and three digits from 000 to 255");
	else
		bytes_put(r->out, (uint32_t)size);
	dns_lexer_next(r->lexer);
	return true;
}

/* Tag of CAA: letters and digits (RFC 8659 §4.1). */
static bool parse_tag(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;

	if (!dns_reader_word(r, "a property tag"))
		return false;
	bool ok = t->size <= UINT8_MAX;
	for (size_t i = 0; ok && i < t->size; i++)
		ok = dns_text_base32_digit(t->text[i]) >= 0 ||
		     (dns_lower((uint8_t)t->text[i]) >= 'w' &&
		      dns_lower((uint8_t)t->text[i]) <= 'z');
	if (!ok)
		return dns_lexer_refuse(r->lexer,
		                        "is not a property tag; write letters and digits, like "
		                        "issue");
	bytes_put_u8(r->out, (uint8_t)t->size);
	bytes_put_copy(r->out, t->text, (uint32_t)t->size);
	dns_lexer_next(r->lexer);
	return true;
}

/* An address of X.25: a string of at least four digits (RFC 1183 §3.1). */
static bool parse_digits(struct dns_reader *r)
{
	const struct dns_token *t = &r->lexer->token;

	if (!reader_string_token(r))
		return false;
	bool ok = t->size >= 4;
	for (size_t i = 0; ok && i < t->size; i++)
		ok = t->text[i] >= '0' && t->text[i] <= '9';
	if (!ok)
		return dns_lexer_refuse(r->lexer,
		                        "is not an X.25 address; write four digits or more");
	return dns_reader_string(r);
}

static bool parse_field(struct dns_reader *r, char letter)
{
	const struct dns_token *t = &r->lexer->token;
	uint32_t value;
	uint16_t type = 0;

	switch (letter) {
	case 'n':
	case 'N':
		return dns_reader_name(r);
	case '1':
		if (!dns_reader_number(r, UINT8_MAX, &value))
			return false;
		bytes_put_u8(r->out, (uint8_t)value);
		return true;
	case '2':
	case 'o':
		if (!number_in(r, letter == 'o' ? 8 : 10, UINT16_MAX, &value))
			return false;
		bytes_put_u16(r->out, (uint16_t)value);
		return true;
	case '4':
		if (!dns_reader_number(r, UINT32_MAX, &value))
			return false;
		bytes_put_u32(r->out, value);
		return true;
	case 't':
		if (!dns_reader_word(r, "a time in seconds"))
			return false;
		if (!dns_text_seconds(t->text, t->size, &value))
			return dns_lexer_refuse(r->lexer,
			                        "is not a time; write seconds, or units like "
			                        "1w2d3h4m5s");
		bytes_put_u32(r->out, value);
		dns_lexer_next(r->lexer);
		return true;
	case 'D':
		if (!dns_reader_word(r, "a date"))
			return false;
		if (!dns_text_time(t->text, t->size, &value))
			return dns_lexer_refuse(r->lexer, "is not a date; write YYYYMMDDHHMMSS");
		bytes_put_u32(r->out, value);
		dns_lexer_next(r->lexer);
		return true;
	case 'a':
		return dns_reader_ip4(r);
	case 'A':
		return dns_reader_ip6(r);
	case 'i':
		return parse_groups(r, 4, 2, ':', true, "2001:db8:1140:1000");
	case 'e':
		return parse_groups(r, 6, 1, '-', false, "00-00-5e-00-53-2a");
	case 'E':
		return parse_groups(r, 8, 1, '-', false, "00-00-5e-ef-10-00-00-2a");
	case 's':
		return dns_reader_string(r);
	case 'S':
		do
			if (!dns_reader_string(r))
				return false;
		while (!dns_lexer_at_end(r->lexer));
		return true;
	case 'z':
		return dns_lexer_at_end(r->lexer) || dns_reader_string(r);
	case 'q':
		return parse_long_string(r);
	case 'x':
		return parse_digits(r);
	case 'k':
		return parse_tag(r);
	case 'h':
		return parse_hex(r);
	case 'b':
	case 'y':
		return dns_reader_base64(r, letter == 'y');
	case 'j':
		if (!dns_token_is(t, "-"))
			return dns_reader_base64(r, false);
		dns_lexer_next(r->lexer);
		return true;
	case 'H':
		return parse_salt(r);
	case 'B':
		return parse_hash(r);
	case 'm':
	case 'M':
		return parse_bitmap(r, letter == 'M');
	case 'T':
		if (!parse_type(r, &type))
			return false;
		bytes_put_u16(r->out, type);
		return true;
	case 'g':
	case 'd':
	case 'f':
		if (letter == 'g'   ? !MNEMONIC(r, algorithms, UINT8_MAX, "an algorithm", &value)
		    : letter == 'd' ? !MNEMONIC(r, digests, UINT8_MAX, "a digest type", &value)
		                    : !MNEMONIC(r, schemes, UINT8_MAX, "a scheme", &value))
			return false;
		bytes_put_u8(r->out, (uint8_t)value);
		return true;
	case 'c':
		if (!MNEMONIC(r, certificates, UINT16_MAX, "a certificate type", &value))
			return false;
		bytes_put_u16(r->out, (uint16_t)value);
		return true;
	case 'p':
		return dns_parse_svcb(r);
	case 'L':
		return dns_parse_loc(r);
	}
	return dns_parse_rare(r, letter);
}

/* \# LENGTH HEX... (RFC 3597 §5); the token is the \#. */
static bool parse_generic(struct dns_reader *r, uint16_t class)
{
	uint32_t size;
	uint32_t line = r->lexer->token.line;
	char type[16];

	dns_lexer_next(r->lexer);
	if (!dns_reader_number(r, DNS_DATA_MAX, &size))
		return false;
	if (!dns_lexer_at_end(r->lexer) && !parse_hex(r))
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
			if (!parse_field(r, *layout))
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
	uint32_t digest = dns_digest_mismatch(r->type, r->out->base + r->start, size);
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
