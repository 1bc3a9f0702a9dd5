/* SPDX-License-Identifier: ISC */
/*
 * A network device whose rings are AF_XDP sockets' own, one socket a receive queue. Kernel and image
 * move packets between them; what is left for the tender is the doorbell, and to know whether there
 * is something to wake the image for. An image that runs apart rings it itself, from the gate page.
 *
 * Nothing here trusts a counter: each is read once, and what it says decides only whether a
 * doorbell is rung or a wait ends. An image that lies about its own counters gets a wake-up too
 * many or none; the kernel checks every descriptor.
 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <tender/device/device.h>
#include <tender/device/link.h>
#include <tender/device/net_rings.h>
#include <tender/device/xdp_socket.h>

#define SENDS_MAX 64u /* doorbells in one pass: older kernels send 32 packets at each */

extern const struct device_kind device_xdp;

struct xdp_device {
	struct xdp host;
	bool apart;    /* the image rings and looks by itself */
	uint32_t size; /* entries of a ring */
	/* Shared with kernel and image, and not believed: */
	struct xdp_counters {
		uint32_t *producer, *consumer;
	} tx, completion;
	struct {
		struct xdp_counters rx;
		uint32_t *fill_flags;
	} queues[AMP_NET_QUEUES_MAX];
	int sockets
	        [AMP_NET_QUEUES_MAX]; /* one a queue; the first one's has tx and completion, too */
	uint64_t refused;             /* doorbells that the kernel answered with an error */
};

static int xdp_device_open(struct device *d, const struct device_wish *w, struct defect *why)
{
	struct xdp_device *x = d->state;
	struct defect what;
	bool old = w->abi_minor < 2; /* it knows of one queue */
	int opened = xdp_open(&x->host, w->text, old ? 1 : AMP_NET_QUEUES_MAX, &what);
	d->watch = x->host.watch;
	d->by_host = d->untold = true;
	if (!opened)
		return 0;
	defect_set(why, "%s%s", what.text,
	           old && x->host.queue_count > 1 ? "; the image, built anew, takes several" : "");
	return opened == XDP_WORDS ? AMP_EXIT_USAGE : AMP_EXIT_TENDER;
}

static void xdp_need(const struct device *d, struct device_need *need)
{
	const struct xdp *host = &((const struct xdp_device *)d->state)->host;
	need->queues = xdp_rings_size(host, d->note->ring_size);
	need->frames = (uint64_t)d->note->frame_count * net_frame_size(host->mtu);
	need->further = host->queue_count - 1;
}

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
static struct xdp_counters counters(const struct xdp *x, enum xdp_ring which, uint8_t *ring)
{
	const struct xdp_layout *l = &x->layout[which];
	return (struct xdp_counters){ (uint32_t *)(ring + l->producer),
		                      (uint32_t *)(ring + l->consumer) };
}

static void place_queue(struct xdp_device *x, uint32_t k, const struct device_place *to,
                        uint32_t size)
{
	const struct xdp *host = &x->host;
	uint8_t *rings = to->queues.bytes,
	        *fill = rings + xdp_ring_at(host, k, XDP_RING_FILL, size),
	        *rx = rings + xdp_ring_at(host, k, XDP_RING_RX, size);
	x->sockets[k] = xdp_socket(host, k);
	x->queues[k].rx = counters(host, XDP_RING_RX, rx);
	x->queues[k].fill_flags = (uint32_t *)(fill + host->layout[XDP_RING_FILL].flags);
	view_ring(host, k, XDP_RING_FILL, to->queues.at, size,
	          k ? &to->further[k - 1].fill : &to->view->fill);
	view_ring(host, k, XDP_RING_RX, to->queues.at, size,
	          k ? &to->further[k - 1].rx : &to->view->rx);
}

static int xdp_place(struct device *d, const struct device_place *to, struct defect *why)
{
	struct xdp_device *x = d->state;
	struct xdp *host = &x->host;
	struct amp_device *view = to->view;
	uint8_t *rings = to->queues.bytes;
	uint32_t size = d->note->ring_size, frame_size = net_frame_size(host->mtu);
	const struct net_layout layout = { .mtu = net_mtu(host->mtu, frame_size),
		                           .frame_count = d->note->frame_count,
		                           .frame_size = frame_size,
		                           .frames = to->frames,
		                           .view = view };
	if (xdp_bind(host, to->frames.bytes, (uint64_t)d->note->frame_count * frame_size,
	             frame_size, rings, size, why))
		return -1;
	x->apart = to->apart;
	x->size = size;
	x->refused = 0;
	x->tx = counters(host, XDP_RING_TX, rings + xdp_ring_at(host, 0, XDP_RING_TX, size));
	x->completion = counters(host, XDP_RING_COMPLETION,
	                         rings + xdp_ring_at(host, 0, XDP_RING_COMPLETION, size));
	view_ring(host, 0, XDP_RING_TX, to->queues.at, size, &view->tx);
	view_ring(host, 0, XDP_RING_COMPLETION, to->queues.at, size, &view->completion);
	for (uint32_t k = 0; k < host->queue_count; k++)
		place_queue(x, k, to, size);
	d->sockets = x->sockets;
	d->socket_count = host->queue_count;
	net_view(&layout);
	memcpy(view->mac, host->mac, sizeof host->mac);
	view->queue_count = host->queue_count - 1;
	view->queues = view->queue_count ? to->further_at : 0;
	/* The kernel does move packets while the image runs, whatever the tender does. */
	view->features =
	        AMP_NET_CONCURRENT | (host->partial && d->abi_minor >= 1 ? AMP_NET_RX_PARTIAL : 0);
	return 0;
}

/* A doorbell sends what lies in the ring, and takes no bytes and no address of its own. The sockets of an image that runs
 * apart are the image's to ring and poll: here they are counted, and asked whether their interface is there. */
static void xdp_allow(const struct device *d, struct filter *f)
{
	static const struct filter_arg doorbell[] = { { 1, FILTER_EQUAL, 0 },
		                                      { 2, FILTER_EQUAL, 0 },
		                                      { 4, FILTER_EQUAL, 0 } };
	static const struct filter_arg statistics[] = { { 1, FILTER_EQUAL, SOL_XDP },
		                                        { 2, FILTER_EQUAL, XDP_STATISTICS } };
	static const struct filter_arg error[] = { { 1, FILTER_EQUAL, SOL_SOCKET },
		                                   { 2, FILTER_EQUAL, SO_ERROR } };
	const struct xdp_device *x = d->state;
	if (!x->apart)
		filter_allow_on(f, SYS_sendto, x->sockets[0], doorbell, 3);
	filter_allow_on(f, SYS_getsockopt, x->sockets[0], error, 2);
	/* Not a rule each: there may be 256, and no other socket is open. */
	filter_allow_if(f, SYS_getsockopt, statistics, 2);
	for (uint32_t k = 0; k < x->host.queue_count; k++)
		filter_keep(f, x->sockets[k]);
	filter_keep(f, x->host.link);
	filter_keep(f, x->host.map);
}

static bool holds(const struct xdp_counters *r)
{
	return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
}

/* Is there something to send? More than a ring has is a lie, over whose entries the kernel would walk, up to 2^32, in one call. */
static bool sends(const struct xdp_device *x)
{
	uint32_t n = __atomic_load_n(x->tx.producer, __ATOMIC_ACQUIRE) -
	             __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE);
	return n && n <= x->size;
}

static bool xdp_pending(struct device *d)
{
	const struct xdp_device *x = d->state;
	return !x->apart && sends(x);
}

static bool xdp_ready(const struct device *d, uint64_t events)
{
	const struct xdp_device *x = d->state;
	for (uint32_t k = 0; events & AMP_WAIT_RECEIVE && k < x->host.queue_count; k++)
		if (holds(&x->queues[k].rx))
			return true;
	return events & AMP_WAIT_COMPLETE && holds(&x->completion);
}

/* Tells who sleeps for want of frames that there are some: of a socket that has no tx ring, this is
 * what the kernel takes for a doorbell. */
static void refill(const struct xdp_device *x)
{
	struct pollfd fds[AMP_NET_QUEUES_MAX];
	nfds_t count = 0;
	for (uint32_t k = 0; k < x->host.queue_count; k++)
		if (__atomic_load_n(x->queues[k].fill_flags, __ATOMIC_RELAXED) &
		    AMP_RING_NEED_WAKEUP)
			fds[count++] = (struct pollfd){ .fd = x->sockets[k], .events = POLLIN };
	if (count)
		poll(fds, count, 0);
}

/* Has the kernel send what lies in tx, a bounded number of packets; true if it took any. */
static bool ring_doorbell(struct xdp_device *x)
{
	uint32_t before = __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < SENDS_MAX && sends(x); i++) {
		/* EAGAIN: as many as one call sends, or the socket's buffer is full until packets
		 * have gone. */
		if (sendto(x->sockets[0], NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
		    errno != EINTR) {
			x->refused++;
			break;
		}
	}
	return __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE) != before;
}

static uint32_t xdp_pass(struct device *d, enum device_pass which)
{
	struct xdp_device *x = d->state;
	if (x->apart)
		return 0;
	uint32_t work = ring_doorbell(x);
	if (which == DEVICE_PASS_KICK)
		refill(x);
	return work;
}

static uint32_t xdp_polls(const struct device *d, struct pollfd *to)
{
	const struct xdp_device *x = d->state;
	if (x->apart)
		return 0;
	for (uint32_t k = 0; k < x->host.queue_count; k++)
		to[k] = (struct pollfd){ .fd = x->sockets[k], .events = POLLIN };
	return x->host.queue_count;
}

static bool xdp_lost(struct device *d)
{
	const struct xdp_device *x = d->state;
	return link_gone(x->host.watch, x->host.interface, x->sockets[0]);
}

static void xdp_report(const struct device *d)
{
	const struct xdp_device *x = d->state;
	struct xdp_statistics s = { 0 }; /* of all sockets */
	for (uint32_t k = 0; k < x->host.queue_count; k++) {
		struct xdp_statistics one = { 0 };
		socklen_t size = sizeof one;
		if (getsockopt(x->sockets[k], SOL_XDP, XDP_STATISTICS, &one, &size))
			return;
		s.rx_dropped += one.rx_dropped;
		s.rx_ring_full += one.rx_ring_full;
		s.rx_fill_ring_empty_descs += one.rx_fill_ring_empty_descs;
		s.rx_invalid_descs += one.rx_invalid_descs;
		s.tx_invalid_descs += one.tx_invalid_descs;
	}
	char queues[24] = "";
	if (x->host.queue_count > 1)
		snprintf(queues, sizeof queues, ", %u queues", x->host.queue_count);
	say("device %u (AF_XDP%s): received packets dropped %llu, for a full rx ring %llu, for "
	    "want of frames %llu; doorbells refused %llu; from the image: bad descriptors %llu, "
	    "bad "
	    "frames %llu",
	    d->index, queues, (unsigned long long)s.rx_dropped, (unsigned long long)s.rx_ring_full,
	    (unsigned long long)s.rx_fill_ring_empty_descs, (unsigned long long)x->refused,
	    (unsigned long long)s.tx_invalid_descs, (unsigned long long)s.rx_invalid_descs);
}

static void xdp_last_words(const struct device *d)
{
	say("device %s: its interface %s is gone, deleted or moved to another namespace: make it "
	    "again, then start the image anew",
	    d->note->name, ((const struct xdp_device *)d->state)->host.name);
}

static void xdp_device_close(struct device *d)
{
	xdp_close(&((struct xdp_device *)d->state)->host);
}

const struct device_kind device_xdp = {
	.prefix = "xdp:",
	.form = "xdp:INTERFACE",
	.help = "  --net NAME=xdp:INTERFACE[,queue=N]\n"
	        "                            ... to a network interface by AF_XDP, all receive "
	        "queues or "
	        "queue N: their packets\n"
	        "                            are the image's\n",
	.type = &device_type_net,
	.state_size = sizeof(struct xdp_device),
	.shows_text = true,
	.open = xdp_device_open,
	.need = xdp_need,
	.place = xdp_place,
	.allow = xdp_allow,
	.pass = xdp_pass,
	.ready = xdp_ready,
	.pending = xdp_pending,
	.polls = xdp_polls,
	.lost = xdp_lost,
	.report = xdp_report,
	.last_words = xdp_last_words,
	.close = xdp_device_close,
};
