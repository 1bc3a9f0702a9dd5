/* SPDX-License-Identifier: ISC */
/*
 * Nothing here trusts a counter: each is read once, and what it says decides only whether a
 * doorbell is rung or a wait ends. An image that lies about its own counters gets a wake-up too
 * many or none; the kernel checks every descriptor.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <linux/if_xdp.h>
#include <poll.h>
#include <sys/socket.h>

#include <tender/device/xdp.h>

#define SENDS_MAX 64u /* doorbells in one pass: older kernels send 32 packets at each */

static void view_ring(const struct xdp *x, uint32_t k, enum xdp_ring which, uint64_t at,
                      uint32_t size, struct amp_ring *view)
{
	const struct xdp_layout *l = &x->layout[which];
	at += xdp_ring_at(x, k, which, size);
	*view = (struct amp_ring){ .producer = at + l->producer,
		                   .consumer = at + l->consumer,
		                   .flags = at + l->flags,
		                   .entries = at + l->entries,
		                   .size = size };
}

/* The counters of a ring that lies there. */
static struct device_xdp_ring counters(const struct xdp *x, enum xdp_ring which, uint8_t *ring)
{
	const struct xdp_layout *l = &x->layout[which];
	return (struct device_xdp_ring){ (uint32_t *)(ring + l->producer),
		                         (uint32_t *)(ring + l->consumer) };
}

int device_xdp_open(struct device_xdp *d, struct xdp *x, uint8_t *rings, uint64_t rings_at,
                    uint8_t *frames, uint64_t frames_at, uint32_t ring_size, uint32_t frame_count,
                    uint32_t frame_size, struct amp_device *view, struct amp_queue *further,
                    struct defect *why)
{
	uint32_t most = frame_size - AMP_FRAME_HEADROOM - 14;
	if (xdp_bind(x, frames, (uint64_t)frame_count * frame_size, frame_size, rings, ring_size,
	             why))
		return -1;
	*d = (struct device_xdp){ .here = true,
		                  .watch = x->watch,
		                  .interface = x->interface,
		                  .queue_count = x->queue_count };
	d->tx = counters(x, XDP_RING_TX, rings + xdp_ring_at(x, 0, XDP_RING_TX, ring_size));
	d->completion = counters(x, XDP_RING_COMPLETION,
	                         rings + xdp_ring_at(x, 0, XDP_RING_COMPLETION, ring_size));
	view_ring(x, 0, XDP_RING_TX, rings_at, ring_size, &view->tx);
	view_ring(x, 0, XDP_RING_COMPLETION, rings_at, ring_size, &view->completion);
	for (uint32_t k = 0; k < x->queue_count; k++) {
		uint8_t *fill = rings + xdp_ring_at(x, k, XDP_RING_FILL, ring_size),
		        *rx = rings + xdp_ring_at(x, k, XDP_RING_RX, ring_size);
		d->queues[k].fd = xdp_socket(x, k);
		d->queues[k].rx = counters(x, XDP_RING_RX, rx);
		d->queues[k].fill_flags = (uint32_t *)(fill + x->layout[XDP_RING_FILL].flags);
		view_ring(x, k, XDP_RING_FILL, rings_at, ring_size,
		          k ? &further[k - 1].fill : &view->fill);
		view_ring(x, k, XDP_RING_RX, rings_at, ring_size,
		          k ? &further[k - 1].rx : &view->rx);
	}
	view->queue_count = x->queue_count - 1;
	view->type = AMP_DEVICE_NET;
	view->mtu = (uint16_t)(x->mtu < most ? x->mtu : most);
	view->frame_size = frame_size;
	view->frames = frames_at;
	view->frame_count = frame_count;
	return 0;
}

static bool holds(const struct device_xdp_ring *r)
{
	return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
}

bool device_xdp_pending(const struct device_xdp *d)
{
	return d->here && holds(&d->tx);
}

bool device_xdp_ready(const struct device_xdp *d, uint64_t events)
{
	if (!d->here)
		return false;
	for (uint32_t k = 0; events & AMP_WAIT_RECEIVE && k < d->queue_count; k++)
		if (holds(&d->queues[k].rx))
			return true;
	return events & AMP_WAIT_COMPLETE && holds(&d->completion);
}

void device_xdp_refill(const struct device_xdp *d)
{
	struct pollfd fds[AMP_NET_QUEUES_MAX];
	nfds_t count = 0;
	for (uint32_t k = 0; d->here && k < d->queue_count; k++)
		if (__atomic_load_n(d->queues[k].fill_flags, __ATOMIC_RELAXED) &
		    AMP_RING_NEED_WAKEUP)
			fds[count++] = (struct pollfd){ .fd = d->queues[k].fd, .events = POLLIN };
	/* Of a socket that has no tx ring, this is what the kernel takes for a doorbell. */
	if (count)
		poll(fds, count, 0);
}

bool device_xdp_send(struct device_xdp *d)
{
	if (!device_xdp_pending(d))
		return false;
	uint32_t before = __atomic_load_n(d->tx.consumer, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < SENDS_MAX && device_xdp_pending(d); i++) {
		/* EAGAIN: as many as one call sends, or the socket's buffer is full until packets
		 * have gone. */
		if (sendto(d->queues[0].fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
		    errno != EAGAIN && errno != EINTR) {
			d->refused++;
			break;
		}
	}
	return __atomic_load_n(d->tx.consumer, __ATOMIC_ACQUIRE) != before;
}

void device_xdp_report(const struct device_xdp *d, uint32_t index)
{
	struct xdp_statistics s = { 0 }; /* of all sockets */
	for (uint32_t k = 0; k < d->queue_count; k++) {
		struct xdp_statistics one = { 0 };
		socklen_t size = sizeof one;
		if (getsockopt(d->queues[k].fd, SOL_XDP, XDP_STATISTICS, &one, &size))
			return;
		s.rx_dropped += one.rx_dropped;
		s.rx_ring_full += one.rx_ring_full;
		s.rx_fill_ring_empty_descs += one.rx_fill_ring_empty_descs;
		s.rx_invalid_descs += one.rx_invalid_descs;
		s.tx_invalid_descs += one.tx_invalid_descs;
	}
	char queues[24] = "";
	if (d->queue_count > 1)
		snprintf(queues, sizeof queues, ", %u queues", d->queue_count);
	say("device %u (AF_XDP%s): received packets dropped %llu, for a full rx ring %llu, for "
	    "want of frames %llu; doorbells refused %llu; from the image: bad descriptors %llu, "
	    "bad "
	    "frames %llu",
	    index, queues, (unsigned long long)s.rx_dropped, (unsigned long long)s.rx_ring_full,
	    (unsigned long long)s.rx_fill_ring_empty_descs, (unsigned long long)d->refused,
	    (unsigned long long)s.tx_invalid_descs, (unsigned long long)s.rx_invalid_descs);
}
