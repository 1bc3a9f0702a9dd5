/* SPDX-License-Identifier: ISC */
/*
 * What the files that know record data share with each other: rdata_parse.c and the types with a grammar of their
 * own (svcb.c, loc.c, rdata_rare.c). A parse_ function takes its field's tokens from the reader and writes wire form;
 * false: the problem is noted. A walk_ function moves over its field in wire form, false if it is malformed. A print_
 * function prints a field that was walked over before.
 */
#ifndef DNS_RDATA_FIELD_H
#define DNS_RDATA_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include <core/bytes.h>
#include <app/dns/lexer.h>
#include <app/dns/name.h>
#include <app/dns/rdata.h>
#include <app/dns/text.h>

struct dns_reader {
	struct dns_lexer *lexer;
	const struct dns_name *origin;
	struct bytes_out *out;
	uint32_t start; /* of this record's data in out */
	uint16_t type;
};

struct dns_walker {
	struct bytes_in in;
	struct dns_rdata_name *names; /* what is found: room, and the number of all */
	uint32_t room, count;
};

/* ---- rdata_parse.c ---- */

/* An unquoted word is at hand. `what` names what is wanted, as in "an IPv4 address". */
bool dns_reader_word(struct dns_reader *, const char *what);
/* A word: a number of at most max; goes to *value. */
bool dns_reader_number(struct dns_reader *, uint32_t max, uint32_t *value);
/* A word: a name; goes out. */
bool dns_reader_name(struct dns_reader *);
/* A word or quoted string, up to 255 bytes; goes out with its length. */
bool dns_reader_string(struct dns_reader *);
/* A word: an address; goes out. */
bool dns_reader_ip4(struct dns_reader *);
bool dns_reader_ip6(struct dns_reader *);
/* The hexadecimal digits of `size` characters; dots between them are passed over if `dots`. */
bool dns_reader_hex(struct dns_reader *, const char *text, size_t size, bool dots);
/* Words to the end of the record, base 64. */
bool dns_reader_base64(struct dns_reader *, bool may_be_empty);

/* ---- rdata_walk.c ---- */

/* Moves over an uncompressed name and keeps it. */
bool dns_walk_name(struct dns_walker *, bool compressible);
/* The bytes that a digest must have, and does not: 0 if all is well, or unknown. */
uint32_t dns_digest_mismatch(uint16_t type, const uint8_t *data, uint32_t size);

/* ---- rdata_print.c ---- */

void dns_print_name(struct bytes_out *, struct bytes_in *);
/* Bytes within quotes, special ones escaped. */
void dns_print_escaped(struct bytes_out *, const uint8_t *bytes, uint32_t count);

/* ---- svcb.c: SvcParams (RFC 9460) ---- */
bool dns_parse_svcb(struct dns_reader *);
bool dns_walk_svcb(struct bytes_in *);
void dns_print_svcb(struct bytes_out *, struct bytes_in *);

/* ---- loc.c: LOC (RFC 1876) ---- */
bool dns_parse_loc(struct dns_reader *);
bool dns_walk_loc(struct bytes_in *);
void dns_print_loc(struct bytes_out *, struct bytes_in *);

/* ---- rdata_rare.c: types whose data has a grammar of its own; the letter is that of the layout ---- */
bool dns_parse_rare(struct dns_reader *, char letter);
bool dns_walk_rare(struct dns_walker *, char letter, const uint8_t *data);
/* False: it cannot be printed. */
bool dns_print_rare(struct bytes_out *, struct bytes_in *, char letter, const uint8_t *data);

#endif
