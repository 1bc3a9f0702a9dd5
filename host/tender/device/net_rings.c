/* SPDX-License-Identifier: ISC */
/*
 * tx: descriptors of a packet -> copy -> check -> one write of a header of our own and the bytes
 * where they lie -> completions. rx: fill addresses -> copy -> round down and check -> one read
 * straight into the frames -> descriptors. The kernel copies the packet's bytes, so that an image
 * which changes them meanwhile only garbles its own packet. Counters are published once a batch.
 *
 * A packet larger than a frame (segments that the host has joined) is read in one of two ways.
 * While none has come lately, one frame is offered and behind it `overflow`, from where the rest is
 * copied on: small packets do not pay for what they do not need. After one has come, the next ones
 * are read into as many frames as the largest takes.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <tender/device/net_rings.h>

#define ETHERNET_HEADER 14u
#define VLAN_TAG        4u
#define NEEDS_CSUM      1u /* struct amp_frame_header */
#define DATA_VALID      2u
#define SEGMENT_TCP4    1u
#define SEGMENT_ECN     0x80u
#define TCP_HEADER      20u
#define TCP_CHECKSUM    16u
#define NET_WIDE        16u /* packets without a large one, until they are read narrowly again */

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
		                 .frame_size = l->frame_size,
		                 .frame_count = l->frame_count,
		                 .frames = l->frames.bytes,
		                 .mtu = l->mtu };
	for (uint32_t i = 0; i < 4; i++) {
		ring_open(rings[i].ring, rings[i].view, &l->rings, i * RING_HEAD, entries,
		          l->ring_size);
		entries += l->ring_size * rings[i].entry;
	}
	net_view(l);
}

void net_rings_offload(struct net_rings *d, uint32_t features, bool vnet, uint8_t *overflow)
{
	d->features = features;
	d->vnet = vnet;
	d->overflow = overflow;
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
	if ((h->gso_type & ~SEGMENT_ECN) != SEGMENT_TCP4 || !sum ||
	    !(d->features & AMP_NET_TX_SEGMENT) || h->gso_size < AMP_SEGMENT_MIN ||
	    h->csum_offset != TCP_CHECKSUM || h->csum_start + TCP_HEADER > first)
		return false;
	uint32_t headers =
	        h->csum_start +
	        (uint32_t)(*(volatile const uint8_t *)(bytes + h->csum_start + 12) >> 4) * 4;
	h->hdr_len = (uint16_t)headers;
	return headers >= h->csum_start + TCP_HEADER && headers <= first &&
	       headers + h->gso_size <= most;
}

/* Sends the packet of these descriptors (copies). False: it does not fit. */
static bool send_packet(struct net_rings *d, const struct amp_desc *c, uint32_t count)
{
	struct amp_frame_header h = { 0 };
	struct iovec v[1 + AMP_PACKET_DESCS_MAX];
	uint32_t options = AMP_DESC_CONTINUED | AMP_DESC_DIRECT, size = 0;
	if (count > 1 && !(d->features & (AMP_NET_TX_SEGMENT | AMP_NET_TX_DIRECT)))
		return false;
	if (!(d->features & AMP_NET_TX_DIRECT))
		options &= ~AMP_DESC_DIRECT;
	v[0] = (struct iovec){ &h, sizeof h };
	for (uint32_t k = 0; k < count; k++) {
		uint32_t may = k ? options : AMP_DESC_CONTINUED | AMP_DESC_METADATA;
		const uint8_t *bytes = desc_bytes(d, &c[k]);
		if (!bytes || c[k].options & ~may || c[k].len > AMP_PACKET_MAX - size)
			return false;
		v[1 + k] = (struct iovec){ (void *)(uintptr_t)bytes, c[k].len };
		size += c[k].len;
	}
	const uint8_t *first = v[1].iov_base;
	if (c[0].len < ETHERNET_HEADER)
		return false;
	if (c[0].options & AMP_DESC_METADATA) {
		if (!(d->features & AMP_NET_TX_CHECKSUM) || c[0].addr % d->frame_size < sizeof h)
			return false;
		memcpy(&h, first - sizeof h, sizeof h);
		__asm__ volatile("" ::: "memory"); /* h is the copy, and stays it */
	}
	if (!header_fits(d, &h, first, c[0].len, size))
		return false;
	uint32_t whole = size + (d->vnet ? (uint32_t)sizeof h : 0);
	ssize_t done;
	do
		done = d->vnet     ? writev(d->fd, v, (int)count + 1)
		       : count > 1 ? writev(d->fd, v + 1, (int)count)
		                   : write(d->fd, first, size);
	while (done < 0 && errno == EINTR);
	if (done == (ssize_t)whole) {
		d->counts.tx_packets++;
		d->counts.tx_bytes += size;
	} else {
		d->counts.tx_failed++;
		d->gone |= done < 0 && errno == EBADFD;
	}
	return true;
}

uint32_t net_rings_send(struct net_rings *d)
{
	uint32_t ready = ring_ready(&d->tx), room = ready ? ring_free(&d->completion) : 0;
	uint32_t taken = 0, completed = 0;
	d->tx_need = 1;
	while (taken < ready && taken < NET_BATCH) {
		struct amp_desc c[AMP_PACKET_DESCS_MAX];
		uint32_t count = 0, frames = 0;
		bool more;
		do {
			memcpy(&c[count],
			       (struct amp_desc *)d->tx.entries +
			               ((d->tx.mine + taken + count) & (d->tx.size - 1)),
			       sizeof c[count]);
			__asm__ volatile("" ::: "memory"); /* the copy stays the copy */
			frames += !(c[count].options & AMP_DESC_DIRECT);
			more = c[count].options & AMP_DESC_CONTINUED;
			count++;
		} while (more && count < AMP_PACKET_DESCS_MAX && taken + count < ready);
		if (completed + frames > room) {
			d->tx_need = frames;
			break;
		}
		/* One that goes on for too long is dropped in pieces. */
		if (d->tx_skip || more || !send_packet(d, c, count))
			d->counts.tx_bad++;
		d->tx_skip = more && count == AMP_PACKET_DESCS_MAX;
		for (uint32_t k = 0; k < count; k++) {
			if (!(c[k].options & AMP_DESC_DIRECT))
				((uint64_t *)
				         d->completion.entries)[(d->completion.mine + completed++) &
				                                (d->completion.size - 1)] =
				        c[k].addr;
		}
		taken += count;
	}
	if (taken) {
		d->tx.mine += taken;
		d->completion.mine += completed;
		__atomic_store_n(d->completion.producer, d->completion.mine, __ATOMIC_RELEASE);
		__atomic_store_n(d->tx.consumer, d->tx.mine, __ATOMIC_RELEASE);
	}
	return taken;
}

/* ---- In ---- */

/* Where the next packet may go: up to `most` frames from fill entry `at` on. Only those up to the
 * first that is none. */
static uint32_t frames_offered(const struct net_rings *d, uint32_t at, uint32_t ready, uint64_t *to,
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

static uint32_t frames_for(const struct net_rings *d, uint32_t size)
{
	uint32_t first = d->frame_size - AMP_FRAME_HEADROOM;
	return size <= first ? 1 : 1 + (size - first + d->frame_size - 1) / d->frame_size;
}

/* Writes the descriptors of a packet that lies in these frames. */
static void announce(struct net_rings *d, uint32_t at, const uint64_t *frames, uint32_t size,
                     const struct amp_frame_header *h)
{
	uint32_t count = frames_for(d, size), left = size;
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
	d->counts.rx_bytes += size;
}

/* Copies bytes [from, size) of the packet in `overflow` to where they belong in these frames. */
static void spread(struct net_rings *d, const uint64_t *frames, uint32_t from, uint32_t size)
{
	uint32_t first = d->frame_size - AMP_FRAME_HEADROOM;
	while (from < size) {
		uint32_t k = from < first ? 0 : 1 + (from - first) / d->frame_size;
		uint32_t end = first + k * d->frame_size, n = (end < size ? end : size) - from;
		uint32_t start = d->frame_size - (end - from);
		memcpy(d->frames + frames[k] + start, d->overflow + from, n);
		from += n;
	}
}

/* Reads the next packet: into frames[0 .. offered), and what is too much into `overflow`, at its
 * place there. Its size; 0 or less: none. */
static ssize_t read_packet(struct net_rings *d, const uint64_t *frames, uint32_t offered,
                           struct amp_frame_header *h)
{
	uint32_t first = d->frame_size - AMP_FRAME_HEADROOM, n = 0, large = 0;
	uint8_t *to = d->frames + frames[0] + AMP_FRAME_HEADROOM;
	struct iovec v[3 + AMP_PACKET_DESCS_MAX];
	ssize_t size;
	if (d->features & AMP_NET_RX_LARGE) {
		v[n++] = (struct iovec){ h, sizeof *h };
		v[n++] = (struct iovec){ to, first };
		for (uint32_t k = 1; k < offered; k++)
			v[n++] = (struct iovec){ d->frames + frames[k], d->frame_size };
		large = first + (offered - 1) * d->frame_size;
		if (large < NET_OVERFLOW)
			v[n++] = (struct iovec){ d->overflow + large, NET_OVERFLOW - large };
	} else if (d->vnet) {
		v[n++] = (struct iovec){ h, sizeof *h };
		v[n++] = (struct iovec){ to, first };
	}
	do
		size = n ? readv(d->fd, v, (int)n) : read(d->fd, to, first);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		d->gone |= errno == EBADFD;
	if (n && size > 0)
		size = size > (ssize_t)sizeof *h ? size - (ssize_t)sizeof *h : 1;
	/* The kernel says DATA_VALID to whoever takes a header, whatever was asked of it. */
	if (!(d->features & AMP_NET_RX_CHECKSUM))
		*h = (struct amp_frame_header){ 0 };
	h->flags &= NEEDS_CSUM | DATA_VALID;
	return size;
}

uint32_t net_rings_receive(struct net_rings *d)
{
	uint32_t ready = ring_ready(&d->fill), room = ready ? ring_free(&d->rx) : 0;
	uint32_t most = d->mtu + ETHERNET_HEADER + VLAN_TAG,
	         first = d->frame_size - AMP_FRAME_HEADROOM;
	uint32_t taken = 0, got = 0, reads = 0;
	if (most > first)
		most = first;
	d->rx_blocked = !ready || !room;
	d->rx_need = 1;
	/* Bounded by reads too: packets that are too long take no entry. */
	while (taken < ready && got < room && taken < NET_BATCH && reads < NET_BATCH) {
		uint64_t frames[AMP_PACKET_DESCS_MAX];
		struct amp_frame_header h = { 0 };
		uint32_t want = d->held   ? frames_for(d, d->held)
		                : d->wide ? frames_for(d, AMP_PACKET_MAX)
		                          : 1;
		uint32_t offered = frames_offered(d, taken, ready, frames,
		                                  want < room - got ? want : room - got);
		if (!offered) {
			d->counts.rx_no_frame++;
			taken++;
			continue;
		}
		uint32_t size = d->held, read_to = 0;
		if (size) {
			h = d->held_header;
		} else {
			ssize_t n = read_packet(d, frames, offered, &h);
			reads++;
			if (n <= 0)
				break; /* nothing there, or the device is down: its poll events say
				          when to look again */
			size = (uint32_t)n;
			if (size < ETHERNET_HEADER || size > (h.gso_type ? AMP_PACKET_MAX : most)) {
				d->counts.rx_too_long++;
				continue; /* the frames serve the next packet */
			}
			read_to = first + (offered - 1) * d->frame_size;
			if (size > first)
				d->wide = NET_WIDE;
			else if (d->wide)
				d->wide--;
		}
		uint32_t need = frames_for(d, size);
		if (need > offered && read_to && size > read_to) {
			/* What lies in `overflow` needs frames that read_packet was not given. */
			uint32_t whole = need < room - got ? need : room - got;
			if (whole > offered)
				whole = offered + frames_offered(d, taken + offered, ready,
				                                 frames + offered, whole - offered);
			if (whole < need) { /* all of it waits there */
				memcpy(d->overflow, d->frames + frames[0] + AMP_FRAME_HEADROOM,
				       first);
				for (uint32_t k = 1; k < offered; k++)
					memcpy(d->overflow + first + (k - 1) * d->frame_size,
					       d->frames + frames[k], d->frame_size);
				d->held = size;
				d->held_header = h;
			}
			offered = whole > offered ? whole : offered;
		}
		if (need > offered) {
			if (taken + offered < ready &&
			    got + offered < room) { /* the next entry is no frame */
				d->counts.rx_no_frame++;
				taken += offered + 1;
				continue;
			}
			d->rx_blocked = true;
			d->rx_need = need;
			break;
		}
		if (size > read_to)
			spread(d, frames, read_to, size);
		d->held = 0;
		announce(d, got, frames, size, &h);
		taken += need;
		got += need;
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

bool net_rings_pending(struct net_rings *d)
{
	return (ring_ready(&d->tx) && ring_free(&d->completion) >= d->tx_need) ||
	       (d->rx_blocked && ring_ready(&d->fill) >= d->rx_need &&
	        ring_free(&d->rx) >= d->rx_need);
}
