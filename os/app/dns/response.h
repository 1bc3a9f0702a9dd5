/* SPDX-License-Identifier: ISC */
/*
 * A response under construction: RRsets copied from the database behind header and question, with
 * names compressed (RFC 1035 §4.1.4), whole RRsets at a time (RFC 2181 §9).
 *
 * A name is referred to by its offset in the database. Where a name, or an RRset, stands in the
 * message is kept in a small hash table, which is not cleared between responses: its entries carry
 * the epoch that they belong to. Names that are not in the database (the question's, DNAME's
 * results) have the numbers below DNS_MADE_MAX.
 */
#ifndef DNS_RESPONSE_H
#define DNS_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include <core/bytes.h>

#include <app/dns/database.h>

#define DNS_MADE_MAX   8u
#define DNS_MADE_QUERY 1u /* the question's name */
#define DNS_KNOWN_BITS 9u
#define DNS_KNOWN_MAX  384u /* of 2^9 slots: probes stay short */

enum dns_section { DNS_SECTION_ANSWER, DNS_SECTION_AUTHORITY, DNS_SECTION_ADDITIONAL };

struct dns_made {
	uint8_t wire[DNS_NAME_MAX];
	uint8_t own;       /* bytes of wire before encloser's name begins */
	uint32_t encloser; /* the database's name that ends it */
};

struct dns_response {
	const struct dns_database *db;
	struct bytes_out out; /* its size leaves room for OPT */
	uint16_t counts[3];
	bool truncated; /* something that must be there did not fit: TC, and nothing more is added
	                 */
	bool reduced;   /* something optional did not fit */
	bool damaged;   /* the database is */
	uint16_t epoch;
	uint16_t known_count;
	uint64_t known[1u << DNS_KNOWN_BITS]; /* reference << 32 | epoch << 16 | offset in the
	                                         message */
	uint16_t known_order[DNS_KNOWN_MAX];  /* their slots, the newest last */
	struct dns_made made[DNS_MADE_MAX];
};

/* Begins: `question_end` bytes stand in `message` already, `limit` may be used. */
void dns_response_begin(struct dns_response *, const struct dns_database *, uint8_t *message,
                        uint32_t question_end, uint32_t limit);

/* The question's name ends with that name of the database. */
void dns_response_question(struct dns_response *, const struct dns_key *, uint32_t encloser);

/* Adds an RRset under that owner. False: it did not fit, or something before did not. What is
 * required sets `truncated`; what is not is left out. */
bool dns_response_rrset(struct dns_response *, enum dns_section, uint32_t rrset, uint32_t owner,
                        bool required);

/* How much of an RRset was added: its first records, and where the others begin. */
struct dns_part {
	uint16_t records;
	uint32_t at;
};

/* Adds records to the answer section under their own owner, as many from *part on as fit, and moves *part. True: none
 * is left; false: there is no room, or the database is damaged. For zone transfers, which may cut RRsets. */
bool dns_response_records(struct dns_response *, uint32_t rrset, struct dns_part *);

/* Adds a CNAME that a DNAME asks for (RFC 6672 §3.1). */
bool dns_response_cname(struct dns_response *, uint32_t owner, uint32_t target, uint32_t ttl);

/* The RRset is in the message (under its own owner or a wildcard's). */
bool dns_response_has(const struct dns_response *, uint32_t rrset);

#endif
