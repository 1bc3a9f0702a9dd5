/* SPDX-License-Identifier: ISC */
/*
 * The kinds of fields that record data is made of. A kind is three functions, which stand together
 * in the file of their noun: one reads the field from a master file, one walks over it in wire
 * form, one prints it. A type's layout (type.h) names its fields by one letter each; dns_field
 * gives the kind of a letter. A new kind is a letter in table.c, a line below and its three
 * functions.
 */
#ifndef DNS_FIELD_H
#define DNS_FIELD_H

#include <stdbool.h>

#include <core/bytes.h>
#include <app/dns/reader.h>
#include <app/dns/walker.h>

struct dns_field {
	/* Takes the field's tokens and appends its wire form. False: the lexer's problem says what
	 * is wrong. */
	bool (*parse)(struct dns_reader *);
	/* Moves over the field. False, or a failed cursor: it is malformed. */
	bool (*walk)(struct dns_walker *);
	/* Prints a field that `walk` accepted; `in` spans the whole data from its first byte.
	 * False: the field has no text form, only \# (RFC 3597 §5) can say it. */
	bool (*print)(struct bytes_out *, struct bytes_in *in);
};

/* The kind of a layout's letter, one that type.c's table has. */
const struct dns_field *dns_field(char letter);

/* name.c */
extern const struct dns_field dns_field_name, dns_field_name_plain;
/* number.c */
/* Of numbers in one and two bytes, for fields that have a word for a number, too. */
bool dns_field_walk_u8(struct dns_walker *);
bool dns_field_walk_u16(struct dns_walker *);
bool dns_field_print_u8(struct bytes_out *, struct bytes_in *);
bool dns_field_print_u16(struct bytes_out *, struct bytes_in *);

extern const struct dns_field dns_field_u8, dns_field_u16, dns_field_u32, dns_field_octal,
        dns_field_seconds, dns_field_date;
/* mnemonic.c */
extern const struct dns_field dns_field_algorithm, dns_field_digest, dns_field_scheme,
        dns_field_certificate;
/* address.c */
extern const struct dns_field dns_field_ip4, dns_field_ip6, dns_field_locator, dns_field_eui48,
        dns_field_eui64;
/* string.c */
extern const struct dns_field dns_field_string, dns_field_strings, dns_field_string_or_none,
        dns_field_long_string, dns_field_digits, dns_field_tag;
/* base.c */
extern const struct dns_field dns_field_hex, dns_field_base64, dns_field_base64_or_none,
        dns_field_base64_or_dash, dns_field_salt, dns_field_hash;
/* types.c */
extern const struct dns_field dns_field_type, dns_field_types, dns_field_types_nxt;
/* one file each */
extern const struct dns_field dns_field_gateway, dns_field_relay; /* gateway.c */
extern const struct dns_field dns_field_a6, dns_field_apl, dns_field_atma, dns_field_hip,
        dns_field_loc, dns_field_nsap, dns_field_svcb, dns_field_wks;

#endif
