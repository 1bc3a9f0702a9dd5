/* SPDX-License-Identifier: ISC */
/*
 * A zone on its way out (AXFR, RFC 5936): message by message, each full, names compressed within it. It begins and ends
 * with the SOA; between are all records that the master file had, glue and what is occluded included. Pure, as answer.h:
 * who may have a zone, and sending it, is tcp.c's.
 */
#ifndef DNS_TRANSFER_H
#define DNS_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include <app/dns/answer.h>

/* Bytes of a message. Longer ones would hold names that no pointer reaches (RFC 1035 §4.1.4: 14 bits); only a record that
 * does not fit gets a longer one. */
#define DNS_TRANSFER_MESSAGE 16384u

struct dns_transfer {
	const struct dns_database *db;
	uint32_t apex; /* name */
	uint32_t soa;  /* RRset */
	uint32_t sets, set_count;
	uint32_t next;        /* of the list of RRsets */
	struct dns_part part; /* of the RRset in work */
	uint8_t stage;
	bool started; /* the first message, which has the question, is out */
	bool damaged; /* the database is, or a record is larger than a message: nothing more comes */
	uint16_t id, flags;
};

/* Begins with the query that the responder holds (verdict DNS_ANSWER, type AXFR, class IN). ERR_ABSENT: its name is no
 * zone's apex here; ERR_MALFORMED: the database is damaged. */
int dns_transfer_begin(struct dns_transfer *, const struct dns_responder *);

/* Makes the next message, of at most `room` bytes (>= DNS_TRANSFER_MESSAGE, < 65536). For the first one, which must be made before
 * the responder does anything else, `message` begins with the query's header and question. Returns its size; 0: that was
 * all, or t->damaged. */
uint32_t dns_transfer_next(struct dns_transfer *, struct dns_responder *, uint8_t *message,
                           uint32_t room);

#endif
