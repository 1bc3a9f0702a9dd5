/* SPDX-License-Identifier: ISC */
/*
 * A network card of Xen's (netfront, public/io/netif.h) as a network device of the image's. The backend sees pages of the
 * kernel's own, granted once, through which all packets are copied: so nothing that it does reaches the image's memory, what has
 * come stays as it was looked at, and a packet's pieces need no slot each.
 */
#ifndef BOOT_XEN_NET_H
#define BOOT_XEN_NET_H

#include <boot/driver.h>
#include <boot/xen_bus.h>
#include <boot/xen_ring.h>
#include <tender/device/net_packet.h>

#define XEN_NET_RING 256u

struct xen_net {
	struct xen_bus bus;
	const struct pages *pages;
	const struct amp_note_device *note;
	struct net_rings rings;
	struct xen_ring rx, tx;
	uint32_t port;
	uint8_t mac[6];
	uint16_t mtu;
	bool large, gathers;              /* we take packets of several pages; the backend does */
	bool sums6, segments4, segments6; /* the backend's */
	bool tx_full;                     /* packets wait for the backend */
	/* A page for each entry of a ring. rx: by its place; tx: by a number that its request has. */
	uint8_t *rx_pages, *tx_pages;
	uint32_t rx_grants[XEN_NET_RING], tx_grants[XEN_NET_RING];
	uint16_t tx_free[XEN_NET_RING], tx_free_count;
	bool tx_out[XEN_NET_RING];
	/* Frames that the image has given, and no packet has yet. */
	uint64_t frames[AMP_PACKET_DESCS_MAX];
	uint32_t frame_count;
	uint64_t lies; /* of the backend */
};

/* Agrees with the backend of vif `number`. -1 with a defect. */
int xen_net_open(struct xen_net *, uint32_t number, const struct amp_note_device *,
                 struct defect *why);

/* `of` is a struct xen_net. */
extern const struct driver xen_net_driver;

#endif
