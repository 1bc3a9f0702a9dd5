/* SPDX-License-Identifier: ISC */
/*
 * A query, decoded: every field that a client chose is checked here, once; answer.c and cache.c act
 * on the result.
 */
#ifndef DNS_QUERY_H
#define DNS_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include <app/dns/database.h>

#define DNS_HEADER_SIZE       12u
#define DNS_UDP_MIN           512u       /* bytes of a response without EDNS (RFC 1035 §4.2.1) */
#define DNS_OPT_SIZE          11u        /* an OPT record without options (RFC 6891 §6.1.2) */
#define DNS_KEEPALIVE         11u        /* the option edns-tcp-keepalive (RFC 7828 §3.1), */
#define DNS_KEEPALIVE_UNIT_NS 100000000u /* what its number counts */
#define DNS_KEEPALIVE_SIZE    6u         /* bytes of it in a response */
#define DNS_QR                0x8000u
#define DNS_OPCODE            0x7800u
#define DNS_AA                0x0400u
#define DNS_TC                0x0200u
#define DNS_RD                0x0100u

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_YXDOMAIN = 6,
	DNS_NOTAUTH = 9,
	DNS_BADVERS = 16,
};

/* What to do with a packet. */
enum dns_verdict {
	DNS_ANSWER, /* it is a query */
	DNS_DROP,   /* no response at all: it is itself one (RFC 8906 §3), or has no header */
	DNS_REJECT_FORMAT,  /* respond with the header alone and FORMERR */
	DNS_REJECT_OPCODE,  /* the same with NOTIMP */
	DNS_REJECT_VERSION, /* respond with question and OPT, BADVERS (RFC 6891 §6.1.3) */
};

struct dns_query {
	struct dns_key key; /* the name asked for */
	uint16_t flags;     /* as received */
	uint16_t type, class;
	uint32_t question_end; /* offset in the message */
	uint16_t udp_size;     /* response bytes that the client takes; >= DNS_UDP_MIN */
	bool edns, dnssec_ok;
	bool keepalive; /* asks how long its connection may be idle; over TCP alone */
};

/* Decodes `size` bytes. The fields are valid as far as the verdict needs them. */
enum dns_verdict dns_query_read(struct dns_query *, const uint8_t *message, uint32_t size);

#endif
