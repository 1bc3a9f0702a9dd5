/* SPDX-License-Identifier: ISC */
/*
 * tx: descriptor -> copy -> check -> write() straight from the frame -> completion. rx: fill
 * address -> copy -> round down and check -> read() straight into the frame -> descriptor. The
 * kernel copies the packet's bytes, so that an image which changes them meanwhile only garbles its
 * own packet. Counters are published once a batch.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <tender/device_net.h>

#define COUNTERS_APART  128u /* a cache line and the one that is fetched with it */
#define RING_HEAD       512u
#define ETHERNET_HEADER 14u
#define VLAN_TAG        4u

static uint64_t page_up(uint64_t v)
{
	return (v + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
}

uint64_t device_net_rings_size(uint32_t ring_size)
{
	uint64_t addresses = ring_size * sizeof(uint64_t),
	         descs = ring_size * sizeof(struct amp_desc);
	return page_up(NET_RING_HEAD + 2 * addresses + 2 * descs);
}

static void ring_open(struct ring *r, struct amp_ring *view, uint8_t *base, uint64_t at,
                      uint32_t index, uint64_t *entries, uint32_t size, uint64_t entry)
{
	uint64_t head = index * RING_HEAD;
	*r = (struct ring){ .producer = (uint32_t *)(base + head),
		            .consumer = (uint32_t *)(base + head + COUNTERS_APART),
		            .flags = (uint32_t *)(base + head + 2 * COUNTERS_APART),
		            .entries = base + *entries,
		            .size = size };
	*view = (struct amp_ring){ .producer = at + head,
		                   .consumer = at + head + COUNTERS_APART,
		                   .flags = at + head + 2 * COUNTERS_APART,
		                   .entries = at + *entries,
		                   .size = size };
	*entries += size * entry;
}

void device_net_open(struct device_net *d, int fd, uint16_t mtu, uint8_t *rings, uint64_t rings_at,
                     uint8_t *frames, uint64_t frames_at, uint32_t ring_size, uint32_t frame_count,
                     uint32_t frame_size, struct amp_device *view)
{
	uint64_t entries = NET_RING_HEAD;
	*d = (struct device_net){ .fd = fd,
		                  .frame_size = frame_size,
		                  .frame_count = frame_count,
		                  .frames = frames,
		                  .mtu = mtu };
	ring_open(&d->fill, &view->fill, rings, rings_at, 0, &entries, ring_size, sizeof(uint64_t));
	ring_open(&d->rx, &view->rx, rings, rings_at, 1, &entries, ring_size,
	          sizeof(struct amp_desc));
	ring_open(&d->tx, &view->tx, rings, rings_at, 2, &entries, ring_size,
	          sizeof(struct amp_desc));
	ring_open(&d->completion, &view->completion, rings, rings_at, 3, &entries, ring_size,
	          sizeof(uint64_t));
	view->type = AMP_DEVICE_NET;
	view->mtu = mtu;
	view->frame_size = frame_size;
	view->frames = frames_at;
	view->frame_count = frame_count;
}

/* struct amp_desc's rule, on a copy. */
static bool desc_fits(const struct device_net *d, const struct amp_desc *c)
{
	uint64_t area = (uint64_t)d->frame_size * d->frame_count;
	return !c->options && c->len >= ETHERNET_HEADER && c->len <= d->frame_size &&
	       c->addr < area && c->addr % d->frame_size + c->len <= d->frame_size;
}

uint32_t device_net_send(struct device_net *d)
{
	uint32_t n = ring_ready(&d->tx), room = n ? ring_free(&d->completion) : 0, i;
	if (n > room)
		n = room;
	if (n > NET_BATCH)
		n = NET_BATCH;
	for (i = 0; i < n; i++) {
		struct amp_desc c;
		memcpy(&c, (struct amp_desc *)d->tx.entries + ((d->tx.mine + i) & (d->tx.size - 1)),
		       sizeof c);
		__asm__ volatile("" ::: "memory"); /* c is the copy, and stays it */
		if (!desc_fits(d, &c)) {
			d->counts.tx_bad++;
		} else {
			ssize_t done;
			do
				done = write(d->fd, d->frames + c.addr, c.len);
			while (done < 0 && errno == EINTR);
			if (done == (ssize_t)c.len) {
				d->counts.tx_packets++;
				d->counts.tx_bytes += c.len;
			} else {
				d->counts.tx_failed++;
			}
		}
		((uint64_t *)d->completion
		         .entries)[(d->completion.mine + i) & (d->completion.size - 1)] = c.addr;
	}
	if (n) {
		d->tx.mine += n;
		d->completion.mine += n;
		__atomic_store_n(d->completion.producer, d->completion.mine, __ATOMIC_RELEASE);
		__atomic_store_n(d->tx.consumer, d->tx.mine, __ATOMIC_RELEASE);
	}
	return n;
}

uint32_t device_net_receive(struct device_net *d)
{
	uint32_t n = ring_ready(&d->fill), room = n ? ring_free(&d->rx) : 0, taken = 0, got = 0;
	uint32_t most = d->frame_size - AMP_FRAME_HEADROOM;
	unsigned reads;
	if (most > d->mtu + ETHERNET_HEADER + VLAN_TAG)
		most = d->mtu + ETHERNET_HEADER + VLAN_TAG;
	if (n > room)
		n = room;
	d->rx_blocked = !n;
	if (n > NET_BATCH)
		n = NET_BATCH;
	/* Bounded by reads too: packets that are too long take no entry. */
	for (reads = 0; taken < n && reads < NET_BATCH; reads++) {
		uint64_t addr;
		memcpy(&addr,
		       (uint64_t *)d->fill.entries + ((d->fill.mine + taken) & (d->fill.size - 1)),
		       sizeof addr);
		__asm__ volatile("" ::: "memory");
		addr -= addr % d->frame_size;
		if (addr >= (uint64_t)d->frame_size * d->frame_count) {
			d->counts.rx_no_frame++;
			taken++;
			continue;
		}
		/* One byte more than is wanted tells a packet that is too long. */
		uint32_t ask = most < d->frame_size - AMP_FRAME_HEADROOM ? most + 1 : most;
		ssize_t size;
		do
			size = read(d->fd, d->frames + addr + AMP_FRAME_HEADROOM, ask);
		while (size < 0 && errno == EINTR);
		if (size <= 0)
			break; /* nothing there, or the device is down: its poll events say when to
			          look again */
		if ((uint32_t)size > most || size < (ssize_t)ETHERNET_HEADER) {
			d->counts.rx_too_long++;
			continue; /* the frame serves the next packet */
		}
		struct amp_desc c = { .addr = addr + AMP_FRAME_HEADROOM, .len = (uint32_t)size };
		memcpy((struct amp_desc *)d->rx.entries + ((d->rx.mine + got) & (d->rx.size - 1)),
		       &c, sizeof c);
		d->counts.rx_packets++;
		d->counts.rx_bytes += (uint64_t)size;
		taken++;
		got++;
	}
	if (taken) {
		d->fill.mine += taken;
		d->rx.mine += got;
		__atomic_store_n(d->rx.producer, d->rx.mine, __ATOMIC_RELEASE);
		__atomic_store_n(d->fill.consumer, d->fill.mine, __ATOMIC_RELEASE);
	}
	/* All of a batch was too long: more may wait, and an edge-triggered poll will not say so.
	 */
	return taken ? taken : reads == NET_BATCH;
}

bool device_net_pending(struct device_net *d)
{
	return (ring_ready(&d->tx) && ring_free(&d->completion)) ||
	       (d->rx_blocked && ring_ready(&d->fill) && ring_free(&d->rx));
}
