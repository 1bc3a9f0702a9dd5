/* SPDX-License-Identifier: ISC */
/*
 * An authoritative DNS server over UDP and TCP, of zones compiled into the image (manifest:
 * compile, with
 *dns-zones):
 *
 *	dns_serve(file_find("zones"), &(struct dns_options){ .port = arg_port() });
 *
 * It answers on the event loop, in the frame that the query came in; no memory is allocated for a
 *query. What it answers is described in answer.h, how it remembers answers in cache.h.
 */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include <stdbool.h>
#include <stdint.h>

struct dns_server; /* from the heap; there for the image's life */
struct file;
struct interface;

#define DNS_PORT                      53u
#define DNS_CACHE_BYTES_DEFAULT       (4u << 20)
#define DNS_TRANSFERS_AT_ONCE_DEFAULT 4u

struct dns_options {
	struct interface *interface; /* null: all */
	uint16_t port;               /* 0: DNS_PORT */
	uint16_t udp_size;           /* bytes that a response may have; 0: 1232 */
	bool minimal; /* leave out authority and additional records that need not be there */
	uint64_t cache_bytes; /* 0: DNS_CACHE_BYTES_DEFAULT */
	bool no_cache;
	/* Who may have whole zones (AXFR, over TCP): up to 64 addresses and networks, as allow.h
	 * says; null: nobody. Others are REFUSED. */
	const char *transfers;
	/* Each of them holds 64 KiB and its connection's buffers; further ones wait for their turn.
	 * 0: DNS_TRANSFERS_AT_ONCE_DEFAULT */
	uint32_t transfers_at_once;
	const char *version,
	        *identity; /* CH TXT version.bind, id.server; null: REFUSED. Not copied */
};

/* Starts serving; options may be null. On failure the reason is logged: ERR_ABSENT (null zones),
 * ERR_MALFORMED (they are not a zone database), ERR_INVALID (transfers), ERR_EXISTS (port),
 * ERR_MEMORY (for the server; a cache that finds no memory is gone without). */
int dns_serve(struct dns_server **, const struct file *zones, const struct dns_options *);

#define DNS_RCODES 16u

struct dns_counters {
	uint64_t queries; /* packets that came in */
	uint64_t dropped; /* to which nothing was said: responses, fragments of a header */
	uint64_t failed;  /* responses that could not be sent */
	uint64_t rcodes[DNS_RCODES]; /* responses by the header's RCODE, which is 0 for BADVERS */
	uint64_t cache_hits, cache_misses;
	uint64_t transfers; /* of zones, to their end */
};
struct dns_counters dns_counters(const struct dns_server *);

#endif
