/* SPDX-License-Identifier: ISC */
/*
 * Echo is answered in place by ip4_reply(). Errors are rate-limited by a bucket of tokens that is
 * refilled by a random measure, so that nobody can count from outside which of their probes were
 * answered (the SAD DNS attack).
 */
#include <net/icmp.h>

#include <core/clock.h>
#include <core/random.h>
#include <net/checksum.h>
#include <net/interface_internal.h>
#include <net/ip4.h>

static bool error_allowed(void)
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
	/* RFC 1122 §3.2.2: not about errors, nor to or about groups. Fragments but the first do not
	 * come here, and decode() has refused all sources that are not one host. */
	if (p->group || !i->address || p->destination != i->address || is_error(p))
		return;
	if (!error_allowed()) {
		interface_count(i, COUNT_ICMP_LIMITED);
		return;
	}
	struct ip4_route route;
	ip4_route_back(&route, p, i->address);
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

void icmp_input(struct ip4_packet *p)
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
	/* RFC 1122 §3.2.2.6 lets a host ignore echo requests to groups: else it amplifies. Errors
	 * have nobody who could use them yet. */
	if (h->type != ICMP_ECHO || h->code != 0 || p->group || !i->address) {
		interface_count(i, COUNT_RX_UNKNOWN_TYPE);
		return;
	}
	h->type = ICMP_ECHO_REPLY;
	memset(h->checksum, 0, sizeof h->checksum);
	checksum_store(h->checksum, checksum_add(0, p->payload, p->size));
	ip4_reply(p, i->address, p->size);
}
