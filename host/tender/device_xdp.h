/* SPDX-License-Identifier: ISC */
/*
 * One network device whose rings are an AF_XDP socket's own. Kernel and image move packets between them; what is left for
 * the tender is the doorbell, and to know whether there is something to wake the image for. In the sandbox the image's
 * process rings it itself, from the gate page.
 */
#ifndef TENDER_DEVICE_XDP_H
#define TENDER_DEVICE_XDP_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/xdp.h>

struct device_xdp {
	bool here; /* false: no such device */
	int fd;    /* the socket; not owned */
	int watch; /* link.h: readable when interfaces change; not owned */
	uint32_t interface;
	struct {
		uint32_t *producer, *consumer; /* shared with kernel and image: believed by neither */
	} rx, tx, completion;
	uint64_t refused; /* doorbells that the kernel answered with an error */
};

/* Binds the socket (xdp_bind) and fills in the image's view: rings at `rings_at`, frames at `frames_at`. mac, name and
 * features of *view are the caller's. -1 with a defect. */
int device_xdp_open(struct device_xdp *, struct xdp *, uint8_t *rings, uint64_t rings_at, uint8_t *frames,
		    uint64_t frames_at, uint32_t ring_size, uint32_t frame_count, uint32_t frame_size,
		    struct amp_device *view, struct defect *why);

/* Has the kernel send what lies in tx, a bounded number of packets; true if it took any. */
bool device_xdp_send(struct device_xdp *);
bool device_xdp_pending(const struct device_xdp *);		 /* tx holds packets */
bool device_xdp_ready(const struct device_xdp *, uint64_t events); /* AMP_WAIT_* */

/* What -v says of it. `index`: the device's. */
void device_xdp_report(const struct device_xdp *, uint32_t index);

#endif
