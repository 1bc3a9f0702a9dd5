/* SPDX-License-Identifier: ISC */
/*
 * Nothing here trusts a counter: each is read once, and what it says decides only whether a
 * doorbell is rung or a wait ends. An image that lies about its own counters gets a wake-up too
 * many or none; the kernel checks every descriptor.
 */
#include <errno.h>
#include <stddef.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>

#include <tender/device_xdp.h>

#define SENDS_MAX 64u /* doorbells in one pass: older kernels send 32 packets at each */

static void view_ring(const struct xdp *x, enum xdp_ring which, uint64_t at, uint32_t size,
                      struct amp_ring *view)
{
	const struct xdp_layout *l = &x->layout[which];
	at += xdp_ring_at(x, which, size);
	*view = (struct amp_ring){ .producer = at + l->producer,
		                   .consumer = at + l->consumer,
		                   .flags = at + l->flags,
		                   .entries = at + l->entries,
		                   .size = size };
}

int device_xdp_open(struct device_xdp *d, struct xdp *x, uint8_t *rings, uint64_t rings_at,
                    uint8_t *frames, uint64_t frames_at, uint32_t ring_size, uint32_t frame_count,
                    uint32_t frame_size, struct amp_device *view, struct defect *why)
{
	uint32_t most = frame_size - AMP_FRAME_HEADROOM - 14;
	if (xdp_bind(x, frames, (uint64_t)frame_count * frame_size, frame_size, rings, ring_size,
	             why))
		return -1;
	*d = (struct device_xdp){
		.here = true, .fd = x->fd, .watch = x->watch, .interface = x->interface
	};
	uint8_t *rx = rings + xdp_ring_at(x, XDP_RING_RX, ring_size),
	        *tx = rings + xdp_ring_at(x, XDP_RING_TX, ring_size);
	uint8_t *completion = rings + xdp_ring_at(x, XDP_RING_COMPLETION, ring_size);
	d->rx.producer = (uint32_t *)(rx + x->layout[XDP_RING_RX].producer);
	d->rx.consumer = (uint32_t *)(rx + x->layout[XDP_RING_RX].consumer);
	d->tx.producer = (uint32_t *)(tx + x->layout[XDP_RING_TX].producer);
	d->tx.consumer = (uint32_t *)(tx + x->layout[XDP_RING_TX].consumer);
	d->completion.producer = (uint32_t *)(completion + x->layout[XDP_RING_COMPLETION].producer);
	d->completion.consumer = (uint32_t *)(completion + x->layout[XDP_RING_COMPLETION].consumer);
	view_ring(x, XDP_RING_FILL, rings_at, ring_size, &view->fill);
	view_ring(x, XDP_RING_RX, rings_at, ring_size, &view->rx);
	view_ring(x, XDP_RING_TX, rings_at, ring_size, &view->tx);
	view_ring(x, XDP_RING_COMPLETION, rings_at, ring_size, &view->completion);
	view->type = AMP_DEVICE_NET;
	view->mtu = (uint16_t)(x->mtu < most ? x->mtu : most);
	view->frame_size = frame_size;
	view->frames = frames_at;
	view->frame_count = frame_count;
	return 0;
}

static bool differ(const uint32_t *a, const uint32_t *b)
{
	return __atomic_load_n(a, __ATOMIC_ACQUIRE) != __atomic_load_n(b, __ATOMIC_ACQUIRE);
}

bool device_xdp_pending(const struct device_xdp *d)
{
	return d->here && differ(d->tx.producer, d->tx.consumer);
}

bool device_xdp_ready(const struct device_xdp *d, uint64_t events)
{
	return d->here && ((events & AMP_WAIT_RECEIVE && differ(d->rx.producer, d->rx.consumer)) ||
	                   (events & AMP_WAIT_COMPLETE &&
	                    differ(d->completion.producer, d->completion.consumer)));
}

bool device_xdp_send(struct device_xdp *d)
{
	if (!device_xdp_pending(d))
		return false;
	uint32_t before = __atomic_load_n(d->tx.consumer, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < SENDS_MAX && device_xdp_pending(d); i++) {
		/* EAGAIN: as many as one call sends, or the socket's buffer is full until packets
		 * have gone. */
		if (sendto(d->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
		    errno != EINTR) {
			d->refused++;
			break;
		}
	}
	return __atomic_load_n(d->tx.consumer, __ATOMIC_ACQUIRE) != before;
}

void device_xdp_report(const struct device_xdp *d, uint32_t index)
{
	struct xdp_statistics s = { 0 };
	socklen_t size = sizeof s;
	if (getsockopt(d->fd, SOL_XDP, XDP_STATISTICS, &s, &size))
		return;
	say("device %u (AF_XDP): received packets dropped %llu, for a full rx ring %llu, for want "
	    "of frames %llu; "
	    "doorbells "
	    "refused %llu; from the image: bad descriptors %llu, bad frames %llu",
	    index, (unsigned long long)s.rx_dropped, (unsigned long long)s.rx_ring_full,
	    (unsigned long long)s.rx_fill_ring_empty_descs, (unsigned long long)d->refused,
	    (unsigned long long)s.tx_invalid_descs, (unsigned long long)s.rx_invalid_descs);
}
