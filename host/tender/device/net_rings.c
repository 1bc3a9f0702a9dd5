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

#include <tender/device/net_packet.h>
#include <tender/device/net_stream.h>

#define IP4_AND_TCP 40u
#define IP6_AND_TCP 60u
#define SEGMENT_ECN 0x80u
#define NET_WIDE    16u /* packets without a large one, until they are read narrowly again */

void net_rings_offload(struct net_rings *d, uint32_t features, bool vnet, uint8_t *overflow)
{
	d->features = features;
	d->vnet = vnet;
	d->overflow = overflow;
}

void net_rings_stream(struct net_rings *d, struct net_stream *s, bool vouched)
{
	d->stream = s;
	d->vouched = vouched;
}

/* ---- Out ---- */

/* Of a packet that fits: what lies in a heap that this process does not see any more is fetched. *fetched: there was any. False: it
 * is not to be had. */
static bool fetch(struct net_rings *d, struct iovec *v, uint32_t count, bool *fetched)
{
	static uint8_t room[AMP_PACKET_MAX];
	size_t used = 0;
	*fetched = false;
	if (!d->heap || !*d->heap_owner)
		return true;
	for (uint32_t k = 0; k < count; k++) {
		uint64_t offset = (uint64_t)v[k].iov_base - (uint64_t)d->heap->bytes;
		size_t size = v[k].iov_len;
		struct iovec to = { room + used, size },
		             from = { (void *)(d->heap->at + offset), size };
		if ((uint64_t)v[k].iov_base < (uint64_t)d->heap->bytes || offset >= d->heap->size)
			continue;
		if (size > sizeof room - used ||
		    process_vm_readv(*d->heap_owner, &to, 1, &from, 1, 0) != (ssize_t)size)
			return false;
		v[k].iov_base = to.iov_base;
		used += size;
		*fetched = true;
	}
	return true;
}

/* Sends the packet of these descriptors (copies). False: it does not fit. */
static bool send_packet(struct net_rings *d, const struct amp_desc *c, uint32_t count)
{
	struct amp_frame_header h;
	struct iovec v[1 + AMP_PACKET_DESCS_MAX];
	uint32_t size;
	bool fetched;
	if (!net_packet_fits(d, c, count, v + 1, &h, &size) || !fetch(d, v + 1, count, &fetched))
		return false;
	v[0] = (struct iovec){ &h, d->header };
	/* Nobody looks at a checksum, or cuts segments, before whoever ends the stream. */
	if (d->stream) {
		if (!net_stream_add(d->stream, v + 1, count, size))
			return false;
		if (fetched) /* the next packet's are fetched to the same place */
			net_stream_flush(d->stream);
		d->counts.tx_packets++;
		d->counts.tx_bytes += size;
		return true;
	}
	uint32_t whole = size + (d->vnet ? d->header : 0);
	ssize_t done;
	do
		done = d->vnet     ? writev(d->fd, v, (int)count + 1)
		       : count > 1 ? writev(d->fd, v + 1, (int)count)
		                   : write(d->fd, v[1].iov_base, size);
	while (done < 0 && errno == EINTR);
	if (done == (ssize_t)whole) {
		d->counts.tx_packets++;
		d->counts.tx_bytes += size;
		d->tx_left -= size < d->tx_left ? size : d->tx_left;
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
	if (d->stream) /* what waits goes on, whether the image sends more or not */
		net_stream_ready(d->stream);
	while (taken < ready && taken < NET_BATCH && d->tx_left) {
		struct amp_desc c[AMP_PACKET_DESCS_MAX];
		uint32_t frames;
		bool more;
		uint32_t count = net_packet_take(d, taken, ready, c, &frames, &more);
		if (completed + frames > room) {
			d->tx_need = frames;
			break;
		}
		if (d->stream && !net_stream_ready(d->stream))
			break;
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
	if (d->stream) {
		net_stream_flush(d->stream);
		d->gone |= d->stream->gone;
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
		v[n++] = (struct iovec){ h, d->header };
		v[n++] = (struct iovec){ to, first };
		for (uint32_t k = 1; k < offered; k++)
			v[n++] = (struct iovec){ d->frames + frames[k], d->frame_size };
		large = first + (offered - 1) * d->frame_size;
		if (large < NET_OVERFLOW)
			v[n++] = (struct iovec){ d->overflow + large, NET_OVERFLOW - large };
	} else if (d->vnet) {
		v[n++] = (struct iovec){ h, d->header };
		v[n++] = (struct iovec){ to, first };
	}
	if (d->stream) {
		if (!n)
			v[n++] = (struct iovec){ to, first };
		*h = (struct amp_frame_header){ .flags = d->vouched ? DATA_VALID : 0 };
		size = net_stream_read(d->stream, v + (v[0].iov_base == h),
		                       n - (v[0].iov_base == h));
		d->gone |= d->stream->gone;
		if (d->features & AMP_NET_RX_SEGMENTS && d->stream->tcp &&
		    size > d->mtu + (ssize_t)ETHERNET_HEADER) {
			bool six = d->stream->tcp == 6;
			h->gso_type = six ? SEGMENT_TCP6 : SEGMENT_TCP4;
			h->gso_size = (uint16_t)(d->mtu - (six ? IP6_AND_TCP : IP4_AND_TCP));
		}
		return size;
	}
	do
		size = n ? readv(d->fd, v, (int)n) : read(d->fd, to, first);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		d->gone |= errno == EBADFD;
	if (n && size > 0)
		size = size > (ssize_t)d->header ? size - (ssize_t)d->header : 1;
	/* The kernel says DATA_VALID to whoever takes a header, whatever was asked of it. */
	if (!(d->features & AMP_NET_RX_CHECKSUM))
		*h = (struct amp_frame_header){ 0 };
	h->flags &= NEEDS_CSUM | DATA_VALID;
	return size;
}

/* Joined datagrams (UDP with GSO), which a packet socket hears, are no packet by themselves. */
static bool is_whole(const struct amp_frame_header *h)
{
	uint32_t kind = h->gso_type & ~SEGMENT_ECN;
	return !kind || kind == SEGMENT_TCP4 || kind == SEGMENT_TCP6;
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
	if (d->stream)
		net_stream_begin(d->stream);
	/* Bounded by reads too: packets that are too long take no entry. */
	while (taken < ready && got < room && taken < NET_BATCH && reads < NET_BATCH &&
	       d->rx_left) {
		uint64_t frames[AMP_PACKET_DESCS_MAX];
		struct amp_frame_header h = { 0 };
		uint32_t want = d->held   ? net_frames_for(d, d->held)
		                : d->wide ? net_frames_for(d, AMP_PACKET_MAX)
		                          : 1;
		uint32_t offered = net_frames_offered(d, taken, ready, frames,
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
			if (size < ETHERNET_HEADER || size > (h.gso_type ? AMP_PACKET_MAX : most) ||
			    !is_whole(&h)) {
				d->counts.rx_too_long++;
				continue; /* the frames serve the next packet */
			}
			read_to = first + (offered - 1) * d->frame_size;
			if (size > first)
				d->wide = NET_WIDE;
			else if (d->wide)
				d->wide--;
		}
		uint32_t need = net_frames_for(d, size);
		if (need > offered && read_to && size > read_to) {
			/* What lies in `overflow` needs frames that read_packet was not given. */
			uint32_t whole = need < room - got ? need : room - got;
			if (whole > offered)
				whole = offered + net_frames_offered(d, taken + offered, ready,
				                                     frames + offered,
				                                     whole - offered);
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
		net_packet_announce(d, got, frames, size, &h);
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
	return (d->tx_left && ring_ready(&d->tx) && ring_free(&d->completion) >= d->tx_need &&
	        !(d->stream && net_stream_waits(d->stream))) ||
	       (d->rx_left && d->rx_blocked && ring_ready(&d->fill) >= d->rx_need &&
	        ring_free(&d->rx) >= d->rx_need);
}
