/* SPDX-License-Identifier: ISC */
/* DNS over TCP (RFC 7766): messages behind two bytes of length, as many on a connection as the
 * client likes, answered in their order; and zones for those who may have them (AXFR). What is not
 * read by the client is not made: a transfer holds one message and TCP's buffer, whatever the
 * zone's size. */
#ifndef DNS_TCP_H
#define DNS_TCP_H

#include <stdint.h>

#include <app/dns/allow.h>
#include <app/dns/answer.h>
#include <app/dns/dns.h>

#define DNS_TCP_CONNECTIONS 256u
#define DNS_TCP_PER_ADDRESS 16u
#define DNS_TCP_IDLE_NS     (10ull * 1000000000) /* without a whole query */
#define DNS_TCP_QUERY_MAX   1500u /* bytes; a name, a question and EDNS options have room */

struct dns_tcp_bounds {
	uint32_t transfers; /* under way at once, at least 1; further ones wait for their turn */
};

/* Listens. The database, counters and policy's texts stay the caller's, `transfers` is copied.
 * ERR_EXISTS, ERR_MEMORY. */
int dns_tcp_serve(const struct dns_database *, const struct dns_policy *,
                  const struct dns_allow *transfers, const struct dns_tcp_bounds *,
                  struct dns_counters *, struct interface *, uint16_t port);

#endif
