/* SPDX-License-Identifier: ISC */
/*
 * AF_XDP sockets: one for each receive queue of a network interface of the host, or for one of them, whose packets the
 * kernel puts straight into an image's frames, an area that the sockets share. Packets leave by the first socket. A program
 * of five instructions at the interface sends a queue's packets to its socket; it goes with the process, however that
 * ends.
 */
#ifndef TENDER_DEVICE_XDP_SOCKET_H
#define TENDER_DEVICE_XDP_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/defect.h>

/* Where a ring's parts lie from its mapping's first byte: the kernel's choice. */
struct xdp_layout {
	uint64_t producer, consumer, flags, entries;
};

enum xdp_ring { XDP_RING_FILL, XDP_RING_COMPLETION, XDP_RING_TX, XDP_RING_RX, XDP_RINGS };

struct xdp {
	int fd;                              /* the first queue's socket; -1: none */
	int further[AMP_NET_QUEUES_MAX - 1]; /* the others', made by xdp_bind */
	uint32_t further_count;
	int watch;     /* link.h: of its interface */
	int link, map; /* what steers packets to it; -1 until xdp_bind */
	char name[16];
	uint32_t interface;
	uint32_t queue, queue_count; /* from where on, how many */
	uint16_t mtu;                /* the interface's */
	uint8_t mac[6];              /* the interface's */
	bool partial; /* packets of this host come with unfinished checksums: AMP_NET_RX_PARTIAL */
	bool bound;
	struct xdp_layout layout[XDP_RINGS];
};

/* "INTERFACE[,queue=N]": looks the interface up and makes a socket. Without a number all receive queues are meant, of which
 * there may be `most`, up to AMP_NET_QUEUES_MAX. With a defect: XDP_WORDS where the words are wrong, else -1; xdp_close is
 * due in any case. */
#define XDP_WORDS (-2)
int xdp_open(struct xdp *, const char *text, uint32_t most, struct defect *why);

/* The socket of the k-th of its queues. */
static inline int xdp_socket(const struct xdp *x, uint32_t k)
{
	return k ? x->further[k - 1] : x->fd;
}

/* Bytes of address space for all rings, and where ring `which` of the k-th queue begins in them: the first has all four,
 * the others have fill and rx. Multiples of AMP_PAGE. */
uint64_t xdp_rings_size(const struct xdp *, uint32_t ring_size);
uint64_t xdp_ring_at(const struct xdp *, uint32_t k, enum xdp_ring which, uint32_t ring_size);

/*
 * Gives the frame area to the kernel, which pins it, maps the rings over `rings` (xdp_rings_size bytes of address space of
 * this process), and has the packets come. A second call starts anew with a fresh socket. -1 with a defect.
 */
int xdp_bind(struct xdp *, uint8_t *frames, uint64_t frames_size, uint32_t frame_size,
             uint8_t *rings, uint32_t ring_size, struct defect *why);

/* Lets go of all of it; the interface's packets are the host's again. */
void xdp_close(struct xdp *);

#endif
