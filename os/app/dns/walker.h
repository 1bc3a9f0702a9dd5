/* SPDX-License-Identifier: ISC */
/*
 * Walks over record data in wire form and keeps the names that it meets. One walk serves to check
 * data and to find the names in it.
 */
#ifndef DNS_WALKER_H
#define DNS_WALKER_H

#include <stdbool.h>
#include <stdint.h>

#include <core/bytes.h>

/* A name in the data. */
struct dns_rdata_name {
	uint16_t at;       /* its offset */
	uint8_t size;      /* bytes of wire form */
	bool compressible; /* RFC 1035's types only (RFC 3597 §4) */
};

struct dns_walker {
	struct bytes_in in; /* the whole data, from its first byte */
	uint16_t type;
	uint8_t *fold; /* the same data, to turn its names to lower case; null: they stay */
	struct dns_rdata_name *names; /* what is found: room, and the number of all */
	uint32_t room, count;
};

/* Moves over an uncompressed name and keeps it. False: it is malformed. */
bool dns_walk_name(struct dns_walker *, bool compressible);
/* Moves over a length byte and as many bytes, at least `least` of them; the bytes, or null. */
const uint8_t *dns_walk_string(struct bytes_in *, uint8_t least, uint8_t *size);
/* Moves to the end of the data. */
bool dns_walk_rest(struct bytes_in *);

#endif
