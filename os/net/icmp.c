/* SPDX-License-Identifier: ISC */
/*
 * Echo is answered in place by ip4_reply(). Errors that come in go to the transport that asked for
 * them. Errors are rate-limited by a bucket of tokens that is refilled by a random measure, so that
 * nobody can count from outside which of their probes were answered (the SAD DNS attack).
 */
#include <net/icmp.h>

#include <core/clock.h>
#include <core/cold.h>
#include <core/random.h>
#include <net/checksum.h>
#include <net/interface_internal.h>
#include <net/ip4.h>

bool icmp_error_allowed(void)
{
	static uint64_t refilled;
	static uint32_t tokens = ICMP_ERRORS_BURST;
	uint64_t now = clock_coarse(), passed = now - refilled;
	uint64_t more = passed / (NS_PER_S / ICMP_ERRORS_PER_SECOND);
	if (more) {
		uint32_t most = ICMP_ERRORS_BURST - random_below(ICMP_ERRORS_BURST / 8);
		refilled = now;
		if (tokens < most)
			tokens = more > most - tokens ? most : tokens + (uint32_t)more;
	}
	if (!tokens)
		return false;
	tokens--;
	return true;
}

/* Is what cannot be delivered an ICMP error itself? What cannot be told counts as one. */
static bool is_error(const struct ip4_packet *p)
{
	if (p->protocol != IP4_PROTOCOL_ICMP)
		return false;
	uint8_t type = p->size ? p->payload[0] : ICMP_UNREACHABLE;
	return type != ICMP_ECHO && type != ICMP_ECHO_REPLY && !(type >= 13 && type <= 18);
}

void icmp_error(const struct ip4_packet *p, uint8_t type, uint8_t code)
{
	struct interface *i = p->interface;
	if (ip6_is(p->source)) {
		ip6_error(p, type, code);
		return;
	}
	/* RFC 1122 §3.2.2: not about errors, nor to or about groups. Fragments but the first do not
	 * come here, and decode() has refused all sources that are not one host. */
	if (p->group || !interface_has(i, p->destination) || is_error(p))
		return;
	if (!icmp_error_allowed()) {
		interface_count(i, COUNT_ICMP_LIMITED);
		return;
	}
	struct ip4_route route;
	ip4_route_back(&route, p, p->destination);
	route.protocol = IP4_PROTOCOL_ICMP;
	route.tos = 0xc0; /* RFC 1812 §4.3.2.5 */
	/* The header as it came, and what follows it in the same frame. */
	uint32_t in_frame = (uint32_t)p->frame->start + p->frame->size - p->at;
	uint32_t quoted =
	        p->header_size + (p->reassembled || p->size > in_frame ? in_frame : p->size);
	if (quoted > ICMP_QUOTE_MAX)
		quoted = ICMP_QUOTE_MAX;
	struct icmp_header h = { .type = type, .code = code };
	checksum_store(h.checksum, checksum_add(checksum_add(0, &h, sizeof h), p->header, quoted));
	if (ip4_send(&route, &h, sizeof h, p->header, quoted) == 0)
		interface_count(i, COUNT_ICMP_ERRORS_SENT);
}

static struct {
	icmp_report_fn *fn; /* null: free */
	uint8_t protocol;
} reports[IP4_PROTOCOLS_MAX];

void icmp_report_set(uint8_t protocol, icmp_report_fn *fn)
{
	uint32_t k = 0;
	while (k < IP4_PROTOCOLS_MAX - 1 && reports[k].fn && reports[k].protocol != protocol)
		k++;
	ensure(!reports[k].fn || reports[k].protocol == protocol);
	reports[k].fn = fn;
	reports[k].protocol = protocol;
}

static icmp_report_fn *report_fn(uint8_t protocol)
{
	for (uint32_t k = 0; k < IP4_PROTOCOLS_MAX; k++) {
		if (reports[k].protocol == protocol && reports[k].fn)
			return reports[k].fn;
	}
	return NULL;
}

void icmp_report_tell(const struct icmp_report *r)
{
	icmp_report_fn *tell = report_fn(r->protocol);
	if (tell && interface_has(r->interface, r->source))
		tell(r);
	else
		interface_count(r->interface, COUNT_RX_UNKNOWN_TYPE);
}

/* An error about a packet of ours (RFC 1122 §3.2.2: it quotes the IP header and 8 bytes at least).
 */
static void report(const struct ip4_packet *p, const struct icmp_header *h)
{
	struct interface *i = p->interface;
	struct bytes_in in = bytes_in(p->payload, p->size);
	bytes_skip(&in, sizeof *h);
	const struct ip4_header *q = (const void *)bytes_get(&in, sizeof *q);
	uint32_t header = q ? (q->version_size & 15u) * 4 : 0;
	//@ split header;
	if (!q || q->version_size >> 4 != 4 || header < sizeof *q ||
	    !bytes_skip(&in, header - (uint32_t)sizeof *q) || bytes_left(&in) < 8) {
		interface_count(i, COUNT_RX_SHORT);
		return;
	}
	uint32_t source = bytes_load_u32(q->source);
	uint32_t destination = bytes_load_u32(q->destination);
	if (bytes_load_u16(q->fragment) & IP4_OFFSET || ip6_is(source) || ip6_is(destination)) {
		interface_count(i, COUNT_RX_UNKNOWN_TYPE);
		return;
	}
	bool fragmentation =
	        h->type == ICMP_UNREACHABLE && h->code == ICMP_UNREACHABLE_FRAGMENTATION;
	icmp_report_tell(
	        &(struct icmp_report){ .interface = i,
	                               .type = h->type,
	                               .code = h->code,
	                               .protocol = q->protocol,
	                               .mtu = fragmentation ? bytes_load_u16(h->rest + 2) : 0,
	                               .total = bytes_load_u16(q->total),
	                               .source = source,
	                               .destination = destination,
	                               .quoted = in.base + in.at,
	                               .quoted_size = bytes_left(&in) });
}

static void input(struct ip4_packet *p)
{
	struct interface *i = p->interface;
	if (p->size < sizeof(struct icmp_header)) {
		interface_count(i, COUNT_RX_SHORT);
		return;
	}
	uint64_t sum = checksum_add(0, p->payload, p->size);
	if (!checksum_good(sum)) {
		interface_count(i, COUNT_RX_BAD_CHECKSUM);
		return;
	}
	struct icmp_header *h = (void *)p->payload;
	bool ours = !p->group && interface_has(i, p->destination);
	if (ours && (h->type == ICMP_UNREACHABLE || h->type == ICMP_TIME_EXCEEDED ||
	             h->type == ICMP_PARAMETER)) {
		report(p, h);
		return;
	}
	/* RFC 1122 §3.2.2.6 lets a host ignore echo requests to groups: else it amplifies. */
	if (h->type != ICMP_ECHO || h->code != 0 || !ours) {
		interface_count(i, COUNT_RX_UNKNOWN_TYPE);
		return;
	}
	h->type = ICMP_ECHO_REPLY;
	memset(h->checksum, 0, sizeof h->checksum);
	checksum_store(h->checksum, checksum_add(0, p->payload, p->size));
	ip4_reply(p, p->destination, p->size);
}

COLD void icmp_start(void)
{
	static const struct ip4_protocol protocol = { .input = input };
	ip4_protocol_set(IP4_PROTOCOL_ICMP, &protocol);
}
