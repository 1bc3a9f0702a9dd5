/* SPDX-License-Identifier: ISC */
/*
 * The way to an address: a redirect's, if there is one; the link, if one of its networks has it; else the route with the longest prefix, and of several
 * the preferred one (RFC 4191); else a default router, one that answers if there is one.
 */
#include <net/ip6/internal.h>

bool ip6_within(const uint8_t a[16], const uint8_t b[16], uint8_t prefix)
{
	uint32_t whole = prefix / 8u, left = prefix % 8u;
	return memcmp(a, b, whole) == 0 && (!left || (a[whole] ^ b[whole]) >> (8 - left) == 0);
}

/* Bits of the network on the link that has the address; -1: none. */
static int link_bits(const struct ip6 *six, const uint8_t a[16])
{
	int best = ip6_is_link(a) ? 10 : -1;
	for (uint32_t k = 0; k < six->own_count; k++) {
		const struct ip6_own *o = &six->own[k];
		if (o->kind == IP6_STATIC && ip6_own_usable(o) && o->prefix > best &&
		    ip6_within(a, o->address, o->prefix))
			best = o->prefix;
	}
	for (uint32_t k = 0; k < IP6_PREFIXES_MAX; k++) {
		const struct ip6_prefix *p = &six->prefixes[k];
		if (p->until && p->prefix > best && ip6_within(a, p->address, p->prefix))
			best = p->prefix;
	}
	return best;
}

bool ip6_on_link(const struct ip6 *six, const uint8_t address[16])
{
	return link_bits(six, address) >= 0 || ip6_redirect_on_link(six, address);
}

static uint32_t default_router(const struct interface *i)
{
	const struct ip6_router *best = NULL;
	bool best_there = false;
	for (uint32_t k = 0; k < IP6_ROUTERS_MAX; k++) {
		const struct ip6_router *r = &i->ip6->routers[k];
		if (!r->word)
			continue;
		bool there = arp_known(i, r->word);
		if (!best || (there && !best_there) ||
		    (there == best_there && r->preference > best->preference)) {
			best = r;
			best_there = there;
		}
	}
	return best ? best->word : 0;
}

uint32_t ip6_next_hop(const struct interface *i, uint32_t to)
{
	const struct ip6 *six = i->ip6;
	const struct ip6_way *best = NULL;
	const struct interface *link = ip6_number_link(to);
	const uint8_t *a = ip6_number_bytes(to);
	if (!six || (link && link != i))
		return 0;
	uint32_t redirected = ip6_redirect_hop(six, a);
	if (redirected)
		return redirected;
	int bits = link_bits(six, a);
	for (uint32_t k = 0; k < IP6_ROUTES_MAX; k++) {
		const struct ip6_way *w = &six->ways[k];
		if (!w->gateway || !ip6_within(a, w->to, w->prefix) || w->prefix <= bits)
			continue;
		if (!best || w->prefix > best->prefix ||
		    (w->prefix == best->prefix && w->preference > best->preference))
			best = w;
	}
	if (best)
		return best->gateway;
	return bits >= 0 ? to : interface_ip6_automatic ? default_router(i) : 0;
}

void ip6_way_remove(struct ip6_way *w)
{
	ip6_drop(w->gateway);
	*w = (struct ip6_way){ .gateway = 0 };
}

COLD int ip6_way_add(struct ip6 *six, const uint8_t to[16], uint8_t prefix,
                     const uint8_t gateway[16], int8_t preference, bool fixed, uint64_t until)
{
	uint32_t word = ip6_number(gateway, six->interface);
	struct ip6_way *at = NULL;
	if (!word)
		return ERR_MEMORY;
	for (uint32_t k = 0; k < IP6_ROUTES_MAX; k++) {
		struct ip6_way *w = &six->ways[k];
		bool same = w->gateway == word && w->prefix == prefix && w->fixed == fixed &&
		            ip6_within(w->to, to, prefix);
		if (same) {
			at = w;
			break;
		}
		/* Half of the table is the manifest's. */
		if (!w->gateway && !at && (fixed || k >= IP6_ROUTES_MAX / 2))
			at = w;
	}
	if (!at) {
		ip6_drop(word);
		return ERR_MEMORY;
	}
	if (at->gateway)
		ip6_way_remove(at);
	*at = (struct ip6_way){ .prefix = prefix,
		                .preference = preference,
		                .fixed = fixed,
		                .gateway = word,
		                .until = until };
	memcpy(at->to, to, 16);
	return OK;
}
