/* SPDX-License-Identifier: ISC */
/*
 * tx: a packet is copied into pages, a slot each, and its frames are completed at once; a slot of another form behind the first says how
 * it is to be segmented. Checksums that the backend does not find by itself are made here.
 * rx: each entry of the ring has its page for ever; the backend answers in order, a packet in one entry or several. All that it
 * says of a packet is copied and checked before a byte of it is; one that makes no sense is passed over.
 */
#include <stdio.h>
#include <string.h>

#include <boot/image_side.h>
#include <boot/lazy.h>
#include <boot/memory.h>
#include <boot/xen_events.h>
#include <boot/xen_grant.h>
#include <boot/xen_net.h>

/* Of slots; the first two have other values in rx. */
enum { TX_SUM_BLANK = 1, TX_VALID = 2, RX_VALID = 1, RX_SUM_BLANK = 2, MORE = 4, EXTRA = 8 };
enum { EXTRA_SEGMENT = 1, EXTRA_MORE = 1 };
enum { SEGMENT_4 = 1, SEGMENT_6 = 2 };
enum { IP4 = 0x0800, IP6 = 0x86dd, TCP = 6, UDP = 17 };

#define SLOTS_MAX   18u    /* of a packet, that every backend takes */
#define EXTRAS_MAX  4u     /* of a packet, that we do */
#define SIZE_MAX_TX 65535u /* the first slot says it in 16 bits */
#define ANSWER_NONE 1      /* of a slot of the other form */
#define MTU_DEFAULT 1500u
#define MTU_LEAST   576u
#define MTU_MOST    (AMP_PAGE - AMP_FRAME_HEADROOM - ETHERNET_HEADER)
#define SEGMENT_ECN 0x80u

struct tx_slot {
	uint32_t grant;
	uint16_t offset, flags, id, size;
};
struct tx_answer {
	uint16_t id;
	int16_t status;
};
struct rx_slot {
	uint16_t id, pad;
	uint32_t grant;
};
struct rx_answer {
	uint16_t id, offset, flags;
	int16_t size;
};
struct extra {
	uint8_t type, flags;
	uint16_t size;
	uint8_t kind, pad;
	uint16_t features;
};

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	for (unsigned i = 0; i < 6; i++, text += 3) {
		int high = hex(text[0]), low = high < 0 ? -1 : hex(text[1]);
		if (low < 0 || text[2] != (i < 5 ? ':' : 0))
			return false;
		mac[i] = (uint8_t)(high * 16 + low);
	}
	return true;
}

/* Memory that the backend sees: `count` pages, whose grants go to `grants`. Null: there are too few. */
static void *share(const struct xen_net *n, uint32_t count, uint32_t *grants)
{
	uint8_t *pages = memory_take((uint64_t)count * AMP_PAGE);
	for (uint32_t i = 0; i < count; i++)
		if (!(grants[i] = grant_page(n->bus.domain, pages + (size_t)i * AMP_PAGE)))
			return NULL;
	return pages;
}

static int make_rings(struct xen_net *n, struct defect *why)
{
	uint32_t grants[2];
	uint8_t *pages = share(n, 2, grants);
	n->rx_pages = share(n, XEN_NET_RING, n->rx_grants);
	n->tx_pages = share(n, XEN_NET_RING, n->tx_grants);
	n->port = events_offer(n->bus.domain);
	if (!pages || !n->rx_pages || !n->tx_pages || !n->port)
		return defect_set(why, "Xen's device %s: there are too few grants or ports for it",
		                  n->bus.front);
	xen_ring_open(&n->tx, pages, sizeof(struct tx_slot));
	xen_ring_open(&n->rx, pages + AMP_PAGE, sizeof(struct rx_slot));
	for (uint16_t i = 0; i < XEN_NET_RING; i++)
		n->tx_free[n->tx_free_count++] = i;
	return xen_bus_say(&n->bus, "tx-ring-ref", grants[0]) ||
	                       xen_bus_say(&n->bus, "rx-ring-ref", grants[1]) ||
	                       xen_bus_say(&n->bus, "event-channel", n->port)
	               ? defect_set(why, "Xen's device %s: xenstore takes nothing", n->bus.front)
	               : 0;
}

int xen_net_open(struct xen_net *n, uint32_t number, const struct amp_note_device *note,
                 struct defect *why)
{
	char text[24];
	*n = (struct xen_net){ .note = note };
	if (xen_bus_open(&n->bus, "vif", number, why))
		return -1;
	if (xen_bus_text(&n->bus, n->bus.front, "mac", text, sizeof text) < 0 ||
	    !parse_mac(text, n->mac))
		return defect_set(why, "Xen's device %s has no MAC address", n->bus.front);
	if (!xen_bus_number(&n->bus, "feature-rx-copy", 0))
		return defect_set(why, "Xen's device %s: its backend does not copy", n->bus.front);
	uint64_t mtu = xen_bus_number(&n->bus, "mtu", MTU_DEFAULT);
	n->mtu = (uint16_t)(mtu < MTU_LEAST || mtu > MTU_MOST ? MTU_DEFAULT : mtu);
	n->large = net_rings_take_large(note->ring_size, note->frame_count);
	n->gathers = xen_bus_number(&n->bus, "feature-sg", 0);
	n->sums6 = xen_bus_number(&n->bus, "feature-ipv6-csum-offload", 0);
	n->segments4 = n->gathers && xen_bus_number(&n->bus, "feature-gso-tcpv4", 0);
	n->segments6 = n->gathers && xen_bus_number(&n->bus, "feature-gso-tcpv6", 0);
	if (!n->gathers && n->mtu > MTU_DEFAULT)
		n->mtu = MTU_DEFAULT;
	return make_rings(n, why);
}

static void give_pages(struct xen_net *n)
{
	while (xen_ring_free(&n->rx)) {
		uint32_t at = n->rx.made % XEN_NET_RING;
		const struct rx_slot s = { (uint16_t)at, 0, n->rx_grants[at] };
		xen_ring_put(&n->rx, &s, sizeof s);
	}
	if (xen_ring_push(&n->rx))
		events_send(n->port);
}

static int place(void *of, const struct driver_room *room, struct defect *why)
{
	struct xen_net *n = of;
	uint32_t features = AMP_NET_TX_CHECKSUM | AMP_NET_RX_CHECKSUM;
	features |= n->large ? AMP_NET_RX_LARGE : 0;
	features |= n->segments4 ? AMP_NET_TX_SEGMENT : 0;
	features |= n->segments4 && n->segments6 && n->sums6 ? AMP_NET_TX_SEGMENT6 : 0;
	n->pages = room->pages;
	image_net_open(&n->rings, room, n->note, n->mtu, n->mac, features);
	features = n->rings.features;
	bool sums = features & AMP_NET_RX_CHECKSUM, large = features & AMP_NET_RX_LARGE;
	if (xen_bus_say(&n->bus, "request-rx-copy", 1) ||
	    xen_bus_say(&n->bus, "feature-rx-notify", 1) ||
	    xen_bus_say(&n->bus, "feature-sg", large) ||
	    xen_bus_say(&n->bus, "feature-gso-tcpv4", large) ||
	    xen_bus_say(&n->bus, "feature-no-csum-offload", !sums) ||
	    xen_bus_say(&n->bus, "feature-ipv6-csum-offload", sums))
		return defect_set(why, "Xen's device %s: xenstore takes nothing", n->bus.front);
	give_pages(n);
	if (xen_bus_say(&n->bus, "state", XEN_CONNECTED))
		return defect_set(why, "Xen's device %s: xenstore takes nothing", n->bus.front);
	return xen_bus_connect(&n->bus, why);
}

/* ---- Checksums ---- */

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* Where a packet's TCP or UDP begins, and in it its sum, as whoever knows of a packet no more than that its sum is missing finds it; in IPv6
 * only right behind the header. False: nowhere, or in the part of a packet. */
static bool find_sum(const uint8_t *p, uint32_t size, uint16_t *start, uint16_t *offset, bool *six)
{
	uint32_t type, protocol, at;
	if (size < ETHERNET_HEADER + 20)
		return false;
	type = get16(p + 12);
	*six = type == IP6;
	if (type == IP4) {
		at = ETHERNET_HEADER + (p[ETHERNET_HEADER] & 15u) * 4u;
		protocol = p[ETHERNET_HEADER + 9];
		if (at < ETHERNET_HEADER + 20 || get16(p + ETHERNET_HEADER + 6) & 0x3fff)
			return false;
	} else {
		at = ETHERNET_HEADER + 40;
		if (type != IP6 || size < at)
			return false;
		protocol = p[ETHERNET_HEADER + 6];
	}
	*start = (uint16_t)at;
	*offset = protocol == TCP ? 16 : 6;
	return (protocol == TCP || protocol == UDP) && at + *offset + 2 <= size;
}

/* Completes the sum from `start` to the end, as TX_CHECKSUM says. */
static void make_sum(uint8_t *p, uint32_t size, uint32_t start, uint32_t offset)
{
	uint64_t sum = 0;
	for (uint32_t i = start; i + 1 < size; i += 2)
		sum += get16(p + i);
	if ((size - start) & 1)
		sum += (uint32_t)p[size - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	if (!sum)
		sum = 0xffff; /* UDP's, where zero means none; to all others it is the same */
	p[start + offset] = (uint8_t)(sum >> 8);
	p[start + offset + 1] = (uint8_t)sum;
}

/* ---- Out ---- */

/* Takes back the pages that the backend has done with. */
static uint32_t reap(struct xen_net *n)
{
	uint32_t ready = xen_ring_ready(&n->tx);
	for (uint32_t k = 0; k < ready; k++) {
		struct tx_answer a;
		xen_ring_look(&n->tx, k, &a, sizeof a);
		if (a.status == ANSWER_NONE)
			continue;
		if (a.id >= XEN_NET_RING || !n->tx_out[a.id]) {
			n->lies++;
			continue;
		}
		n->rings.counts.tx_failed += a.status < 0;
		n->tx_out[a.id] = false;
		n->tx_free[n->tx_free_count++] = a.id;
	}
	n->tx.taken += ready;
	return ready;
}

/* The pieces into pages from `first` of the free ones on. */
static void gather(struct xen_net *n, const struct iovec *v, uint32_t count)
{
	uint32_t at = 0;
	for (uint32_t k = 0; k < count; k++)
		for (size_t done = 0; done < v[k].iov_len;) {
			uint32_t page = n->tx_free[n->tx_free_count - 1 - at / AMP_PAGE];
			size_t room = AMP_PAGE - at % AMP_PAGE, left = v[k].iov_len - done;
			size_t step = left < room ? left : room;
			memcpy(n->tx_pages + (size_t)page * AMP_PAGE + at % AMP_PAGE,
			       (const uint8_t *)v[k].iov_base + done, step);
			done += step;
			at += (uint32_t)step;
		}
}

/* What the first slot says of a packet whose sum is to be made, by the backend or, if need be, here. */
static uint16_t sum_flags(struct xen_net *n, const struct amp_frame_header *h, uint32_t size)
{
	uint8_t *p = n->tx_pages + (size_t)n->tx_free[n->tx_free_count - 1] * AMP_PAGE;
	uint32_t first = size < AMP_PAGE ? size : AMP_PAGE;
	uint16_t start, offset;
	bool six = false;
	if (!(h->flags & NEEDS_CSUM))
		return 0;
	if (h->gso_type || (find_sum(p, first, &start, &offset, &six) && start == h->csum_start &&
	                    offset == h->csum_offset && (!six || n->sums6)))
		return TX_SUM_BLANK | TX_VALID;
	make_sum(p, size, h->csum_start, h->csum_offset);
	return 0;
}

/* The packet into slots. 0: it has to wait; -1: it does not fit. */
static int give(struct xen_net *n, const struct amp_desc *c, uint32_t count)
{
	struct iovec v[AMP_PACKET_DESCS_MAX];
	struct amp_frame_header h;
	uint32_t size;
	if (!net_packet_fits(&n->rings, c, count, v, &h, &size) || size > SIZE_MAX_TX ||
	    (!n->gathers && size > AMP_PAGE))
		return -1;
	uint32_t slots = (size + AMP_PAGE - 1) / AMP_PAGE;
	/* Without segments a packet is no larger than a page. */
	if (!h.gso_type && slots > 1)
		return -1;
	if (slots > n->tx_free_count || slots + 1 > xen_ring_free(&n->tx))
		return 0;
	for (uint32_t k = 0; k < count; k++)
		if (c[k].options & AMP_DESC_DIRECT)
			lazy_touch(n->pages, c[k].addr, c[k].len);
	gather(n, v, count);
	uint16_t flags = sum_flags(n, &h, size);
	for (uint32_t k = 0, left = size; k < slots; k++) {
		uint16_t id = n->tx_free[--n->tx_free_count];
		uint32_t part = left < AMP_PAGE ? left : AMP_PAGE;
		/* The first one says the whole packet's size. */
		const struct tx_slot s = { n->tx_grants[id], 0,
			                   (uint16_t)((k ? 0 : flags) | (k + 1 < slots ? MORE : 0) |
			                              (!k && h.gso_type ? EXTRA : 0)),
			                   id, (uint16_t)(k ? part : size) };
		n->tx_out[id] = true;
		xen_ring_put(&n->tx, &s, sizeof s);
		if (!k && h.gso_type) {
			const struct extra e = { .type = EXTRA_SEGMENT,
				                 .size = h.gso_size,
				                 .kind = (h.gso_type & ~SEGMENT_ECN) == SEGMENT_TCP4
				                                 ? SEGMENT_4
				                                 : SEGMENT_6 };
			xen_ring_put(&n->tx, &e, sizeof e);
		}
		left -= part;
	}
	n->rings.counts.tx_packets++;
	n->rings.counts.tx_bytes += size;
	return 1;
}

static uint32_t send(struct xen_net *n)
{
	struct net_rings *d = &n->rings;
	uint32_t done = reap(n), taken = 0, ready = ring_ready(&d->tx);
	uint32_t room = ready ? ring_free(&d->completion) : 0;
	n->tx_full = false;
	while (taken < ready && taken < NET_BATCH) {
		struct amp_desc c[AMP_PACKET_DESCS_MAX];
		uint32_t frames;
		bool more;
		uint32_t count = net_packet_take(d, taken, ready, c, &frames, &more);
		if (frames > room) {
			n->tx_full = true;
			break;
		}
		/* One that goes on for too long is dropped in pieces. */
		int went = d->tx_skip || more ? -1 : give(n, c, count);
		if (!went) {
			n->tx_full = true;
			break;
		}
		d->counts.tx_bad += went < 0;
		room -= frames;
		image_net_complete(d, c, count);
		d->tx_skip = more && count == AMP_PACKET_DESCS_MAX;
		taken += count;
	}
	if (taken) {
		d->tx.mine += taken;
		__atomic_store_n(d->tx.consumer, d->tx.mine, __ATOMIC_RELEASE);
	}
	if (xen_ring_push(&n->tx))
		events_send(n->port);
	return done + taken;
}

/* ---- In ---- */

/* What the backend says of a packet, of which all is copied and checked. */
struct arrived {
	uint32_t slots; /* entries that it takes, parts and others */
	uint32_t part_count, size;
	struct {
		const uint8_t *at;
		uint32_t size;
	} parts[SLOTS_MAX];
	struct amp_frame_header header;
	bool good;
};

/* The entries of the other form behind a packet's first. False: they have not all come. */
static bool read_extras(struct xen_net *n, struct arrived *a, uint32_t ready)
{
	struct extra e;
	uint32_t count = 0;
	do {
		if (a->slots == ready)
			return false;
		xen_ring_look(&n->rx, a->slots++, &e, sizeof e);
		if (e.type == EXTRA_SEGMENT && e.kind == SEGMENT_4 && e.size) {
			a->header.gso_type = SEGMENT_TCP4;
			a->header.gso_size = e.size;
		} else if (e.type == EXTRA_SEGMENT || ++count > EXTRAS_MAX) {
			a->good = false;
		}
	} while (e.flags & EXTRA_MORE);
	return true;
}

/* The next packet in the ring. False: there is none, or not all of it. */
static bool read_packet(struct xen_net *n, struct arrived *a, uint32_t ready)
{
	struct rx_answer r;
	uint16_t flags = 0;
	*a = (struct arrived){ .good = true };
	do {
		if (a->slots == ready)
			return false;
		uint32_t at = (n->rx.taken + a->slots) % XEN_NET_RING;
		xen_ring_look(&n->rx, a->slots++, &r, sizeof r);
		if (r.id != at || r.size <= 0 || r.offset > AMP_PAGE ||
		    (uint32_t)r.size > AMP_PAGE - r.offset || a->part_count == SLOTS_MAX) {
			a->good = false;
		} else {
			a->parts[a->part_count].at = n->rx_pages + (size_t)at * AMP_PAGE + r.offset;
			a->parts[a->part_count++].size = (uint32_t)r.size;
			a->size += (uint32_t)r.size;
		}
		if (a->slots > 1) {
			flags |= r.flags & EXTRA;
			continue;
		}
		flags = r.flags;
		if (flags & EXTRA && !read_extras(n, a, ready))
			return false;
	} while (r.flags & MORE);
	if (flags & RX_SUM_BLANK)
		a->header.flags = NEEDS_CSUM;
	else if (flags & RX_VALID)
		a->header.flags = DATA_VALID;
	return true;
}

/* Is it one that the image may be given? */
static bool is_wanted(const struct xen_net *n, struct arrived *a)
{
	const struct net_rings *d = &n->rings;
	uint32_t most = d->mtu + ETHERNET_HEADER + VLAN_TAG;
	if (!(d->features & AMP_NET_RX_CHECKSUM))
		a->header.flags = 0;
	if (a->header.gso_type) {
		if (!(d->features & AMP_NET_RX_LARGE) || !a->header.flags)
			return false;
		most = AMP_PACKET_MAX;
	} else if (most > d->frame_size - AMP_FRAME_HEADROOM) {
		most = d->frame_size - AMP_FRAME_HEADROOM;
	}
	return a->good && a->size >= ETHERNET_HEADER && a->size <= most;
}

/* Takes frames from the image until there are so many. False: it has not given them. */
static bool want_frames(struct xen_net *n, uint32_t count)
{
	struct net_rings *d = &n->rings;
	uint32_t ready = n->frame_count < count ? ring_ready(&d->fill) : 0, taken = 0;
	for (; n->frame_count < count && taken < ready; taken++) {
		if (net_frames_offered(d, taken, ready, &n->frames[n->frame_count], 1))
			n->frame_count++;
		else
			d->counts.rx_no_frame++;
	}
	if (taken) {
		d->fill.mine += taken;
		__atomic_store_n(d->fill.consumer, d->fill.mine, __ATOMIC_RELEASE);
	}
	return n->frame_count >= count;
}

/* Copies it into frames, and announces it `got` entries on. How many it takes. */
static uint32_t deliver(struct xen_net *n, struct arrived *a, uint32_t got)
{
	struct net_rings *d = &n->rings;
	uint32_t count = net_frames_for(d, a->size), at = AMP_FRAME_HEADROOM;
	uint64_t *frames = &n->frames[n->frame_count -= count];
	for (uint32_t k = 0; k < a->part_count; k++)
		for (uint32_t done = 0; done < a->parts[k].size;) {
			uint32_t room = d->frame_size - at % d->frame_size;
			uint32_t left = a->parts[k].size - done, step = left < room ? left : room;
			memcpy(d->frames + frames[at / d->frame_size] + at % d->frame_size,
			       a->parts[k].at + done, step);
			done += step;
			at += step;
		}
	uint32_t first = d->frame_size - AMP_FRAME_HEADROOM;
	bool six;
	/* A sum that is missing is where it has to be; whose place is not found is one that was never made. */
	if (a->header.flags & NEEDS_CSUM &&
	    !find_sum(d->frames + frames[0] + AMP_FRAME_HEADROOM, a->size < first ? a->size : first,
	              &a->header.csum_start, &a->header.csum_offset, &six))
		a->header = (struct amp_frame_header){ 0 };
	net_packet_announce(d, got, frames, a->size, &a->header);
	return count;
}

static uint32_t receive(struct xen_net *n)
{
	struct net_rings *d = &n->rings;
	uint32_t got = 0, moved = 0, room = ring_free(&d->rx);
	for (uint32_t ready = xen_ring_ready(&n->rx); ready && got < NET_BATCH;) {
		struct arrived a;
		if (!read_packet(n, &a, ready)) {
			/* All of the ring, and no end of a packet. */
			if (ready < XEN_NET_RING)
				break;
			a.slots = ready;
			a.good = false;
		}
		if (!is_wanted(n, &a)) {
			n->lies += !a.good;
			d->counts.rx_too_long++;
		} else {
			uint32_t need = net_frames_for(d, a.size);
			if (need > room - got || !want_frames(n, need))
				break;
			got += deliver(n, &a, got);
		}
		n->rx.taken += a.slots;
		ready -= a.slots;
		moved++;
	}
	if (got) {
		d->rx.mine += got;
		__atomic_store_n(d->rx.producer, d->rx.mine, __ATOMIC_RELEASE);
	}
	give_pages(n);
	return moved;
}

static uint32_t pass(void *of)
{
	struct xen_net *n = of;
	return xen_bus_is_open(&n->bus) ? send(n) + receive(n) : 0;
}

static bool ready(const void *of, uint64_t events)
{
	const struct xen_net *n = of;
	return (events & AMP_WAIT_RECEIVE && ring_unread(&n->rings.rx)) ||
	       (events & AMP_WAIT_COMPLETE && ring_unread(&n->rings.completion));
}

static void listen(void *of, uint64_t events)
{
	struct xen_net *n = of;
	(void)events;
	xen_ring_listen(&n->rx);
	if (n->tx_full)
		xen_ring_listen(&n->tx);
}

static void woke(void *of)
{
	(void)of;
}

static bool idle(const void *of)
{
	const struct xen_net *n = of;
	return n->bus.closed || n->tx.made == n->tx.taken;
}

const struct driver xen_net_driver = { place, pass, ready, listen, woke, idle, NULL };
