/* SPDX-License-Identifier: ISC */
/*
 * Redirects (RFC 4861 §8): a router says of one address that it is on the link, or that another router is nearer to it. It is
 * believed if it is the router that packets to this address go to now. The table is small, an entry goes after a
 * while, with the router that told it, and when who it names does not answer: then all is as routes say.
 */
#include <net/ip6/internal.h>

static void drop(struct ip6_redirect *r)
{
	ip6_drop(r->router);
	ip6_drop(r->hop);
	*r = (struct ip6_redirect){ .router = 0 };
}

static struct ip6_redirect *find(const struct ip6 *six, const uint8_t to[16])
{
	for (uint32_t k = 0; k < IP6_REDIRECTS_MAX; k++) {
		const struct ip6_redirect *r = &six->redirects[k];
		if (r->router && memcmp(r->to, to, 16) == 0)
			return r->until > clock_coarse() ? (struct ip6_redirect *)r : NULL;
	}
	return NULL;
}

uint32_t ip6_redirect_hop(const struct ip6 *six, const uint8_t to[16])
{
	const struct ip6_redirect *r = find(six, to);
	return r ? r->hop : 0;
}

bool ip6_redirect_on_link(const struct ip6 *six, const uint8_t address[16])
{
	const struct ip6_redirect *r = find(six, address);
	return r && memcmp(ip6_number_bytes(r->hop), address, 16) == 0;
}

COLD void ip6_redirect_forget(struct ip6 *six, uint32_t word)
{
	for (uint32_t k = 0; k < IP6_REDIRECTS_MAX; k++) {
		struct ip6_redirect *r = &six->redirects[k];
		if (r->router && (r->router == word || r->hop == word))
			drop(r);
	}
}

COLD void ip6_redirect_clear(struct ip6 *six)
{
	for (uint32_t k = 0; k < IP6_REDIRECTS_MAX; k++)
		drop(&six->redirects[k]);
}

/* Room for this address: its own entry, a free one, or one whose time is over. */
static struct ip6_redirect *room(struct ip6 *six, const uint8_t to[16])
{
	struct ip6_redirect *at = NULL;
	for (uint32_t k = 0; k < IP6_REDIRECTS_MAX; k++) {
		struct ip6_redirect *r = &six->redirects[k];
		if (r->router && memcmp(r->to, to, 16) == 0)
			return r;
		if (!r->router || r->until <= clock_coarse())
			at = r;
	}
	return at;
}

/* §8.3; router, hop: words that are held. */
static void believe(struct ip6 *six, const uint8_t to[16], uint32_t router, uint32_t hop,
                    const uint8_t *mac)
{
	struct ip6_redirect *r = room(six, to);
	if (!r) {
		interface_count(six->interface, COUNT_NDP_LIMIT);
		return;
	}
	ip6_keep(router);
	ip6_keep(hop);
	drop(r);
	*r = (struct ip6_redirect){ .router = router,
		                    .hop = hop,
		                    .until = clock_now() + IP6_REDIRECT_NS };
	memcpy(r->to, to, 16);
	if (mac)
		arp_heard(six->interface, hop, mac);
}

COLD void ip6_redirect_input(struct ip6 *six, struct ip4_packet *p)
{
	struct interface *i = six->interface;
	struct bytes_in in = bytes_in(p->payload, p->size);
	bytes_skip(&in, 8);
	const uint8_t *target = bytes_get(&in, 16), *to = bytes_get(&in, 16), *mac = NULL;
	/* §8.1. What is on the link in any case has no router. */
	bool good = to && ip6_is_link(ip6_number_bytes(p->source)) && to[0] != 0xff &&
	            !ip6_is_link(to) && !ip6_own_find(six, to) && !ip6_own_find(six, target) &&
	            (ip6_is_link(target) || memcmp(target, to, 16) == 0) &&
	            ip6_neighbour_target(six, in, &mac);
	uint32_t word = good ? ip6_number(to, i) : 0, hop = word ? ip6_number(target, i) : 0;
	if (hop && ip6_next_hop(i, word) == p->source)
		believe(six, to, p->source, hop, mac);
	else
		interface_count(i, COUNT_NDP_BAD);
	ip6_drop(word);
	ip6_drop(hop);
}
