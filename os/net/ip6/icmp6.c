/* SPDX-License-Identifier: ISC */
/*
 * ICMPv6 (RFC 4443): echo is answered in place; errors go out within ICMP's rate, and those that come in are
 * told to transports as ICMP's that mean the same. Neighbour discovery is believed if it has come from this link, whole and
 * bare (hop limit 255, RFC 6980).
 */
#include <net/ip6/internal.h>

#define QUOTE_MAX (IP6_MTU_MIN - 40u - 8u) /* RFC 4443 §2.4(c) */

void ip6_icmp_error(const struct ip4_packet *p, uint8_t type, uint8_t code, uint32_t value)
{
	struct interface *i = p->interface;
	/* RFC 4443 §2.4(e): not about errors and redirects, nor about what somebody without an address sent. To a group only
	 * what asks for it, which the caller has looked at. */
	if (!p->source || (p->protocol == IP6_NEXT_ICMP &&
	                   (!p->size || p->payload[0] < 128 || p->payload[0] == ICMP6_REDIRECT)))
		return;
	uint32_t source = p->group ? ip6_source(i, p->source) : p->destination;
	if (!interface_has(i, source))
		return;
	if (!icmp_error_allowed()) {
		interface_count(i, COUNT_ICMP_LIMITED);
		return;
	}
	struct ip4_route route;
	ip4_route_back(&route, p, source);
	route.protocol = IP6_NEXT_ICMP;
	route.tos = 0;
	uint32_t in_frame = (uint32_t)p->frame->start + p->frame->size -
	                    (uint32_t)(p->header - frame_base(p->frame));
	uint32_t quoted = p->reassembled || (uint32_t)p->header_size + p->size > in_frame
	                          ? in_frame
	                          : p->header_size + p->size;
	quoted = quoted > QUOTE_MAX ? QUOTE_MAX : quoted;
	struct icmp_header h = { .type = type, .code = code };
	bytes_store_u32(h.rest, value);
	uint64_t sum = ip6_pseudo(source, p->source, IP6_NEXT_ICMP, quoted + (uint32_t)sizeof h);
	sum = checksum_add(checksum_add(sum, &h, sizeof h), p->header, quoted);
	checksum_store(h.checksum, sum);
	if (ip4_send(&route, &h, sizeof h, p->header, quoted) == 0)
		interface_count(i, COUNT_ICMP_ERRORS_SENT);
}

COLD void ip6_error(const struct ip4_packet *p, uint8_t type, uint8_t code)
{
	if (p->group)
		return;
	if (type == ICMP_TIME_EXCEEDED)
		ip6_icmp_error(p, ICMP6_TIME_EXCEEDED, ICMP6_TIME_REASSEMBLY, 0);
	else if (code == ICMP_UNREACHABLE_PORT)
		ip6_icmp_error(p, ICMP6_UNREACHABLE, ICMP6_UNREACHABLE_PORT, 0);
	else /* nobody here speaks TCP, or UDP */
		ip6_icmp_error(p, ICMP6_PARAMETER, ICMP6_PARAMETER_NEXT, 6);
}

/* ---- Errors about what we sent ---- */

/* ICMP's type and code that mean the same. False: it tells nobody anything. */
static bool translate(struct icmp_report *r, const struct icmp_header *h)
{
	uint32_t value = bytes_load_u32(h->rest);
	r->type = ICMP_UNREACHABLE;
	switch (h->type) {
	case ICMP6_UNREACHABLE:
		r->code = h->code == ICMP6_UNREACHABLE_PORT ? ICMP_UNREACHABLE_PORT : 1;
		return true;
	case ICMP6_TOO_BIG: /* RFC 8201 §4: less than that is no path's MTU */
		r->code = ICMP_UNREACHABLE_FRAGMENTATION;
		r->mtu = value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
		return value >= IP6_MTU_MIN;
	case ICMP6_TIME_EXCEEDED:
		r->type = ICMP_TIME_EXCEEDED;
		return true;
	case ICMP6_PARAMETER:
		r->code = ICMP_UNREACHABLE_PROTOCOL;
		return h->code == ICMP6_PARAMETER_NEXT;
	default:
		return false;
	}
}

static void report(const struct ip4_packet *p, const struct icmp_header *h)
{
	struct interface *i = p->interface;
	struct bytes_in in = bytes_in(p->payload, p->size);
	bytes_skip(&in, sizeof *h);
	const struct ip6_header *q = (const void *)bytes_get(&in, sizeof *q);
	uint8_t next = q ? q->next : 0;
	if (q && next == IP6_NEXT_FRAGMENT) { /* a first piece of ours */
		const struct ip6_fragment *f = (const void *)bytes_get(&in, sizeof *f);
		next = f && !(bytes_load_u16(f->fragment) & 0xfff8u) ? f->next : IP6_NEXT_NONE;
	}
	if (!q || q->version_class[0] >> 4 != 6 || in.failed || bytes_left(&in) < 8) {
		interface_count(i, COUNT_RX_SHORT);
		return;
	}
	const struct ip6_own *own = ip6_own_find(i->ip6, q->source);
	uint32_t to = own ? ip6_number(q->destination, i) : 0;
	struct icmp_report r = { .interface = i,
		                 .protocol = next,
		                 .total = (uint16_t)(bytes_load_u16(q->size) + 40u),
		                 .source = own ? own->word : 0,
		                 .destination = to,
		                 .quoted = in.base + in.at,
		                 .quoted_size = bytes_left(&in) };
	if (to && ip6_own_usable(own) && translate(&r, h))
		icmp_report_tell(&r);
	else
		interface_count(i, COUNT_RX_UNKNOWN_TYPE);
	ip6_drop(to);
}

/* ---- In ---- */

static void echo(struct ip4_packet *p, struct icmp_header *h)
{
	uint32_t source =
	        p->group && p->source ? ip6_source(p->interface, p->source) : p->destination;
	if (!p->source || !source || h->code) {
		interface_count(p->interface, COUNT_RX_UNKNOWN_TYPE);
		return;
	}
	if (p->group &&
	    !icmp_error_allowed()) { /* all answer, and somebody may have named another's address */
		interface_count(p->interface, COUNT_ICMP_LIMITED);
		return;
	}
	h->type = ICMP6_ECHO_REPLY;
	memset(h->checksum, 0, sizeof h->checksum);
	uint64_t sum = ip6_pseudo(source, p->source, IP6_NEXT_ICMP, p->size);
	checksum_store(h->checksum, checksum_add(sum, p->payload, p->size));
	ip4_reply(p, source, p->size);
}

/* From somebody without an address: the pseudo-header of :: is not to be had by number. */
static bool sum_good(const struct ip4_packet *p)
{
	const struct ip6_header *h = (const void *)p->header;
	uint8_t end[8] = { [7] = IP6_NEXT_ICMP };
	bytes_store_u32(end, p->size);
	uint64_t sum = checksum_add(checksum_add(0, h->source, 32), end, sizeof end);
	return !p->rest && checksum_good(checksum_add(sum, p->payload, p->size));
}

void ip6_icmp_input(struct ip4_packet *p, bool bare)
{
	struct interface *i = p->interface;
	struct icmp_header *h = (void *)p->payload;
	const struct ip6_header *ip = (const void *)p->header;
	if (p->size < sizeof *h) {
		interface_count(i, COUNT_RX_SHORT);
		return;
	}
	if (!p->source && !sum_good(p)) {
		interface_count(i, COUNT_RX_BAD_CHECKSUM);
		return;
	}
	switch (h->type) {
	case ICMP6_ECHO:
		echo(p, h);
		return;
	case ICMP6_UNREACHABLE:
	case ICMP6_TOO_BIG:
	case ICMP6_TIME_EXCEEDED:
	case ICMP6_PARAMETER:
		if (!p->group && p->source)
			report(p, h);
		return;
	case ICMP6_LISTENERS_ASKED:
		if (ip->hops == 1 && !p->reassembled)
			ip6_group_asked(i->ip6, p);
		return;
	case ICMP6_LISTENER_V1:
		if (ip->hops == 1 && !p->reassembled)
			ip6_group_reported(i->ip6, p);
		return;
	case ICMP6_ROUTER:
	case ICMP6_SOLICIT:
	case ICMP6_NEIGHBOUR:
	case ICMP6_REDIRECT:
		if (!bare || ip->hops != 255 || h->code || p->reassembled) {
			interface_count(i, COUNT_NDP_BAD);
			return;
		}
		if (h->type == ICMP6_REDIRECT) {
			if (p->source && !p->group)
				ip6_redirect_input(i->ip6, p);
		} else if (h->type != ICMP6_ROUTER)
			ip6_neighbour_input(i->ip6, p);
		else if (interface_ip6_automatic && i->ip6->automatic)
			ip6_router_input(i->ip6, p);
		return;
	default:
		interface_count(i, COUNT_RX_UNKNOWN_TYPE);
	}
}
