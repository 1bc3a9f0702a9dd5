/* SPDX-License-Identifier: ISC */
/*
 * Reads the pieces of which record data is made from the tokens of a master file and appends their
 * wire form: words, numbers, names, strings, addresses, bytes in base 16 and 64. The fields
 * (field/) are made of these. Every function returns false if the tokens are not what is wanted;
 * the lexer's problem then says what, where and what to do. Full output is no problem here: `out`
 * remembers it, and dns_rdata_parse tells.
 */
#ifndef DNS_READER_H
#define DNS_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <core/bytes.h>
#include <app/dns/lexer.h>
#include <app/dns/name.h>

struct dns_reader {
	struct dns_lexer *lexer;
	const struct dns_name *origin;
	struct bytes_out *out;
	uint32_t start; /* of this record's data in out */
	uint16_t type;
};

/* An unquoted word is at hand. `what` names what is wanted, as in "an IPv4 address". */
bool dns_reader_word(struct dns_reader *, const char *what);
/* A word or a quoted string is at hand. */
bool dns_reader_text(struct dns_reader *);
/* A word: a number of digits in the base (8 or 10), of at most max; goes to *value. */
bool dns_reader_number(struct dns_reader *, unsigned base, uint32_t max, uint32_t *value);
/* A word: a record type; goes to *type. */
bool dns_reader_type(struct dns_reader *, uint16_t *type);
/* A word: a name; goes out. */
bool dns_reader_name(struct dns_reader *);
/* A word or quoted string, up to 255 bytes; goes out with its length. */
bool dns_reader_string(struct dns_reader *);
/* The token's bytes, escapes decoded; they go out. The token stays. */
bool dns_reader_decode(struct dns_reader *, const struct dns_token *);
/* A word: an address; goes out, or to `to`. */
bool dns_reader_ip4(struct dns_reader *);
bool dns_reader_ip6(struct dns_reader *);
bool dns_reader_ip6_to(struct dns_reader *, uint8_t to[16]);
/* The hexadecimal digits of `size` characters; dots between them are passed over if `dots`. The
 * token stays. */
bool dns_reader_hex(struct dns_reader *, const char *text, size_t size, bool dots);
/* Words to the end of the record in base 16, at least one. White space may stand anywhere, even
 * within a byte. */
bool dns_reader_hex_rest(struct dns_reader *);
/* Words to the end of the record in base 64. */
bool dns_reader_base64_rest(struct dns_reader *, bool may_be_empty);

#endif
