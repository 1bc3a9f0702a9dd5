/* SPDX-License-Identifier: ISC */
/*
 * Answering: a function from a query's bytes to a response's, over a database, with no other
 * effect. It serves the server, the tests and the fuzzer alike. Behaviour (the sections of RFCs are
 * named in answer.c):
 *
 *  - ANY gives the first RRset of the name, as the master file orders them (RFC 8482 §4.1).
 *  - Class CH: TXT of version.bind, version.server, id.server and hostname.bind if the options give
 * a text, REFUSED otherwise and for everything else. Class ANY is answered like IN, without AA.
 * Other classes: REFUSED.
 *  - A referral without all of the glue that only it can give has TC (RFC 9471 §3.1).
 *  - AXFR and IXFR are REFUSED (tcp.c answers AXFR in its own way, with transfer.h).
 *  - Answers carry the zone's NS in the authority section and addresses of NS, MX, SRV, KX and RT
 * targets in the additional section, as NSD does with `minimal-responses: no`, its default; with
 * `minimal` only referrals do, as NSD with `yes`.
 */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include <app/dns/query.h>
#include <app/dns/response.h>

#define DNS_UDP_SIZE_DEFAULT 1232u /* bytes: what passes unfragmented nearly everywhere */
#define DNS_CHAIN_MAX        16u   /* CNAMEs and DNAMEs followed in one answer */

struct dns_policy {
	uint16_t udp_size; /* the longest response, whatever the client offers; 0:
	                      DNS_UDP_SIZE_DEFAULT */
	bool minimal;
	bool stream;          /* TCP: responses are bounded by their room alone */
	uint16_t keepalive;   /* 100 ms each that a connection may be idle, told to clients that ask
	                       (RFC 7828); of a stream; 0: nothing is told */
	const char *version;  /* of CH TXT version.bind; at most 255 bytes; null: REFUSED */
	const char *identity; /* of CH TXT id.server */
};

/* What answering needs; one for each thread of execution. About 8 KiB. */
struct dns_responder {
	const struct dns_database *db;
	struct dns_policy policy;
	struct dns_query query; /* the one in work */
	struct dns_response response;
};

void dns_responder_init(struct dns_responder *, const struct dns_database *,
                        const struct dns_policy *);

/* The bytes that a response to this query may have, EDNS and policy considered, `room` the most. */
static inline uint32_t dns_response_limit(const struct dns_responder *a, const struct dns_query *q,
                                          uint32_t room)
{
	if (a->policy.stream)
		return room;
	uint32_t limit = q->udp_size < a->policy.udp_size ? q->udp_size : a->policy.udp_size;
	return limit < room ? limit : room;
}

static inline bool dns_answer_keepalive(const struct dns_responder *a)
{
	return a->policy.stream && a->query.keepalive && a->policy.keepalive;
}

/* Bytes of the OPT record that ends the response to the query in work; 0: it has none. */
static inline uint32_t dns_answer_opt_size(const struct dns_responder *a)
{
	if (!a->query.edns)
		return 0;
	return DNS_OPT_SIZE + (dns_answer_keepalive(a) ? DNS_KEEPALIVE_SIZE : 0);
}

/*
 * Answers the `size` bytes at `query` into `response`, which may be the same address, but not
 * overlap otherwise. Returns the response's size, at most `room` (>= DNS_UDP_MIN); 0: there must be
 * no response.
 */
uint32_t dns_answer(struct dns_responder *, const uint8_t *query, uint32_t size, uint8_t *response,
                    uint32_t room);

/* The part of dns_answer after decoding: a->query holds the query, whose verdict is DNS_ANSWER, and
 * `message` begins with its header and question. *complete: no byte more room would have changed
 * the response. */
uint32_t dns_answer_query(struct dns_responder *, uint8_t *message, uint32_t room, bool *complete);

/* The end of all that: writes header and OPT of a->response, for which there is room, to a->query.
 * Returns the size. */
uint32_t dns_answer_finish(struct dns_responder *, uint8_t *message, unsigned rcode,
                           bool authoritative);

#endif
