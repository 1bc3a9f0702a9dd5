/* SPDX-License-Identifier: ISC */
/* ICMP (RFC 792, RFC 1122 §3.2.2): answers echo requests, and tells senders what could not be
 * delivered. */
#ifndef NET_ICMP_H
#define NET_ICMP_H

#include <stdint.h>

struct ip4_packet;

#define ICMP_ERRORS_BURST      50u  /* errors that may be sent at once, over all interfaces */
#define ICMP_ERRORS_PER_SECOND 200u /* ... and in the long run */
#define ICMP_QUOTE_MAX                                                                             \
	548u /* bytes of the packet that an error quotes: 576 in all (RFC 1812 §4.3.2.3) */

void icmp_input(struct ip4_packet *);

/* Sends an error about a packet to its source, where RFC 1122 §3.2.2 allows one and the rate does.
 */
void icmp_error(const struct ip4_packet *, uint8_t type, uint8_t code);

#endif
