/* SPDX-License-Identifier: ISC */
/* A packet socket (packet(7)) whose packets have virtio-net headers: checksums and segments stay the host's. */
#ifndef TENDER_DEVICE_RAW_SOCKET_H
#define TENDER_DEVICE_RAW_SOCKET_H

#include <tender/device/packets.h>

/* Has p->fd, a packet socket bound to an interface, or to be bound to it, put headers before its packets, and fills in
 * what packets need of the host; the MAC address is the interface's. -1 with a defect. */
int raw_socket_agree(struct packets *, uint32_t interface, bool offloads, struct defect *why);

#endif
