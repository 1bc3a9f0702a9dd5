/* SPDX-License-Identifier: ISC */
/*
 * An authoritative DNS server over UDP and TCP, for zones compiled into the image (manifest: compile, with
 * dns-zones):
 *
 *	dns_serve(&server, file_find("zones"), &(struct dns_options){ .port = arg_port() });
 *
 * It answers on the event loop, in the frame that the query came in. A query allocates no memory. answer.h describes
 * the answers, cache.h how they are remembered.
 */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include <stdbool.h>
#include <stdint.h>

struct dns_server; /* from the heap; it lives as long as the image */
struct file;
struct interface;
struct tcp_layer;

#define DNS_PORT                53u
#define DNS_CACHE_BYTES_DEFAULT (4u << 20)

/* Over TCP (RFC 7766). For one connection too many the one goes that is idle for longest (§6.2.3); if none is, the new
 * one is refused. */
#define DNS_TCP_CONNECTIONS 256u                 /* at once */
#define DNS_TCP_PER_ADDRESS 16u                  /* of one address */
#define DNS_TCP_IDLE_NS     (10ull * 1000000000) /* without a query, or an acknowledgment */
#define DNS_TCP_TRANSFERS   4u    /* zones at once; further ones wait for their turn */
#define DNS_TCP_RATE        2048u /* bytes a second of a transfer that its client takes at least */
#define DNS_TCP_UNSENT      (192u << 10) /* bytes of answers not acknowledged; then nothing is read */

struct dns_tcp_limits { /* zero means the default */
	uint32_t connections, per_address, transfers, unsent;
	uint32_t
	        rate; /* on average, once a transfer has begun idle_ns ago; a slower one is reset */
	uint64_t idle_ns;
	/* Bytes that all connections hold: half of the heap. Then those go that would hold them for longest. */
	uint64_t buffers;
};

struct dns_options {
	struct interface *interface; /* null: all */
	uint16_t port;               /* 0: DNS_PORT */
	uint16_t udp_size;           /* bytes that a response may have; 0: 1232 */
	bool minimal; /* leave out authority and additional records that need not be there */
	uint64_t cache_bytes; /* 0: DNS_CACHE_BYTES_DEFAULT */
	bool no_cache;
	const char *
	        transfers; /* up to 64 addresses and networks that may have whole zones (AXFR, over TCP), as allow.h
	                        * says; null: none. Others are REFUSED */
	struct dns_tcp_limits tcp;
	const char *version,
	        *identity; /* CH TXT version.bind, id.server; null: REFUSED. Not copied */
};

/* Starts serving; options may be null. On failure the reason is logged: ERR_ABSENT (null zones),
 * ERR_MALFORMED (they are not a zone database), ERR_INVALID (transfers), ERR_EXISTS (port), ERR_MEMORY (for the server;
 * if only the cache finds no memory, the server goes without one). */
int dns_serve(struct dns_server **, const struct file *zones, const struct dns_options *);

/*
 * Serves over TCP through a layer as well: DNS over TLS (RFC 7858), with &tls_layer and a struct tls (app/tls/tls.h), whose protocols are "dot" and no other. Port 0:
 * DNS_TLS_PORT. Options are dns_serve's: transfers go this way, too (RFC 9103), and each way has TCP's bounds for itself. Once. Errors as
 * tcp_listen's, which are logged.
 */
#define DNS_TLS_PORT 853u
int dns_serve_over(struct dns_server *, const struct tcp_layer *, void *context, uint16_t port,
                   const struct dns_options *);

/*
 * Answers one query, for transports that are not in this library (DNS over HTTPS): the response into `to`, which is its size; 0: there must be
 * none, since this is no query. Zones are not transferred this way. *ttl: how long it may be kept (RFC 8484 §5.1), the least
 * TTL of its answers, or RFC 2308's of what is not there; 0: not at all. Not in the cache of answers. `to` may not be the query's place.
 */
#define DNS_MESSAGE_MAX 65535u /* bytes of a response */
uint32_t dns_serve_message(struct dns_server *, const void *query, uint32_t size, void *to,
                           uint32_t room, uint32_t *ttl);

/* The orderly end of TCP (UDP is answered on; what goes through a layer is asked to end, too, and not waited for): no new connections, who idles is closed at once, others after their
 * query or transfer. `stopped` (may be null) is called once: when all have ended, or at the deadline, when the
 * others were reset. */
void dns_stop(struct dns_server *, uint64_t deadline_ns,
              void (*stopped)(void *context, uint32_t left), void *context);

#define DNS_RCODES 16u

struct dns_counters {
	uint64_t queries;            /* packets that came in */
	uint64_t dropped;            /* not answered: responses, fragments of a header */
	uint64_t failed;             /* responses that could not be sent */
	uint64_t rcodes[DNS_RCODES]; /* responses by the header's RCODE, which is 0 for BADVERS */
	uint64_t cache_hits, cache_misses;
	uint64_t transfers;            /* of zones, to their end */
	uint64_t tcp_now, tcp_refused; /* connections */
	uint64_t tcp_made_room;        /* ended while idle, for new ones */
};
struct dns_counters dns_counters(const struct dns_server *);

#endif
