/* SPDX-License-Identifier: ISC */
/*
 * Out. A packet goes whole, or in fragments of IP6_MTU_MIN: what a path carries beyond that is known of TCP's
 * connections only (tcp/path.c), where a report can be checked against sequence numbers. So there is no table of paths
 * that somebody's reports could fill, or fill with lies.
 */
#include <net/ip6/internal.h>

#include <core/random.h>

const uint8_t ip6_none[16], ip6_all_nodes[16] = { 0xff, 2, [15] = 1 },
                            ip6_all_routers[16] = { 0xff, 2, [15] = 2 };

uint16_t ip6_mtu(const struct interface *i)
{
	return i->ip6 && i->ip6->mtu < i->mtu ? i->ip6->mtu : i->mtu;
}

static void header_fill(struct ip6_header *h, const uint8_t source[16],
                        const uint8_t destination[16], uint8_t tos, uint8_t next, uint8_t hops,
                        uint32_t size)
{
	h->version_class[0] = (uint8_t)(0x60 | tos >> 4);
	h->version_class[1] = (uint8_t)(tos << 4);
	h->flow[0] = h->flow[1] = 0;
	bytes_store_u16(h->size, (uint16_t)size);
	h->next = next;
	h->hops = hops;
	memcpy(h->source, source, 16);
	memcpy(h->destination, destination, 16);
}

static uint8_t hops_of(const struct ip4_route *r)
{
	return r->interface->ip6 ? r->interface->ip6->hops : IP6_HOPS;
}

void ip6_header_put(const struct ip4_route *r, struct frame *f, uint32_t rest)
{
	uint32_t size = f->size + rest;
	struct ip6_header *h = (void *)frame_view(f, f->start - (uint32_t)sizeof *h,
	                                          f->size + (uint32_t)sizeof *h);
	header_fill(h, ip6_number_bytes(r->source), ip6_number_bytes(r->destination), r->tos,
	            r->protocol, hops_of(r), size);
}

uint64_t ip6_pseudo(uint32_t source, uint32_t destination, uint8_t protocol, uint32_t size)
{
	uint64_t sum = checksum_add(0, ip6_number_bytes(source), 16);
	uint8_t end[8] = { [7] = protocol };
	bytes_store_u32(end, size);
	return checksum_add(checksum_add(sum, ip6_number_bytes(destination), 16), end, sizeof end);
}

int ip6_hop(const struct ip4_route *r, struct frame *f)
{
	struct interface *i = r->interface;
	const uint8_t *to = ip6_number_bytes(r->destination);
	if (r->mac_known)
		return ethernet_send(i, f, r->mac, ETHERNET_TYPE_IP6);
	if (to[0] == 0xff) {
		uint8_t mac[6];
		ip6_group_mac(to, mac);
		return ethernet_send(i, f, mac, ETHERNET_TYPE_IP6);
	}
	uint32_t hop = ip6_next_hop(i, r->destination);
	if (hop)
		return arp_send(i, hop, f);
	interface_count(i, COUNT_TX_NO_ROUTE);
	frame_drop(f);
	return ERR_UNREACHABLE;
}

COLD int ip6_route(struct ip4_route *r, struct interface *only, uint32_t destination)
{
	uint32_t total = interface_total();
	const struct interface *link = ip6_number_link(destination);
	struct interface *counts = only ? only : interface_at(0);
	for (uint32_t k = 0; k < total; k++) {
		struct interface *i = interface_at(k);
		if (!i->ip6 || (only && i != only) || (link && i != link))
			continue;
		bool group = ip6_number_bytes(destination)[0] == 0xff;
		uint32_t own = ip6_source(i, destination);
		if (!own || ip6_has(i, destination) || (!group && !ip6_next_hop(i, destination)))
			continue;
		r->interface = i;
		r->source = own;
		r->destination = destination;
		return OK;
	}
	if (counts)
		interface_count(counts, COUNT_TX_NO_ROUTE);
	return ERR_UNREACHABLE;
}

COLD int ip6_send(const struct ip4_route *r, const void *head, uint32_t head_size, const void *body,
                  uint32_t size)
{
	struct interface *i = r->interface;
	uint64_t whole = (uint64_t)head_size + size;
	uint32_t mtu = ip6_mtu(i) < IP6_MTU_MIN ? ip6_mtu(i) : IP6_MTU_MIN;
	uint32_t most = mtu - (uint32_t)sizeof(struct ip6_header);
	uint32_t unit = (most - (uint32_t)sizeof(struct ip6_fragment)) & ~7u;
	if (whole > UINT16_MAX || head_size > unit) {
		interface_count(i, COUNT_TX_TOO_BIG);
		return ERR_TOO_BIG;
	}
	uint32_t left = (uint32_t)whole, at = 0,
	         pieces = left <= most ? 1 : (left + unit - 1) / unit;
	if (pieces > device_room(&i->device) || pieces > i->device.frames.free_count) {
		interface_count(i, pieces > device_room(&i->device) ? COUNT_TX_RING_FULL
		                                                    : COUNT_TX_NO_FRAME);
		return ERR_MEMORY;
	}
	uint32_t id = pieces > 1 ? random_u32() : 0; /* RFC 7739 §5.1 */
	struct bytes_in from = bytes_in(body, size);
	int result = OK;
	struct ip4_route part = *r;
	part.protocol = pieces > 1 ? IP6_NEXT_FRAGMENT : r->protocol;
	for (; pieces; pieces--) {
		struct frame *f = frame_alloc(&i->device.frames);
		if (!f) { /* as in ip4_send */
			interface_count(i, COUNT_TX_NO_FRAME);
			return ERR_MEMORY;
		}
		uint32_t more = part.protocol == IP6_NEXT_FRAGMENT
		                        ? (uint32_t)sizeof(struct ip6_fragment)
		                        : 0;
		uint32_t n = pieces == 1 ? left : unit, total = n + more;
		uint32_t start = AMP_FRAME_HEADROOM + (uint32_t)sizeof(struct ip6_header);
		struct bytes_out out = bytes_out(frame_view(f, start, total), total);
		if (more) {
			struct ip6_fragment *h = (void *)bytes_put(&out, sizeof *h);
			*h = (struct ip6_fragment){ .next = r->protocol };
			bytes_store_u16(h->fragment, (uint16_t)(at | (pieces > 1 ? IP6_MORE : 0)));
			bytes_store_u32(h->id, id);
		}
		uint32_t of_head = at ? 0 : head_size;
		bytes_put_copy(&out, head, of_head);
		bytes_put_copy(&out, bytes_get(&from, n - of_head), n - of_head);
		ensure(!out.failed && !from.failed);
		ip6_header_put(&part, f, 0);
		int error = ip6_hop(&part, f);
		result = result ? result : error;
		at += n;
		left -= n;
	}
	return result;
}

/* ---- Messages of our own ---- */

#define MESSAGE_MAX 512u /* bytes: the longest is a report of groups */

bool ip6_message_start(struct ip6 *six, struct ip6_message *m, uint8_t type, uint8_t code)
{
	struct interface *i = six->interface;
	uint32_t start =
	        AMP_FRAME_HEADROOM + (uint32_t)sizeof(struct ip6_header) + 8; /* router alert */
	m->frame = frame_alloc(&i->device.frames);
	if (!m->frame) {
		interface_count(i, COUNT_TX_NO_FRAME);
		return false;
	}
	m->out = bytes_out(frame_view(m->frame, start, MESSAGE_MAX), MESSAGE_MAX);
	bytes_put_u8(&m->out, type);
	bytes_put_u8(&m->out, code);
	bytes_put_u16(&m->out, 0);
	return true;
}

void ip6_message_send(struct ip6 *six, struct ip6_message *m, const uint8_t source[16],
                      const uint8_t destination[16], const uint8_t *mac, bool router_alert)
{
	static const uint8_t alert[8] = { IP6_NEXT_ICMP, 0, 5, 2, 0, 0, 1, 0 }; /* RFC 2711, PadN */
	struct interface *i = six->interface;
	struct frame *f = m->frame;
	uint32_t size = m->out.at;
	ensure(!m->out.failed);
	uint8_t *message = frame_view(f, f->start, size), end[8] = { [7] = IP6_NEXT_ICMP };
	bytes_store_u32(end, size);
	uint64_t sum = checksum_add(0, source, 16);
	sum = checksum_add(checksum_add(sum, destination, 16), end, sizeof end);
	checksum_store(message + 2, checksum_add(sum, message, size));
	if (router_alert) {
		memcpy(frame_view(f, f->start - 8, size + 8), alert, sizeof alert);
		size += 8;
	}
	struct ip6_header *h =
	        (void *)frame_view(f, f->start - (uint32_t)sizeof *h, size + (uint32_t)sizeof *h);
	header_fill(h, source, destination, 0, router_alert ? IP6_NEXT_HOPS : IP6_NEXT_ICMP,
	            router_alert ? 1 : 255, size);
	uint8_t group[6];
	if (!mac && destination[0] == 0xff) {
		ip6_group_mac(destination, group);
		mac = group;
	}
	if (mac) {
		ethernet_send(i, f, mac, ETHERNET_TYPE_IP6);
		return;
	}
	uint32_t to = ip6_number(destination, i), hop = to ? ip6_next_hop(i, to) : 0;
	if (hop)
		arp_send(i, hop, f);
	else
		frame_drop(f);
	ip6_drop(to);
}
