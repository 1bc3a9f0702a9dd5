/* SPDX-License-Identifier: ISC */
/* UDP for this library: the way in from IPv4, and DHCP's way out. */
#ifndef NET_UDP_INTERNAL_H
#define NET_UDP_INTERNAL_H

#include <net/ip4.h>
#include <net/udp.h>

void udp_input(struct ip4_packet *);

/* Sends by a route that the caller has made. Errors as ip4_send's. */
int udp_send_by(struct ip4_route *, uint16_t source_port, uint16_t port, const void *bytes,
                uint32_t size);

#endif
