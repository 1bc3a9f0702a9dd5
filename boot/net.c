/* SPDX-License-Identifier: ISC */
/*
 * rx: frames that the image gives are given on to the card, from just before AMP_FRAME_HEADROOM on, where the header goes.
 * tx: a header of our own and the packet's pieces where they lie; the frames are completed when the card is done with them.
 * What the card says of lengths, headers and numbers of buffers is checked as if an enemy had said it.
 */
#include <string.h>

#include <boot/image_side.h>
#include <boot/lazy.h>
#include <boot/memory.h>
#include <boot/net.h>

#define F_CSUM       (1ull << 0)
#define F_GUEST_CSUM (1ull << 1)
#define F_MTU        (1ull << 3)
#define F_MAC        (1ull << 5)
#define F_GUEST_TSO4 (1ull << 7)
#define F_GUEST_ECN  (1ull << 9)
#define F_HOST_TSO4  (1ull << 11)
#define F_HOST_ECN   (1ull << 13)
#define F_MERGE      (1ull << 15)

#define RX          0u
#define TX          1u
#define HEADER      ((uint32_t)sizeof(struct amp_frame_header))
#define MTU_DEFAULT 1500u
#define MTU_LEAST   576u
#define SEGMENT_ECN 0x80u

int net_open(struct net *n, struct virtio *card, const struct amp_note_device *note,
             struct defect *why)
{
	uint64_t want = F_CSUM | F_GUEST_CSUM | F_MTU | F_MAC | F_HOST_TSO4 | F_HOST_ECN;
	*n = (struct net){ .card = card, .note = note, .mtu = MTU_DEFAULT };
	if (net_rings_take_large(note->ring_size, note->frame_count))
		want |= F_GUEST_TSO4 | F_GUEST_ECN | F_MERGE;
	if (card->legacy)
		want |= F_MERGE; /* before virtio 1, headers are shorter without it */
	if (virtio_agree(card, want, why))
		return -1;
	if (card->legacy && !(card->features & F_MERGE))
		return defect_set(
		        why, "the network card at %s is of virtio before 1 and merges no buffers",
		        card->place);
	if (!(card->features & F_MAC))
		return defect_set(why, "the network card at %s has no MAC address", card->place);
	virtio_config(card, 0, n->mac, sizeof n->mac);
	if (card->features & F_MTU) {
		virtio_config(card, 10, &n->mtu, sizeof n->mtu);
		if (n->mtu < MTU_LEAST)
			return defect_set(why, "the network card at %s has an MTU of %u bytes",
			                  card->place, n->mtu);
	}
	n->merges = card->features & F_MERGE;
	if (virtio_queue(card, RX, &n->rx, VIRTQ_SIZE_MAX, why) ||
	    virtio_queue(card, TX, &n->tx, VIRTQ_SIZE_MAX, why))
		return -1;
	if (n->tx.size <= AMP_PACKET_DESCS_MAX)
		return defect_set(why, "the network card at %s has queues of %u entries, too few",
		                  card->place, n->tx.size);
	n->headers = memory_take(VIRTQ_SIZE_MAX * sizeof *n->headers);
	n->sent = memory_take(VIRTQ_SIZE_MAX * sizeof *n->sent);
	return 0;
}

int net_place(struct net *n, const struct driver_room *room, struct defect *why)
{
	uint64_t has = n->card->features;
	uint32_t features = has & F_CSUM ? AMP_NET_TX_CHECKSUM : 0;
	(void)why;
	features |= has & F_CSUM && has & F_HOST_TSO4 ? AMP_NET_TX_SEGMENT : 0;
	features |= has & F_GUEST_CSUM ? AMP_NET_RX_CHECKSUM : 0;
	features |= n->merges && has & F_GUEST_TSO4 && has & F_GUEST_CSUM ? AMP_NET_RX_LARGE : 0;
	n->pages = room->pages;
	image_net_open(&n->rings, room, n->note, n->mtu, n->mac, features);
	virtio_begin(n->card);
	return 0;
}

/* ---- Out ---- */

/* Gives back what the card has sent. */
static uint32_t complete(struct net *n)
{
	struct ring *c = &n->rings.completion;
	uint32_t head, size, done = 0;
	while ((head = virtq_take(&n->tx, &size)) != VIRTQ_NONE) {
		for (uint32_t k = 0; k < n->sent_count[head]; k++)
			((uint64_t *)c->entries)[c->mine++ & (c->size - 1)] = n->sent[head][k];
		n->frames_out -= n->sent_count[head];
		done++;
	}
	if (done)
		__atomic_store_n(c->producer, c->mine, __ATOMIC_RELEASE);
	return done;
}

/* False: it does not fit. */
static bool give(struct net *n, const struct amp_desc *c, uint32_t count)
{
	struct iovec v[AMP_PACKET_DESCS_MAX];
	struct virtq_part parts[1 + AMP_PACKET_DESCS_MAX];
	struct amp_frame_header h;
	uint32_t size, head = n->tx.free_first, frames = 0;
	if (!net_packet_fits(&n->rings, c, count, v, &h, &size))
		return false;
	for (uint32_t k = 0; k < count; k++) {
		parts[1 + k] = (struct virtq_part){ v[k].iov_base, (uint32_t)v[k].iov_len, false };
		if (c[k].options & AMP_DESC_DIRECT)
			lazy_touch(n->pages, c[k].addr, c[k].len);
		else
			n->sent[head][frames++] = c[k].addr;
	}
	n->headers[head] = h;
	parts[0] = (struct virtq_part){ &n->headers[head], HEADER, false };
	virtq_give(&n->tx, parts, count + 1); /* there is room: send has looked */
	n->sent_count[head] = frames;
	n->frames_out += frames;
	n->rings.counts.tx_packets++;
	n->rings.counts.tx_bytes += size;
	return true;
}

static uint32_t send(struct net *n)
{
	struct net_rings *d = &n->rings;
	uint32_t done = complete(n), taken = 0, ready = ring_ready(&d->tx);
	uint32_t room = ready ? ring_free(&d->completion) : 0;
	room = room > n->frames_out ? room - n->frames_out : 0;
	n->tx_full = false;
	while (taken < ready && taken < NET_BATCH) {
		struct amp_desc c[AMP_PACKET_DESCS_MAX];
		uint32_t frames;
		bool more;
		uint32_t count = net_packet_take(d, taken, ready, c, &frames, &more);
		if (frames > room || count + 1 > n->tx.free_count) {
			n->tx_full = true;
			break;
		}
		room -= frames;
		/* One that goes on for too long is dropped in pieces. */
		if (d->tx_skip || more || !give(n, c, count)) {
			d->counts.tx_bad++;
			image_net_complete(d, c, count);
		}
		d->tx_skip = more && count == AMP_PACKET_DESCS_MAX;
		taken += count;
	}
	if (taken) {
		d->tx.mine += taken;
		__atomic_store_n(d->tx.consumer, d->tx.mine, __ATOMIC_RELEASE);
	}
	virtio_kick(n->card, TX, &n->tx);
	return done + taken;
}

/* ---- In ---- */

static bool give_frame(struct net *n, uint64_t frame)
{
	struct net_rings *d = &n->rings;
	uint32_t from = AMP_FRAME_HEADROOM - HEADER;
	const struct virtq_part part = { d->frames + frame + from, d->frame_size - from, true };
	uint32_t head = virtq_give(&n->rx, &part, 1);
	if (head == VIRTQ_NONE)
		return false;
	n->frame[head] = frame;
	n->frames_given++;
	return true;
}

/* Gives the card what the image has given. */
static uint32_t fill(struct net *n)
{
	struct net_rings *d = &n->rings;
	uint32_t ready = ring_ready(&d->fill), taken = 0;
	while (taken < ready && n->rx.free_count) {
		uint64_t frame;
		if (net_frames_offered(d, taken, ready, &frame, 1))
			give_frame(n, frame);
		else
			d->counts.rx_no_frame++;
		taken++;
	}
	if (taken) {
		d->fill.mine += taken;
		__atomic_store_n(d->fill.consumer, d->fill.mine, __ATOMIC_RELEASE);
	}
	return taken;
}

/* Moves the parts of a packet together: the first lies behind its header, the others from where theirs would be. */
static void join(struct net *n, uint32_t size)
{
	struct net_rings *d = &n->rings;
	uint32_t at = n->held_size[0] - HEADER, gap = AMP_FRAME_HEADROOM - HEADER;
	for (uint32_t k = 1; k < n->held_count && at < size; k++)
		for (uint32_t done = 0; done < n->held_size[k];) {
			uint32_t first = d->frame_size - AMP_FRAME_HEADROOM;
			uint32_t to = at < first ? 0 : 1 + (at - first) / d->frame_size;
			uint32_t start =
			        at < first ? AMP_FRAME_HEADROOM + at : (at - first) % d->frame_size;
			uint32_t room = d->frame_size - start, left = n->held_size[k] - done;
			uint32_t step = left < room ? left : room;
			memmove(d->frames + n->held[to] + start,
			        d->frames + n->held[k] + gap + done, step);
			done += step;
			at += step;
		}
}

/* A whole packet is held. How many of its frames went to the image. */
static uint32_t announce(struct net *n, uint32_t got)
{
	struct net_rings *d = &n->rings;
	struct amp_frame_header h;
	uint32_t size = 0, most = d->mtu + ETHERNET_HEADER + VLAN_TAG;
	memcpy(&h, d->frames + n->held[0] + AMP_FRAME_HEADROOM - HEADER, sizeof h);
	__asm__ volatile("" ::: "memory"); /* the copy stays the copy */
	for (uint32_t k = 0; k < n->held_count; k++)
		size += n->held_size[k];
	size -= HEADER;
	if (!(d->features & AMP_NET_RX_CHECKSUM))
		h = (struct amp_frame_header){ 0 };
	h.flags &= NEEDS_CSUM | DATA_VALID;
	if (h.gso_type && !(d->features & AMP_NET_RX_LARGE))
		size = 0;
	if (size < ETHERNET_HEADER || size > (h.gso_type ? AMP_PACKET_MAX : most) ||
	    (h.gso_type & ~SEGMENT_ECN) > SEGMENT_TCP4 ||
	    (n->held_count > 1 && n->held_size[0] != d->frame_size - AMP_FRAME_HEADROOM + HEADER)) {
		d->counts.rx_too_long++;
		return 0;
	}
	if (n->held_count > 1)
		join(n, size);
	uint32_t need = net_frames_for(d, size);
	net_packet_announce(d, got, n->held, size, &h);
	return need;
}

static uint32_t receive(struct net *n)
{
	struct net_rings *d = &n->rings;
	uint32_t got = 0, moved = fill(n), room = ring_free(&d->rx), size, head;
	while (got + AMP_PACKET_DESCS_MAX <= room + n->held_count && got < NET_BATCH &&
	       (head = virtq_take(&n->rx, &size)) != VIRTQ_NONE) {
		uint64_t frame = n->frame[head];
		n->frames_given--;
		moved++;
		if (!n->held_count) {
			struct amp_frame_header h;
			memcpy(&h, d->frames + frame + AMP_FRAME_HEADROOM - HEADER, sizeof h);
			n->held_want = n->merges ? h.num_buffers : 1;
			if (size < HEADER || !n->held_want || n->held_want > AMP_PACKET_DESCS_MAX) {
				n->lies++;
				give_frame(n, frame);
				continue;
			}
		}
		n->held[n->held_count] = frame;
		n->held_size[n->held_count++] = size;
		if (n->held_count < n->held_want)
			continue;
		uint32_t went = announce(n, got);
		for (uint32_t k = went; k < n->held_count; k++)
			give_frame(n, n->held[k]);
		got += went;
		n->held_count = 0;
	}
	if (got) {
		d->rx.mine += got;
		__atomic_store_n(d->rx.producer, d->rx.mine, __ATOMIC_RELEASE);
	}
	virtio_kick(n->card, RX, &n->rx);
	return moved;
}

uint32_t net_pass(struct net *n)
{
	return send(n) + receive(n);
}

bool net_ready(const struct net *n, uint64_t events)
{
	return (events & AMP_WAIT_RECEIVE && ring_unread(&n->rings.rx)) ||
	       (events & AMP_WAIT_COMPLETE && ring_unread(&n->rings.completion));
}

void net_listen(struct net *n, uint64_t events)
{
	virtq_listen(&n->rx, true);
	virtq_listen(&n->tx, n->frames_out && (n->tx_full || events & AMP_WAIT_COMPLETE));
}

void net_woke(struct net *n)
{
	n->card->transport->settle(n->card);
	virtq_listen(&n->rx, false);
	virtq_listen(&n->tx, false);
}

static int place_of(void *of, const struct driver_room *room, struct defect *why)
{
	return net_place(of, room, why);
}

static uint32_t pass_of(void *of)
{
	return net_pass(of);
}

static bool ready_of(const void *of, uint64_t events)
{
	return net_ready(of, events);
}

static void listen_of(void *of, uint64_t events)
{
	net_listen(of, events);
}

static void woke_of(void *of)
{
	net_woke(of);
}

static bool idle_of(const void *of)
{
	const struct net *n = of;
	return n->tx.free_count == n->tx.size;
}

const struct driver net_driver = { place_of, pass_of, ready_of, listen_of, woke_of, idle_of, NULL };
