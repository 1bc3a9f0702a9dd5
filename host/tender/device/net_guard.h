/* SPDX-License-Identifier: ISC */
/*
 * Keeps an image from the host's loopback. A user-mode network opens sockets where the image's packets want to go, to the
 * host's own loopback, too, if that is what they name; and it gives what comes from there the router's address, so that it has
 * to send what is for the router there, answers above all. This lets nothing pass that names a loopback address or none,
 * and to the router answers, but nothing that begins a conversation: TCP segments but a connection's first, UDP
 * datagrams to ports that have spoken before.
 */
#ifndef TENDER_DEVICE_NET_GUARD_H
#define TENDER_DEVICE_NET_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define NET_GUARD_LOOK                                                                             \
	96u /* bytes of a frame that decide: Ethernet, the longest IPv4 header, TCP's flags */

struct net_guard {
	uint32_t router;        /* host byte order */
	uint8_t router6[16];    /* of IPv6; all zero: there is none */
	uint8_t spoke[2][8192]; /* a bit for each UDP port of the router's; of IPv4, of IPv6 */
};

/* A frame's first bytes, NET_GUARD_LOOK or all: may it go? They have to stay as they are. */
bool net_guard_lets(const struct net_guard *, const uint8_t *bytes, uint32_t size);
/* A frame has come. */
void net_guard_heard(struct net_guard *, const uint8_t *bytes, uint32_t size);

#endif
