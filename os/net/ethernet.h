/* SPDX-License-Identifier: ISC */
/* Ethernet: which packets are for us, and to whom they go on. */
#ifndef NET_ETHERNET_H
#define NET_ETHERNET_H

#include <stdint.h>

#include <net/frame.h>
#include <net/wire.h>

struct interface;

extern const uint8_t ethernet_broadcast[6];

/* Works on a received packet. The caller keeps its reference; who keeps the frame takes another. */
void ethernet_input(struct interface *, struct frame *);

/* Puts the header before the packet and sends it; takes over the caller's reference. ERR_MEMORY. */
int ethernet_send(struct interface *, struct frame *, const uint8_t mac[6], uint16_t type);

/* The header alone; who has put it sends the frame by the device's calls. */
void ethernet_put(struct interface *, struct frame *, const uint8_t mac[6], uint16_t type);

#endif
