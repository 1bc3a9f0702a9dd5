/* SPDX-License-Identifier: ISC */
/*
 * One network device whose rings are AF_XDP sockets' own, one socket a receive queue. Kernel and image move packets between
 * them; what is left for the tender is the doorbell, and to know whether there is something to wake the image for. In the
 * sandbox the image's process rings it itself, from the gate page.
 */
#ifndef TENDER_DEVICE_XDP_H
#define TENDER_DEVICE_XDP_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/device/xdp_socket.h>

struct device_xdp {
	bool here; /* false: no such device */
	int watch; /* link.h: readable when interfaces change; not owned */
	uint32_t interface;
	/* Shared with kernel and image, and not believed: */
	struct device_xdp_ring {
		uint32_t *producer, *consumer;
	} tx, completion;
	uint32_t queue_count;
	struct {
		int fd; /* the socket; not owned. The first one's has tx and completion, too. */
		struct device_xdp_ring rx;
		uint32_t *fill_flags;
	} queues[AMP_NET_QUEUES_MAX];
	uint64_t refused; /* doorbells that the kernel answered with an error */
};

/* Binds the sockets (xdp_bind) and fills in the image's view: rings at `rings_at`, frames at `frames_at`, and `further` queues
 * (one less than *xdp has). mac, name, features and `queues` of *view are the caller's. -1 with a defect. */
int device_xdp_open(struct device_xdp *, struct xdp *, uint8_t *rings, uint64_t rings_at,
                    uint8_t *frames, uint64_t frames_at, uint32_t ring_size, uint32_t frame_count,
                    uint32_t frame_size, struct amp_device *view, struct amp_queue *further,
                    struct defect *why);

/* Has the kernel send what lies in tx, a bounded number of packets; true if it took any. */
bool device_xdp_send(struct device_xdp *);
void device_xdp_refill(
        const struct device_xdp *); /* tells who sleeps for want of frames that there are some */
bool device_xdp_pending(const struct device_xdp *);                /* tx holds packets */
bool device_xdp_ready(const struct device_xdp *, uint64_t events); /* AMP_WAIT_* */

/* Is this one of its sockets? */
static inline bool device_xdp_owns(const struct device_xdp *d, int fd)
{
	for (uint32_t k = 0; d->here && k < d->queue_count; k++)
		if (d->queues[k].fd == fd)
			return true;
	return false;
}

/* What -v says of it. `index`: the device's. */
void device_xdp_report(const struct device_xdp *, uint32_t index);

#endif
