/* SPDX-License-Identifier: ISC */
/*
 * AF_XDP sockets: one queue of a network interface of the host, whose packets the kernel puts straight into an
 * image's frames. A program of five instructions at the interface sends that queue's packets to the socket; it goes
 * with the process, however that ends.
 */
#ifndef TENDER_XDP_H
#define TENDER_XDP_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>

/* Where a ring's parts lie from its mapping's first byte: the kernel's choice. */
struct xdp_layout {
	uint64_t producer, consumer, flags, entries;
};

enum xdp_ring { XDP_RING_FILL, XDP_RING_COMPLETION, XDP_RING_TX, XDP_RING_RX, XDP_RINGS };

struct xdp {
	int fd; /* the socket; -1: none */
	int watch;     /* link.h: of its interface */
	int link, map; /* what steers packets to it; -1 until xdp_bind */
	char name[16];
	uint32_t interface, queue;
	uint16_t mtu;	/* the interface's */
	uint8_t mac[6]; /* the interface's */
	bool partial;	/* packets of this host come with unfinished checksums: AMP_NET_RX_PARTIAL */
	bool bound;
	struct xdp_layout layout[XDP_RINGS];
};

/* "INTERFACE[,queue=N]": looks the interface up and makes a socket. With a defect: XDP_WORDS where the words are wrong, else
 * -1. */
#define XDP_WORDS (-2)
int xdp_open(struct xdp *, const char *text, struct defect *why);

/* Bytes of address space for the four rings, and where ring `which` begins in them. Multiples of AMP_PAGE. */
uint64_t xdp_rings_size(const struct xdp *, uint32_t ring_size);
uint64_t xdp_ring_at(const struct xdp *, enum xdp_ring which, uint32_t ring_size);

/*
 * Gives the frame area to the kernel, which pins it, maps the rings over `rings` (xdp_rings_size bytes of address space of
 * this process), and has the packets come. A second call starts anew with a fresh socket. -1 with a defect.
 */
int xdp_bind(struct xdp *, uint8_t *frames, uint64_t frames_size, uint32_t frame_size, uint8_t *rings, uint32_t ring_size,
	     struct defect *why);

#endif
