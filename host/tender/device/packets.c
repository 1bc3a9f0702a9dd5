/* SPDX-License-Identifier: ISC */
/* The contract of device.h over net_rings. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <tender/clock.h>
#include <tender/device/packets.h>

void packets_begin(struct packets *p)
{
	p->fd = p->undo = -1;
}

void packets_opened(struct device *d)
{
	d->by_calls = true;
}

/* FNV-1a, 64 bits, by a separator per part: names need no secrecy, only to differ. */
static uint64_t mix(uint64_t h, const char *text)
{
	do
		h = (h ^ (uint8_t)*text) * 0x100000001b3ull;
	while (*text++);
	return h;
}

void packets_mac(uint8_t mac[6], const char *image, const char *device, const char *name)
{
	char host[64] = "";
	int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = read(fd, host, sizeof host - 1);
		host[n > 0 ? n : 0] = 0;
		close(fd);
	}
	uint64_t h = mix(mix(mix(mix(0xcbf29ce484222325ull, host), image), device), name);
	h ^= h >> 32;
	memcpy(mac, &h, 6);
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2); /* unicast, locally administered (IEEE 802) */
}

void packets_take_mac(uint8_t mac[6], const struct device_wish *w, const char *name)
{
	if (w->mac)
		memcpy(mac, w->mac, 6);
	else
		packets_mac(mac, w->image, w->note->name, name);
}

void packets_need(const struct device *d, struct device_need *need)
{
	const struct packets *p = d->state;
	need->rings = net_rings_size(d->note->ring_size);
	need->frames = (uint64_t)d->note->frame_count * net_frame_size(p->mtu);
	need->heap = DEVICE_HEAP_WELCOME;
}

/* Tells both sides what goes beyond single frames. */
static void offer(struct device *d, const struct device_place *to)
{
	struct packets *p = d->state;
	struct net_rings *r = &p->rings;
	uint32_t features = p->features;
	if (!net_rings_take_large(d->note->ring_size, d->note->frame_count))
		features &= ~(AMP_NET_RX_LARGE | AMP_NET_RX_SEGMENTS);
	if (d->abi_minor >= 1)
		features |= AMP_NET_TX_DIRECT | (to->heap.size ? AMP_NET_TX_MEMORY : 0);
	for (uint32_t k = 0; k < to->constant_count; k++)
		r->segments[r->segment_count++] = to->constants[k];
	if (features & AMP_NET_TX_MEMORY) {
		r->segments[r->segment_count] = to->heap;
		r->heap = &r->segments[r->segment_count++];
		r->heap_owner = to->heap_owner;
	}
	net_rings_offload(r, features, p->vnet, p->overflow);
	to->view->features = features | to->concurrent;
}

int packets_place(struct device *d, const struct device_place *to, struct defect *why)
{
	struct packets *p = d->state;
	uint32_t frame_size = net_frame_size(p->mtu);
	const struct net_layout layout = { .fd = p->fd,
		                           .mtu = net_mtu(p->mtu, frame_size),
		                           .ring_size = d->note->ring_size,
		                           .frame_count = d->note->frame_count,
		                           .frame_size = frame_size,
		                           .rings = to->rings,
		                           .frames = to->frames,
		                           .view = to->view };
	(void)why;
	net_rings_open(&p->rings, &layout);
	if (p->short_header)
		p->rings.header = NET_HEADER_SHORT;
	net_rings_stream(&p->rings, p->stream, p->vouched);
	memcpy(to->view->mac, p->mac, sizeof p->mac);
	offer(d, to);
	return 0;
}

static uint32_t pass(struct net_rings *r, enum device_pass which)
{
	uint32_t work = net_rings_send(r);
	if (which != DEVICE_PASS_KICK && !r->gone)
		work |= net_rings_receive(r);
	return work;
}

static uint32_t pass_at_rate(struct rate *rate, struct net_rings *r, enum device_pass which)
{
	uint64_t tx = r->counts.tx_bytes, rx = r->counts.rx_bytes;
	rate_fill(rate, clock_mono());
	r->tx_left = rate_left(rate, RATE_OUT);
	r->rx_left = rate_left(rate, RATE_IN);
	uint32_t work = pass(r, which);
	rate_spend(rate, RATE_OUT, r->counts.tx_bytes - tx);
	rate_spend(rate, RATE_IN, r->counts.rx_bytes - rx);
	rate_hold(rate);
	return work;
}

uint32_t packets_pass(struct device *d, enum device_pass which)
{
	struct net_rings *r = &((struct packets *)d->state)->rings;
	uint32_t work = d->rate.set ? pass_at_rate(&d->rate, r, which) : pass(r, which);
	d->gone = r->gone;
	if (d->traffic && work)
		__atomic_store_n(d->traffic, r->counts.tx_packets + r->counts.rx_own,
		                 __ATOMIC_RELAXED);
	return work;
}

void packets_allow(const struct device *d, struct filter *f)
{
	const struct packets *p = d->state;
	rate_allow(&d->rate, f);
	filter_keep(f, p->undo);
	if (p->stream)
		net_stream_allow(p->stream, f);
}

void packets_woke(struct device *d)
{
	rate_woke(&d->rate);
}

bool packets_ready(const struct device *d, uint64_t events)
{
	const struct net_rings *r = &((const struct packets *)d->state)->rings;
	return (events & AMP_WAIT_RECEIVE && ring_unread(&r->rx)) ||
	       (events & AMP_WAIT_COMPLETE && ring_unread(&r->completion));
}

bool packets_pending(struct device *d)
{
	return net_rings_pending(&((struct packets *)d->state)->rings);
}

void packets_wakeup(struct device *d, bool need)
{
	struct packets *p = d->state;
	ring_wakeup(&p->rings.fill, need);
	ring_wakeup(&p->rings.tx, need);
}

/* Packets that wait for a free frame, or for their time, must not keep anybody awake. */
uint32_t packets_polls(const struct device *d, struct pollfd *to)
{
	const struct packets *p = d->state;
	uint32_t count = 0;
	if (d->rate.set)
		to[count++] = (struct pollfd){ .fd = d->rate.timer, .events = POLLIN };
	if (!p->rings.rx_blocked && rate_left(&d->rate, RATE_IN))
		to[count++] = (struct pollfd){ .fd = p->fd, .events = POLLIN };
	if (p->stream)
		to[count++] = (struct pollfd){ .fd = p->stream->room, .events = POLLIN };
	return count;
}

void packets_report(const struct device *d)
{
	const struct net_rings *r = &((const struct packets *)d->state)->rings;
	const struct net_counts *c = &r->counts;
	say("device %u: received %llu, sent %llu, not taken by the host %llu, too long %llu; from "
	    "the image: bad descriptors %llu, bad frames %llu, impossible counters %llu",
	    d->index, (unsigned long long)c->rx_packets, (unsigned long long)c->tx_packets,
	    (unsigned long long)c->tx_failed, (unsigned long long)c->rx_too_long,
	    (unsigned long long)c->tx_bad, (unsigned long long)c->rx_no_frame,
	    (unsigned long long)(r->fill.lies + r->rx.lies + r->tx.lies + r->completion.lies));
}

void packets_close(struct device *d)
{
	struct packets *p = d->state;
	if (p->stream)
		net_stream_close(p->stream);
	if (p->fd >= 0)
		close(p->fd);
	if (p->undo >= 0)
		close(p->undo);
	packets_begin(p);
}
