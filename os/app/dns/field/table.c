/* SPDX-License-Identifier: ISC */
/*
 * The letters of layouts (type.c) and the kinds of fields that they stand for. This is the one
 * place that knows both.
 */
#include <app/dns/field/field.h>

/* clang-format off */
static const struct dns_field *const fields[128] = {
	['n'] = &dns_field_name,		/* one that may be compressed: RFC 1035 */
	['N'] = &dns_field_name_plain,		/* a name that never is */
	['1'] = &dns_field_u8,			/* numbers of so many bytes */
	['2'] = &dns_field_u16,
	['4'] = &dns_field_u32,
	['o'] = &dns_field_octal,		/* 2 bytes, written in octal */
	['t'] = &dns_field_seconds,		/* 4 bytes, written as 1h30m too */
	['D'] = &dns_field_date,		/* 4 bytes, written as YYYYMMDDHHMMSS */
	['a'] = &dns_field_ip4,
	['A'] = &dns_field_ip6,
	['i'] = &dns_field_locator,		/* 8 bytes, xxxx:xxxx:xxxx:xxxx */
	['e'] = &dns_field_eui48,
	['E'] = &dns_field_eui64,
	['s'] = &dns_field_string,
	['S'] = &dns_field_strings,		/* one or more, to the end */
	['z'] = &dns_field_string_or_none,
	['q'] = &dns_field_long_string,		/* without a length, to the end */
	['x'] = &dns_field_digits,		/* a string of four digits or more */
	['k'] = &dns_field_tag,			/* of CAA */
	['h'] = &dns_field_hex,			/* base 16 to the end */
	['b'] = &dns_field_base64,		/* base 64 to the end; */
	['y'] = &dns_field_base64_or_none,	/* it may be empty: no text, */
	['j'] = &dns_field_base64_or_dash,	/* or a - */
	['H'] = &dns_field_salt,		/* of NSEC3 */
	['B'] = &dns_field_hash,		/* of NSEC3, base 32 */
	['T'] = &dns_field_type,		/* a record type */
	['m'] = &dns_field_types,		/* a bitmap of types, to the end */
	['M'] = &dns_field_types_nxt,		/* that of NXT */
	['g'] = &dns_field_algorithm,		/* of DNSSEC */
	['d'] = &dns_field_digest,		/* the kind of one */
	['f'] = &dns_field_scheme,		/* of DSYNC */
	['c'] = &dns_field_certificate,		/* the kind of one */
	['G'] = &dns_field_gateway,		/* of IPSECKEY */
	['R'] = &dns_field_relay,		/* of AMTRELAY */
	['6'] = &dns_field_a6,
	['I'] = &dns_field_hip,
	['p'] = &dns_field_svcb,		/* SvcParams */
	['L'] = &dns_field_loc,
	['P'] = &dns_field_apl,
	['W'] = &dns_field_wks,			/* protocol and ports */
	['K'] = &dns_field_nsap,
	['Q'] = &dns_field_atma,
};
/* clang-format on */

const struct dns_field *dns_field(char letter)
{
	return fields[(unsigned char)letter & 127];
}
