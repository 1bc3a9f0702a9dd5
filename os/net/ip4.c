/* SPDX-License-Identifier: ISC */
/*
 * In: decode() checks a header and yields an ip4_packet; fragments go by fragment.c, which yields a
 * whole one; ip4_deliver() hands it to its protocol. The fast path is the same decoding for the one
 * shape of packet that servers live on, with all tests that need no exact counting folded into one.
 *
 * Out: ip4_reply() turns a packet around where it lies, ip4_send() copies into as many frames as it
 * takes; both find the neighbour by hop(). A reply needs no lookup: it goes back to the MAC address
 * that the packet came from, if that is where the route would lead (a neighbour on the link, or our
 * gateway).
 */
#include <net/ip4.h>

#include <core/cold.h>
#include <core/error.h>
#include <core/hash.h>
#include <core/random.h>
#include <net/checksum.h>
#include <net/ethernet.h>
#include <net/icmp.h>
#include <net/igmp.h>
#include <net/interface_internal.h>
#include <net/udp_internal.h>

/* ---- Out ---- */

static bool group_address(const struct interface *i, uint32_t a)
{
	return a == IP4_BROADCAST || a >> 28 == 14 || interface_broadcast(i, a);
}

/* May a packet leave with this source? Not with an address that was taken away since the route was
 * made. 0 is DHCP's. */
static bool source_held(const struct ip4_route *r)
{
	if (!r->source || interface_has(r->interface, r->source))
		return true;
	interface_count(r->interface, COUNT_TX_NO_ROUTE);
	return false;
}

/* Sends the IPv4 packet in the frame to its next hop; takes over the caller's reference. */
static int hop(const struct ip4_route *r, struct frame *f)
{
	struct interface *i = r->interface;
	uint32_t to = r->destination;
	if (ip6_is(to))
		return ip6_hop(r, f);
	if (r->mac_known)
		return ethernet_send(i, f, r->mac, ETHERNET_TYPE_IP4);
	if (to == IP4_BROADCAST || interface_broadcast(i, to))
		return ethernet_send(i, f, ethernet_broadcast, ETHERNET_TYPE_IP4);
	if (to >> 28 == 14) { /* RFC 1112 §6.4 */
		uint8_t mac[6] = { 1, 0, 0x5e, to >> 16 & 0x7f, to >> 8 & 0xff, to & 0xff };
		return ethernet_send(i, f, mac, ETHERNET_TYPE_IP4);
	}
	to = interface_next_hop(i, to);
	if (to)
		return arp_send(i, to, f);
	interface_count(i, COUNT_TX_NO_ROUTE);
	frame_drop(f);
	return ERR_UNREACHABLE;
}

/*
 * Identification (RFC 6864): only packets that may be fragmented need one, unique for its source,
 * destination and protocol. Counters under a keyed hash of these (RFC 7739 §5.3) keep one peer from
 * guessing another's.
 */
static COLD uint16_t next_id(uint32_t source, uint32_t destination, uint8_t protocol)
{
	static uint16_t counters[256];
	uint32_t key[3] = { source, destination, protocol };
	uint64_t h = hash_bytes(key, sizeof key);
	return (uint16_t)(++counters[h & 255] + (h >> 48));
}

static void header_put(struct ip4_header *h, const struct ip4_route *r, uint32_t payload,
                       uint16_t id, uint16_t fragment)
{
	h->version_size = 0x45;
	h->tos = r->tos;
	bytes_store_u16(h->total, (uint16_t)(payload + sizeof *h));
	bytes_store_u16(h->id, id);
	bytes_store_u16(h->fragment, fragment);
	h->ttl = IP4_TTL;
	h->protocol = r->protocol;
	memset(h->checksum, 0, sizeof h->checksum);
	bytes_store_u32(h->source, r->source);
	bytes_store_u32(h->destination, r->destination);
	checksum_store(h->checksum, checksum_header(h));
}

/* INTERFACE_MATCH_*; 0: it does not lead there. */
static COLD uint32_t match(const struct interface *i, uint32_t to)
{
	uint32_t m = 0;
	if (to == IP4_BROADCAST || to >> 28 == 14)
		return INTERFACE_MATCH_GATEWAY;
	if (interface_further || (interface_routed && i->route_count))
		interface_route_hop(i, to, &m);
	else if (interface_on_link(i, to))
		m = INTERFACE_MATCH_NETWORK + i->prefix;
	else if (i->gateway)
		m = INTERFACE_MATCH_GATEWAY;
	return m;
}

COLD int ip4_route(struct ip4_route *r, struct interface *only, uint32_t destination)
{
	if (ip6_is(destination))
		return ip6_route(r, only, destination);
	struct interface *best = NULL;
	uint32_t total = only ? 1 : interface_total(), best_match = 0, source = 0;
	for (uint32_t k = 0; k < total; k++) {
		struct interface *i = only ? only : interface_at(k);
		uint32_t own = interface_source(i, destination),
		         m = own ? match(i, destination) : 0;
		if (m <= best_match)
			continue;
		best = i;
		best_match = m;
		source = own;
	}
	if (!best || !destination || interface_has(best, destination) || destination >> 24 == 127) {
		struct interface *counts = best ? best : only ? only : interface_at(0);
		if (counts)
			interface_count(counts, COUNT_TX_NO_ROUTE);
		return ERR_UNREACHABLE;
	}
	r->interface = best;
	r->source = source;
	r->destination = destination;
	return OK;
}

COLD int ip4_send(const struct ip4_route *r, const void *head, uint32_t head_size, const void *body,
                  uint32_t size)
{
	struct interface *i = r->interface;
	if (!source_held(r))
		return ERR_UNREACHABLE;
	if (ip6_is(r->destination))
		return ip6_send(r, head, head_size, body, size);
	uint64_t whole = (uint64_t)head_size + size;
	uint32_t most = i->mtu - sizeof(struct ip4_header), unit = most & ~7u;
	if (whole > IP4_PAYLOAD_MAX || head_size > unit) {
		interface_count(i, COUNT_TX_TOO_BIG);
		return ERR_TOO_BIG;
	}
	uint32_t left = (uint32_t)whole, at = 0,
	         pieces = left <= most ? 1 : (left + unit - 1) / unit;
	if (pieces > device_room(&i->device)) {
		interface_count(i, COUNT_TX_RING_FULL);
		return ERR_MEMORY;
	}
	if (pieces > i->device.frames.free_count) {
		interface_count(i, COUNT_TX_NO_FRAME);
		return ERR_MEMORY;
	}
	bool atomic = whole + sizeof(struct ip4_header) <= IP4_ATOMIC_MAX && pieces == 1;
	uint16_t id = atomic ? 0 : next_id(r->source, r->destination, r->protocol);
	struct bytes_in from = bytes_in(body, size);
	int result = OK;
	do {
		uint32_t n = pieces == 1 ? left : unit;
		struct frame *f = frame_alloc(&i->device.frames);
		if (!f) { /* the part before asked for its neighbour by the last one */
			interface_count(i, COUNT_TX_NO_FRAME);
			return ERR_MEMORY;
		}
		uint32_t total = n + sizeof(struct ip4_header);
		struct bytes_out out = bytes_out(frame_view(f, AMP_FRAME_HEADROOM, total), total);
		struct ip4_header *h = (void *)bytes_put(&out, sizeof *h);
		header_put(h, r, n, id,
		           (uint16_t)((atomic ? IP4_DF : 0) | (pieces > 1 ? IP4_MF : 0) | at / 8));
		uint32_t of_head = at ? 0 : head_size;
		bytes_put_copy(&out, head, of_head);
		bytes_put_copy(&out, bytes_get(&from, n - of_head), n - of_head);
		ensure(!out.failed && !from.failed);
		int error = hop(r, f);
		result = result ? result : error;
		at += n;
		left -= n;
	} while (--pieces);
	return result;
}

COLD int ip4_send_frame(const struct ip4_route *r, struct frame *f)
{
	uint32_t size = f->size;
	if (!source_held(r)) {
		frame_drop(f);
		return ERR_UNREACHABLE;
	}
	if (size + ip4_header_size(r->destination) > r->interface->mtu) {
		interface_count(r->interface, COUNT_TX_TOO_BIG);
		frame_drop(f);
		return ERR_TOO_BIG;
	}
	if (ip6_is(r->destination)) {
		ip6_header_put(r, f, 0);
		return hop(r, f);
	}
	struct ip4_header *h =
	        (void *)frame_view(f, f->start - sizeof *h, size + (uint32_t)sizeof *h);
	header_put(h, r, size, 0, IP4_DF); /* atomic: no ID (RFC 6864 §4.1) */
	return hop(r, f);
}

const uint8_t *ip4_hop(const struct ip4_route *r)
{
	uint32_t to = interface_next_hop(r->interface, r->destination);
	return r->mac_known ? r->mac : to ? arp_ready(r->interface, to) : NULL;
}

int ip4_send_parts(const struct ip4_route *r, const uint8_t *mac, struct frame *f,
                   const struct device_part *parts, uint32_t count, uint32_t rest)
{
	struct interface *i = r->interface;
	if (!source_held(r))
		return ERR_UNREACHABLE;
	uint32_t size = f->size;
	if (ip6_is(r->destination)) {
		ip6_header_put(r, f, rest);
		ethernet_put(i, f, mac, ETHERNET_TYPE_IP6);
		return net_device_send_parts(&i->device, f, parts, count);
	}
	struct ip4_header *h =
	        (void *)frame_view(f, f->start - sizeof *h, size + (uint32_t)sizeof *h);
	header_put(h, r, size + rest, 0, IP4_DF); /* segments: atomic, as in ip4_send_frame */
	ethernet_put(i, f, mac, ETHERNET_TYPE_IP4);
	return net_device_send_parts(&i->device, f, parts, count);
}

/* Is what came from this MAC address to be answered there, without asking? */
static inline bool came_by_route(const struct interface *i, uint32_t source, const uint8_t mac[6])
{
	uint32_t to = interface_next_hop(i, source);
	if (to == source)
		return true;
	const uint8_t *known = to ? arp_known(i, to) : NULL;
	return known && memcmp(known, mac, 6) == 0;
}

void ip4_route_back(struct ip4_route *r, const struct ip4_packet *p, uint32_t source)
{
	struct bytes_in in = frame_in(p->frame);
	const struct ethernet_header *ethernet = (const void *)bytes_get(&in, sizeof *ethernet);
	*r = (struct ip4_route){ .interface = p->interface,
		                 .source = source,
		                 .destination = p->source,
		                 .protocol = p->protocol,
		                 .tos = p->tos & (uint8_t)~IP4_ECN };
	memcpy(r->mac, ethernet->source, sizeof r->mac);
	/* Of IPv6 the neighbours' cache alone says where somebody is (RFC 4861 §5.2). */
	r->mac_known = !ip6_is(p->source) && came_by_route(p->interface, p->source, r->mac);
}

int ip4_reply(const struct ip4_packet *p, uint32_t source, uint32_t size)
{
	struct interface *i = p->interface;
	struct frame *f = p->frame;
	struct ip4_route r;
	ip4_route_back(&r, p, source);
	if (p->reassembled ||
	    size + ip4_header_size(p->source) > (ip6_is(p->source) ? IP6_MTU_MIN : i->mtu))
		return ip4_send(&r, p->payload, size < 8 ? size : 8,
		                p->payload + (size < 8 ? size : 8), size < 8 ? 0 : size - 8);
	if (size > p->room)
		return ERR_TOO_BIG;
	if (ip6_is(p->source)) {
		frame_view(f, p->at, size);
		ip6_header_put(&r, f, 0);
		frame_keep(f);
		return hop(&r, f);
	}
	struct ip4_header *h = (void *)frame_view(f, p->at - sizeof *h, size + sizeof *h);
	bool atomic = size + sizeof *h <= IP4_ATOMIC_MAX;
	header_put(h, &r, size, atomic ? 0 : next_id(r.source, r.destination, r.protocol),
	           atomic ? IP4_DF : 0);
	frame_keep(f);
	return hop(&r, f);
}

/* ---- In ---- */

/* RFC 791 §3.1: do the options parse, and is none a source route (refused: RFC 7126 §4.3, 4.4)? */
//@ requires bytes_in_holds(in);
static COLD bool options_fit(struct bytes_in in)
{
	/*@ loop invariant bytes_in_holds(in);
	    loop assigns in.at, in.failed; */
	while (bytes_left(&in)) {
		uint8_t type = bytes_get_u8(&in);
		if (type == 0)
			return true;
		if (type == 1)
			continue;
		uint8_t size = bytes_get_u8(&in);
		if (size < 2 || !bytes_skip(&in, size - 2u) || type == 131 || type == 137)
			return false;
	}
	return true;
}

bool ip4_udp, ip4_multicast;

static struct {
	const struct ip4_protocol *is; /* null: free */
	uint8_t protocol;
} protocols[IP4_PROTOCOLS_MAX];

COLD void ip4_protocol_set(uint8_t protocol, const struct ip4_protocol *is)
{
	uint32_t k = 0, free = IP4_PROTOCOLS_MAX;
	for (; k < IP4_PROTOCOLS_MAX && !(protocols[k].is && protocols[k].protocol == protocol);
	     k++) {
		if (!protocols[k].is && free == IP4_PROTOCOLS_MAX)
			free = k;
	}
	k = k < IP4_PROTOCOLS_MAX ? k : free;
	ensure(k < IP4_PROTOCOLS_MAX);
	protocols[k].is = is;
	protocols[k].protocol = protocol;
}

COLD void ip4_address_gone(struct interface *i, uint32_t address)
{
	for (uint32_t k = 0; k < IP4_PROTOCOLS_MAX; k++) {
		if (protocols[k].is && protocols[k].is->address_gone)
			protocols[k].is->address_gone(i, address);
	}
}

COLD void ip4_unreachable(struct interface *i, uint32_t next_hop)
{
	for (uint32_t k = 0; k < IP4_PROTOCOLS_MAX; k++) {
		if (protocols[k].is && protocols[k].is->unreachable)
			protocols[k].is->unreachable(i, next_hop);
	}
}

/* A datagram or packet that nobody here serves (RFC 1122 §3.2.2.1, §4.1.3.1). */
static COLD void refuse(const struct ip4_packet *p)
{
	bool udp = p->protocol == IP4_PROTOCOL_UDP;
	interface_count(p->interface, udp ? COUNT_RX_NO_PORT : COUNT_RX_UNKNOWN_TYPE);
	icmp_error(p, ICMP_UNREACHABLE, udp ? ICMP_UNREACHABLE_PORT : ICMP_UNREACHABLE_PROTOCOL);
}

void ip4_deliver(struct ip4_packet *p)
{
	if (p->rest && p->protocol != IP4_PROTOCOL_TCP) {
		interface_count(p->interface, COUNT_RX_UNKNOWN_TYPE); /* not asked for */
		return;
	}
	for (uint32_t k = 0; k < IP4_PROTOCOLS_MAX; k++) {
		if (protocols[k].is && protocols[k].protocol == p->protocol) {
			protocols[k].is->input(p);
			return;
		}
	}
	refuse(p);
}

/* Checks everything that a header can have wrong. True: *p is complete but for fragments, whose
 * place *fragment tells (the header's field). */
static bool decode(struct interface *i, struct frame *f, bool link_group, struct ip4_packet *p,
                   uint16_t *fragment)
{
	struct bytes_in in = frame_in(f);
	bytes_skip(&in, sizeof(struct ethernet_header));
	uint32_t start = in.at, received = bytes_left(&in) + i->device.rest_size;
	const struct ip4_header *h = (const void *)bytes_get(&in, sizeof *h);
	if (!h) {
		interface_count(i, COUNT_RX_SHORT);
		return false;
	}
	uint32_t header = (h->version_size & 15u) * 4, total = bytes_load_u16(h->total);
	if (h->version_size >> 4 != 4 || header < sizeof *h || total < header) {
		interface_count(i, COUNT_RX_BAD_HEADER);
		return false;
	}
	if (total > received || header > f->size - start) {
		interface_count(i, COUNT_RX_SHORT);
		return false;
	}
	struct bytes_in options = bytes_slice(&in, header - sizeof *h);
	if (!checksum_good(checksum_add(0, h, header))) {
		interface_count(i, COUNT_RX_BAD_CHECKSUM);
		return false;
	}
	uint32_t source = bytes_load_u32(h->source), destination = bytes_load_u32(h->destination);
	if (!ip4_source_fits(source) || interface_odd(i, source)) {
		interface_count(i, COUNT_RX_BAD_SOURCE);
		return false;
	}
	bool group = link_group || group_address(i, destination);
	/* For us: our address; broadcasts; and before there is an address, what the link says is
	 * ours, for DHCP (RFC 2131 §4.1; udp.c lets nothing else in). A packet to all of the link
	 * that names one host is not for that host (RFC 1122 §3.3.6). */
	bool ours = destination == IP4_BROADCAST || interface_broadcast(i, destination) ||
	            (ip4_multicast && destination >> 28 == 14 && igmp_has(i, destination)) ||
	            (!link_group && (interface_has(i, destination) ||
	                             (!i->address && ip4_source_fits(destination))));
	if (!ours || ip6_is(destination)) {
		interface_count(i, COUNT_RX_OTHER_ADDRESS);
		return false;
	}
	if (bytes_left(&options) && !options_fit(options)) {
		interface_count(i, COUNT_RX_BAD_OPTION);
		return false;
	}
	uint32_t at = f->start + start + header, size = total - header;
	uint32_t first = f->size - start - header, rest = 0;
	if (i->device.rest) {
		rest = size > first ? size - first : 0;
		size -= rest;
	}
	uint32_t most = f->frames->frame_size - at, room = i->mtu - (uint32_t)sizeof *h;
	if (room > most)
		room = most;
	*p = (struct ip4_packet){ .interface = i,
		                  .frame = f,
		                  .rest = rest ? i->device.rest : NULL,
		                  .rest_size = rest,
		                  .header = (const uint8_t *)h,
		                  .header_size = (uint8_t)header,
		                  .at = (uint16_t)at,
		                  .payload = frame_base(f) + at,
		                  .size = size,
		                  .room = room > size ? room : size,
		                  .source = source,
		                  .destination = destination,
		                  .protocol = h->protocol,
		                  .tos = h->tos,
		                  .group = group,
		                  .checked = f->flags & FRAME_CHECKED };
	*fragment = bytes_load_u16(h->fragment);
	return true;
}

bool ip4_checksum_good(const struct ip4_packet *p, uint16_t size, uint32_t at)
{
	const struct ip4_header *h = (const void *)p->header;
	uint64_t pseudo = ip6_is(p->source)
	                          ? ip6_pseudo(p->source, p->destination, p->protocol, size)
	                          : checksum_pseudo(h->source, h->protocol, size);
	if (checksum_good(checksum_add(pseudo, p->payload, size)))
		return true;
	uint16_t stored;
	memcpy(&stored, p->payload + at, sizeof stored);
	return p->interface->device.features & AMP_NET_RX_PARTIAL &&
	       stored == checksum_fold(pseudo);
}

void ip4_input(struct interface *i, struct frame *f, bool group)
{
	struct ip4_packet p;
	uint16_t fragment;
	if (!decode(i, f, group, &p, &fragment))
		return;
	if (!(fragment & (IP4_MF | IP4_OFFSET))) {
		ip4_deliver(&p);
		return;
	}
	if (p.rest) {
		interface_count(i, COUNT_FRAGMENT_BAD);
		return;
	}
	interface_count(i, COUNT_FRAGMENTS);
	if (!fragment_input(&p, fragment,
	                    bytes_load_u16(((const struct ip4_header *)p.header)->id)))
		return;
	interface_count(i, COUNT_REASSEMBLED);
	ip4_deliver(&p);
	fragment_done(&p);
}

bool ip4_input_fast(struct interface *i, struct frame *f)
{
	struct bytes_in in = frame_in(f);
	const struct udp4_headers *h = (const void *)bytes_get(&in, sizeof *h);
	if (!h)
		return false;
	uint64_t destination_mac, source_mac;
	uint32_t type, address;
	uint16_t fragment;
	memcpy(&destination_mac, h, sizeof destination_mac);
	memcpy(&source_mac, h->ethernet.source, sizeof source_mac);
	memcpy(&type, h->ethernet.type,
	       sizeof type); /* and the two bytes that follow: version, TOS */
	memcpy(&fragment, h->ip.fragment, sizeof fragment);
	memcpy(&address, h->ip.destination, sizeof address);
	uint64_t differs = (destination_mac ^ i->mac_word) << 16;
	differs |= (type & 0x00ffffffu) ^ 0x00450008u;
	differs |= fragment & 0xff3fu; /* offset and MF; DF does not matter */
	differs |= h->ip.protocol ^ IP4_PROTOCOL_UDP;
	differs |= __builtin_bswap32(address) ^ i->address;
	differs |= source_mac & 1;
	differs |= (source_mac ^ i->mac_word) << 16 == 0;
	uint32_t total = bytes_load_u16(h->ip.total), source = bytes_load_u32(h->ip.source);
	uint32_t off_link = (source ^ i->address) & i->mask, host = source & ~i->mask;
	bool fits = ip4_source_fits(source) &&
	            (off_link || (host && host != ~i->mask && source != i->address)) &&
	            !(interface_further && i->further_count && interface_further_odd(i, source));
	if (differs || !i->address || !fits ||
	    total < sizeof(struct ip4_header) + sizeof(struct udp_header) ||
	    total > f->size - sizeof(struct ethernet_header) ||
	    !checksum_good(checksum_header(&h->ip)))
		return false;
	uint32_t at = f->start + (uint32_t)sizeof(struct ethernet_header) +
	              (uint32_t)sizeof(struct ip4_header);
	uint32_t size = total - (uint32_t)sizeof(struct ip4_header);
	uint32_t most = f->frames->frame_size - at,
	         room = i->mtu - (uint32_t)sizeof(struct ip4_header);
	room = room > most ? most : room;
	struct ip4_packet p = { .interface = i,
		                .frame = f,
		                .header = (const uint8_t *)&h->ip,
		                .header_size = sizeof(struct ip4_header),
		                .at = (uint16_t)at,
		                .payload = frame_base(f) + at,
		                .size = size,
		                .room = room > size ? room : size,
		                .source = source,
		                .destination = i->address,
		                .protocol = IP4_PROTOCOL_UDP,
		                .tos = h->ip.tos,
		                .checked = f->flags & FRAME_CHECKED };
	udp_input(&p);
	return true;
}
