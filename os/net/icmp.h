/* SPDX-License-Identifier: ISC */
/* ICMP (RFC 792, RFC 1122 §3.2.2): answers echo requests, tells senders what could not be delivered, and tells
 * transports what became of packets of theirs. */
#ifndef NET_ICMP_H
#define NET_ICMP_H

#include <stdbool.h>
#include <stdint.h>

struct interface;
struct ip4_packet;

#define ICMP_ERRORS_BURST      50u  /* errors that may be sent at once, over all interfaces */
#define ICMP_ERRORS_PER_SECOND 200u /* ... and in the long run */
#define ICMP_QUOTE_MAX                                                                             \
	548u /* bytes of the packet that an error quotes: 576 in all (RFC 1812 §4.3.2.3) */

/* Registers itself with IPv4: with the first interface, since each host answers echo requests. */
void icmp_start(void);

/* Is one more error within the rate, of both families together? */
bool icmp_error_allowed(void);

/* Sends an error about a packet to its source, where RFC 1122 §3.2.2 allows one and the rate does.
 */
void icmp_error(const struct ip4_packet *, uint8_t type, uint8_t code);

/*
 * What somebody says about a packet that we are said to have sent: checked as far as the quoted IP header goes (it is
 * from our address, its header is whole, 8 bytes or more follow). Anybody can send it: the transport checks ports and
 * sequence numbers (RFC 5927).
 */
struct icmp_report {
	struct interface *interface;
	uint8_t type, code;           /* ICMP_UNREACHABLE, ICMP_TIME_EXCEEDED, ICMP_PARAMETER */
	uint8_t protocol;             /* of the quoted packet, as the next ones */
	uint16_t mtu;                 /* of ICMP_UNREACHABLE_FRAGMENTATION, IP bytes; 0: not told */
	uint16_t total;               /* IP bytes that the quoted packet had */
	uint32_t source, destination; /* words: ip4.h */
	const uint8_t *quoted;        /* what follows the quoted IP header; at least 8 bytes */
	uint32_t quoted_size;
};
typedef void icmp_report_fn(const struct icmp_report *);

/* To whoever has asked for reports about the packet's protocol, if the packet was ours. ICMPv6's errors are told by ICMP's
 * types and codes that mean the same. */
void icmp_report_tell(const struct icmp_report *);

/* Reports about packets of a protocol go to fn; null: to nobody. */
void icmp_report_set(uint8_t protocol, icmp_report_fn *);

#endif
