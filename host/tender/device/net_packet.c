/* SPDX-License-Identifier: ISC */
/* What may be sent and where may be received, whoever moves it: a TAP device's tender or the boot kernel. No system call. */
#include <string.h>

#include <tender/device/net_packet.h>

#define SEGMENT_ECN  0x80u
#define TCP_HEADER   20u
#define TCP_CHECKSUM 16u

uint32_t net_frame_size(uint16_t mtu)
{
	return mtu + ETHERNET_HEADER + AMP_FRAME_HEADROOM <= AMP_FRAME_SIZE ? AMP_FRAME_SIZE
	                                                                    : AMP_PAGE;
}

uint16_t net_mtu(uint16_t mtu, uint32_t frame_size)
{
	uint32_t most = frame_size - AMP_FRAME_HEADROOM - ETHERNET_HEADER;
	return (uint16_t)(mtu < most ? mtu : most);
}

void net_view(const struct net_layout *l)
{
	l->view->type = AMP_DEVICE_NET;
	l->view->mtu = l->mtu;
	l->view->frame_size = l->frame_size;
	l->view->frames = l->frames.at;
	l->view->frame_count = l->frame_count;
}

uint64_t net_rings_size(uint32_t ring_size)
{
	uint64_t addresses = ring_size * sizeof(uint64_t),
	         descs = ring_size * sizeof(struct amp_desc);
	return whole_pages(4 * RING_HEAD + 2 * addresses + 2 * descs);
}

void net_rings_open(struct net_rings *d, const struct net_layout *l)
{
	struct amp_device *v = l->view;
	const struct {
		struct ring *ring;
		struct amp_ring *view;
		uint64_t entry;
	} rings[] = { { &d->fill, &v->fill, sizeof(uint64_t) },
		      { &d->rx, &v->rx, sizeof(struct amp_desc) },
		      { &d->tx, &v->tx, sizeof(struct amp_desc) },
		      { &d->completion, &v->completion, sizeof(uint64_t) } };
	uint64_t entries = 4 * RING_HEAD;
	*d = (struct net_rings){ .fd = l->fd,
		                 .header = sizeof(struct amp_frame_header),
		                 .frame_size = l->frame_size,
		                 .frame_count = l->frame_count,
		                 .frames = l->frames.bytes,
		                 .mtu = l->mtu,
		                 .tx_left = UINT64_MAX,
		                 .rx_left = UINT64_MAX };
	for (uint32_t i = 0; i < 4; i++) {
		ring_open(rings[i].ring, rings[i].view, &l->rings, i * RING_HEAD, entries,
		          l->ring_size);
		entries += l->ring_size * rings[i].entry;
	}
	net_view(l);
}

bool net_rings_take_large(uint32_t ring_size, uint32_t frame_count)
{
	return ring_size >= 128 && frame_count >= 256;
}

/* ---- Out ---- */

/* The bytes of a descriptor (a copy), or null if it does not fit. */
static const uint8_t *desc_bytes(const struct net_rings *d, const struct amp_desc *c)
{
	uint64_t area = (uint64_t)d->frame_size * d->frame_count;
	if (!(c->options & AMP_DESC_DIRECT))
		return c->len && c->len <= d->frame_size && c->addr < area &&
		                       c->addr % d->frame_size + c->len <= d->frame_size
		               ? d->frames + c->addr
		               : NULL;
	//@ loop invariant i <= d->segment_count; loop assigns i;
	for (uint32_t i = 0; i < d->segment_count; i++) {
		const struct device_memory *s = &d->segments[i];
		if (c->addr >= s->at && c->addr - s->at < s->size &&
		    c->len <= s->size - (c->addr - s->at))
			return c->len ? s->bytes + (c->addr - s->at) : NULL;
	}
	return NULL;
}

/* Checks metadata (a copy) against the packet whose first descriptor holds `first` bytes, and makes
 * of it what the kernel wants. */
static bool header_fits(const struct net_rings *d, struct amp_frame_header *h, const uint8_t *bytes,
                        uint32_t first, uint32_t size)
{
	uint32_t most = d->mtu + ETHERNET_HEADER + VLAN_TAG;
	bool sum = h->flags & NEEDS_CSUM;
	if (h->flags & ~NEEDS_CSUM || (sum && !(d->features & AMP_NET_TX_CHECKSUM)) || h->hdr_len ||
	    h->num_buffers)
		return false;
	if (sum && (h->csum_start < ETHERNET_HEADER ||
	            (uint32_t)h->csum_start + h->csum_offset + 2 > first))
		return false;
	if (!h->gso_type) {
		h->gso_size = 0;
		return size <= most;
	}
	uint32_t kind = h->gso_type & ~SEGMENT_ECN;
	bool may = kind == SEGMENT_TCP4   ? d->features & AMP_NET_TX_SEGMENT
	           : kind == SEGMENT_TCP6 ? d->features & AMP_NET_TX_SEGMENT6
	                                  : false;
	if (!may || !sum || h->gso_size < AMP_SEGMENT_MIN || h->csum_offset != TCP_CHECKSUM ||
	    h->csum_start + TCP_HEADER > first)
		return false;
	uint32_t headers =
	        h->csum_start +
	        (uint32_t)(*(volatile const uint8_t *)(bytes + h->csum_start + 12) >> 4) * 4;
	h->hdr_len = (uint16_t)headers;
	return headers >= h->csum_start + TCP_HEADER && headers <= first &&
	       headers + h->gso_size <= most;
}

bool net_packet_fits(const struct net_rings *d, const struct amp_desc *c, uint32_t count,
                     struct iovec *v, struct amp_frame_header *h, uint32_t *bytes)
{
	uint32_t options = AMP_DESC_CONTINUED | AMP_DESC_DIRECT, size = 0;
	*h = (struct amp_frame_header){ 0 };
	if (count > 1 && !(d->features & (AMP_NET_TX_SEGMENT | AMP_NET_TX_DIRECT)))
		return false;
	if (!(d->features & AMP_NET_TX_DIRECT))
		options &= ~AMP_DESC_DIRECT;
	for (uint32_t k = 0; k < count; k++) {
		uint32_t may = k ? options : AMP_DESC_CONTINUED | AMP_DESC_METADATA;
		const uint8_t *at = desc_bytes(d, &c[k]);
		if (!at || c[k].options & ~may || c[k].len > AMP_PACKET_MAX - size)
			return false;
		v[k] = (struct iovec){ (void *)(uintptr_t)at, c[k].len };
		size += c[k].len;
	}
	const uint8_t *first = v[0].iov_base;
	if (c[0].len < ETHERNET_HEADER)
		return false;
	if (c[0].options & AMP_DESC_METADATA) {
		if (!(d->features & AMP_NET_TX_CHECKSUM) || c[0].addr % d->frame_size < sizeof *h)
			return false;
		memcpy(h, first - sizeof *h, sizeof *h);
		__asm__ volatile("" ::: "memory"); /* *h is the copy, and stays it */
	}
	*bytes = size;
	return header_fits(d, h, first, c[0].len, size);
}

uint32_t net_packet_take(const struct net_rings *d, uint32_t at, uint32_t ready, struct amp_desc *c,
                         uint32_t *frames, bool *more)
{
	uint32_t count = 0;
	*frames = 0;
	do {
		memcpy(&c[count],
		       (struct amp_desc *)d->tx.entries +
		               ((d->tx.mine + at + count) & (d->tx.size - 1)),
		       sizeof c[count]);
		__asm__ volatile("" ::: "memory"); /* the copy stays the copy */
		*frames += !(c[count].options & AMP_DESC_DIRECT);
		*more = c[count].options & AMP_DESC_CONTINUED;
		count++;
	} while (*more && count < AMP_PACKET_DESCS_MAX && at + count < ready);
	return count;
}

/* ---- In ---- */

uint32_t net_frames_offered(const struct net_rings *d, uint32_t at, uint32_t ready, uint64_t *to,
                            uint32_t most)
{
	uint32_t n = 0;
	for (; n < most && at + n < ready; n++) {
		memcpy(&to[n],
		       (uint64_t *)d->fill.entries + ((d->fill.mine + at + n) & (d->fill.size - 1)),
		       sizeof to[n]);
		__asm__ volatile("" ::: "memory");
		to[n] -= to[n] % d->frame_size;
		if (to[n] >= (uint64_t)d->frame_size * d->frame_count)
			break;
	}
	return n;
}

uint32_t net_frames_for(const struct net_rings *d, uint32_t size)
{
	uint32_t first = d->frame_size - AMP_FRAME_HEADROOM;
	return size <= first ? 1 : 1 + (size - first + d->frame_size - 1) / d->frame_size;
}

void net_packet_announce(struct net_rings *d, uint32_t at, const uint64_t *frames, uint32_t size,
                         const struct amp_frame_header *h)
{
	uint32_t count = net_frames_for(d, size), left = size;
	bool metadata = h->flags || h->gso_type;
	if (metadata)
		memcpy(d->frames + frames[0] + AMP_FRAME_HEADROOM - sizeof *h, h, sizeof *h);
	for (uint32_t k = 0; k < count; k++) {
		uint32_t start = k ? 0 : AMP_FRAME_HEADROOM, room = d->frame_size - start;
		struct amp_desc c = { .addr = frames[k] + start, .len = left < room ? left : room };
		c.options = (k == 0 && metadata ? AMP_DESC_METADATA : 0) |
		            (k + 1 < count ? AMP_DESC_CONTINUED : 0);
		memcpy((struct amp_desc *)d->rx.entries +
		               ((d->rx.mine + at + k) & (d->rx.size - 1)),
		       &c, sizeof c);
		left -= c.len;
	}
	d->counts.rx_packets++;
	d->counts.rx_own += !(d->frames[frames[0] + AMP_FRAME_HEADROOM] & 1);
	d->counts.rx_bytes += size;
	d->rx_left -= size < d->rx_left ? size : d->rx_left;
}
