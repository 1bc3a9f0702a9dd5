/* SPDX-License-Identifier: ISC */
/* DNS over TCP (RFC 7766): messages behind two bytes of length, as many on a connection as the client likes, answered
 * in their order; and zones for those who may have them (AXFR). What is not read by the client is not made: a transfer
 * holds one message and TCP's buffer, whatever the zone's size. */
#ifndef DNS_TCP_H
#define DNS_TCP_H

#include <stdint.h>

#include <app/dns/allow.h>
#include <app/dns/answer.h>
#include <app/dns/dns.h>

struct tcp_server;

#define DNS_TCP_QUERY_MAX 1500u /* bytes; a name, a question and EDNS options have room */

/* Listens; limits may be null; *served (may be null) is what it is served by. The database, counters and policy's
 * texts stay the caller's, `transfers` is copied. ERR_EXISTS, ERR_MEMORY. */
int dns_tcp_serve(const struct dns_database *, const struct dns_policy *,
                  const struct dns_allow *transfers, struct dns_counters *, struct interface *,
                  uint16_t port, const struct dns_tcp_limits *, struct tcp_server **);

#endif
