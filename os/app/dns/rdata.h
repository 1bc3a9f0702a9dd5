/* SPDX-License-Identifier: ISC */
/*
 * The data of resource records: read from presentation form (RFC 1035 §5.1, RFC 3597 §5, and each
 * type's own RFC), checked in wire form, searched for names, and printed. All driven by the layouts
 * of type.h. Pure functions over what the caller hands in; nothing is allocated.
 */
#ifndef DNS_RDATA_H
#define DNS_RDATA_H

#include <stdbool.h>
#include <stdint.h>

#include <core/bytes.h>
#include <app/dns/lexer.h>
#include <app/dns/name.h>
#include <app/dns/walker.h>

/*
 * Reads the data of one record, whose first field (or end of line) is the lexer's token, up to the
 * end of the record, which stays the lexer's token. `out` gets the wire form, names uncompressed;
 * give it DNS_DATA_MAX bytes to take whatever is legal. False: the lexer's problem says what is
 * wrong, on which line.
 */
bool dns_rdata_parse(uint16_t type, uint16_t class, struct dns_lexer *,
                     const struct dns_name *origin, struct bytes_out *out);

/* Whether the data follows its type's layout exactly, names uncompressed. Unknown types: always. */
bool dns_rdata_check(uint16_t type, uint16_t class, const uint8_t *data, uint32_t size);

/* Finds the names in the data, in their order: writes the first `room` of them and returns how many
 * there are. ERR_MALFORMED: the data does not follow the layout. */
int dns_rdata_names(uint16_t type, uint16_t class, const uint8_t *data, uint32_t size,
                    struct dns_rdata_name *names, uint32_t room);

/* Turns the names in the data to lower case, for comparison (RFC 4343). Data that does not follow
 * the layout stays. */
void dns_rdata_fold(uint16_t type, uint16_t class, uint8_t *data, uint32_t size);

#define DNS_DATA_TEXT_MAX                                                                          \
	(4u * 65535 + 4096) /* bytes of presentation form of any data, NUL included */

/* Prints the data so that dns_rdata_parse gives it back; in \# form if it has no layout or does not
 * follow it. Returns the length without the NUL; ERR_TOO_BIG. */
int dns_rdata_text(uint16_t type, uint16_t class, const uint8_t *data, uint32_t size, char *to,
                   uint32_t room);

#endif
