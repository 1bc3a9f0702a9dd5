/* SPDX-License-Identifier: ISC */
/*
 * Routers and what they advertise (RFC 4861 §6.3, RFC 4862 §5.5, RFC 4191, RFC 8106). A message is checked as a whole before any
 * of it is believed. Everything that it says goes to a table of a fixed size, in which nothing makes room for something
 * newer: a router that invents prefixes fills what is free, and moves nothing.
 */
#include <net/ip6/internal.h>

#include <core/log.h>
#include <core/random.h>

#define OPTION_SOURCE  1u
#define OPTION_PREFIX  3u
#define OPTION_MTU     5u
#define OPTION_ROUTE   24u
#define OPTION_SERVERS 25u
#define OPTIONS_MAX    32u /* of a message: further ones are not looked at */
#define FLAG_MANAGED   0x80u
#define FLAG_OTHER     0x40u
#define PREFIX_LINK    0x80u
#define PREFIX_AUTO    0x40u
#define FOREVER        UINT32_MAX /* seconds */

static uint64_t until(uint64_t now, uint32_t seconds)
{
	return seconds == FOREVER ? CLOCK_NEVER : now + seconds * NS_PER_S;
}

/* RFC 4191 §2.1; -2: reserved. */
static int8_t preference_of(uint8_t flags)
{
	static const int8_t preferences[4] = { 0, 1, -2, -1 };
	return preferences[flags >> 3 & 3];
}

/* ---- The router itself ---- */

static void end(struct ip6 *six, struct ip6_router *r)
{
	ip6_redirect_forget(six, r->word);
	ip6_drop(r->word);
	r->word = 0;
}

/* True: it was one, and is none any more. */
static bool router_set(struct ip6 *six, uint32_t word, uint16_t lifetime, int8_t preference,
                       uint64_t now)
{
	struct ip6_router *at = NULL;
	for (uint32_t k = 0; k < IP6_ROUTERS_MAX; k++) {
		struct ip6_router *r = &six->routers[k];
		if (r->word == word) {
			at = r;
			break;
		}
		if (!r->word && !at)
			at = r;
	}
	if (!lifetime) {
		bool was = at && at->word == word;
		if (was)
			end(six, at);
		return was;
	}
	if (!at) {
		interface_count(six->interface, COUNT_NDP_LIMIT);
		return false;
	}
	if (!at->word) {
		char text[NET_ADDRESS_TEXT_MAX];
		ip6_keep(word);
		at->word = word;
		net_address_print(text, ip6_number_address(word));
		log_info("net", "%s: router %s", interface_name(six->interface), text);
	}
	at->preference = preference == -2 ? 0 : preference;
	at->until = now + lifetime * NS_PER_S;
	return false;
}

void ip6_router_forget(struct ip6 *six, uint32_t word)
{
	for (uint32_t k = 0; k < IP6_ROUTERS_MAX; k++) {
		if (six->routers[k].word && six->routers[k].word == word) {
			end(six, &six->routers[k]);
			return;
		}
	}
}

/* ---- Options ---- */

/* True: it was on the link, and is not any more. */
static bool prefix_on_link(struct ip6 *six, const uint8_t prefix[16], uint8_t bits,
                           uint32_t lifetime, uint64_t now)
{
	struct ip6_prefix *at = NULL;
	for (uint32_t k = 0; k < IP6_PREFIXES_MAX; k++) {
		struct ip6_prefix *p = &six->prefixes[k];
		if (p->until && p->prefix == bits && ip6_within(p->address, prefix, bits)) {
			at = p;
			break;
		}
		if (!p->until && !at)
			at = p;
	}
	if (!at) {
		interface_count(six->interface, COUNT_NDP_LIMIT);
		return false;
	}
	bool was = at->until;
	memcpy(at->address, prefix, 16);
	at->prefix = bits;
	at->until = lifetime ? until(now, lifetime) : 0;
	return was && !lifetime;
}

/* True: it has ended. */
static bool prefix(struct ip6 *six, struct bytes_in in, uint64_t now)
{
	uint8_t bits = bytes_get_u8(&in), flags = bytes_get_u8(&in);
	uint32_t valid = bytes_get_u32(&in), preferred = bytes_get_u32(&in);
	bytes_skip(&in, 4);
	const uint8_t *p = bytes_get(&in, 16);
	if (!p || bits > 128 || ip6_is_link(p) || p[0] == 0xff)
		return false;
	/* A network that takes in half of the world is none; and 64 bits are what identifiers fit. */
	bool ended = flags & PREFIX_LINK && bits >= 16 && prefix_on_link(six, p, bits, valid, now);
	if (flags & PREFIX_AUTO && bits == 64 && preferred <= valid) /* RFC 4862 §5.5.3 (c) */
		ip6_own_auto(six, p, until(now, preferred), until(now, valid));
	return ended;
}

static void route(struct ip6 *six, uint32_t router, struct bytes_in in, uint64_t now)
{
	uint8_t to[16] = { 0 }, bits = bytes_get_u8(&in);
	int8_t preference = preference_of(bytes_get_u8(&in));
	uint32_t lifetime = bytes_get_u32(&in), size = bytes_left(&in);
	if (in.failed || bits > 128 || preference == -2 || size > 16 || bits > 8 * size)
		return;
	bytes_copy(&in, to, size);
	if (to[0] == 0xff || ip6_is_link(to))
		return;
	if (!lifetime) {
		for (uint32_t k = 0; k < IP6_ROUTES_MAX; k++) {
			struct ip6_way *w = &six->ways[k];
			if (w->gateway == router && !w->fixed && w->prefix == bits &&
			    ip6_within(w->to, to, bits))
				ip6_way_remove(w);
		}
		return;
	}
	if (ip6_way_add(six, to, bits, ip6_number_bytes(router), preference, false,
	                until(now, lifetime)))
		interface_count(six->interface, COUNT_NDP_LIMIT);
}

static void servers(struct ip6 *six, struct bytes_in in, uint64_t now)
{
	bytes_skip(&in, 2);
	uint32_t lifetime = bytes_get_u32(&in);
	const uint8_t *a;
	while (bytes_left(&in) >= 16 && (a = bytes_get(&in, 16))) {
		uint32_t at = INTERFACE_RESOLVERS_MAX;
		for (uint32_t k = INTERFACE_RESOLVERS_MAX; k--;) {
			if (!six->resolvers_until[k] &&
			    (at == INTERFACE_RESOLVERS_MAX || six->resolvers_until[at] == 0))
				at = k;
			if (six->resolvers_until[k] && memcmp(six->resolvers[k], a, 16) == 0) {
				at = k;
				break;
			}
		}
		if (at == INTERFACE_RESOLVERS_MAX || a[0] == 0xff || memcmp(a, ip6_none, 16) == 0)
			continue;
		memcpy(six->resolvers[at], a, 16);
		six->resolvers_until[at] = lifetime ? until(now, lifetime) : 0;
	}
}

static void mtu(struct ip6 *six, struct bytes_in in)
{
	bytes_skip(&in, 2);
	uint32_t value = bytes_get_u32(&in);
	if (!in.failed && value >= IP6_MTU_MIN && value <= six->interface->mtu)
		six->mtu = (uint16_t)value;
}

static bool options_fit(struct bytes_in in)
{
	while (bytes_left(&in)) {
		bytes_skip(&in, 1);
		uint8_t units = bytes_get_u8(&in);
		if (!units || !bytes_skip(&in, units * 8u - 2))
			return false;
	}
	return true;
}

/* Something has ended that others may know better: asks, but not more often than at first, whoever has us ask. */
static void seek(struct ip6 *six, uint64_t now)
{
	uint64_t soonest = six->solicited ? six->solicited + IP6_SOLICIT_NS : now;
	six->solicit_wait = 0;
	six->solicit_at = soonest > now ? soonest : now;
}

void ip6_router_input(struct ip6 *six, struct ip4_packet *p)
{
	struct interface *i = six->interface;
	struct bytes_in in = bytes_in(p->payload, p->size);
	uint64_t now = clock_now();
	bytes_skip(&in, 4);
	uint8_t hops = bytes_get_u8(&in), flags = bytes_get_u8(&in);
	uint16_t lifetime = bytes_get_u16(&in);
	uint32_t reachable = bytes_get_u32(&in), retransmit = bytes_get_u32(&in);
	if (in.failed || !p->source || !ip6_is_link(ip6_number_bytes(p->source)) ||
	    !options_fit(in)) {
		interface_count(i, COUNT_NDP_BAD);
		return;
	}
	const uint8_t *mac;
	if (ip6_neighbour_option(in, OPTION_SOURCE, &mac) && mac && !(mac[0] & 1) &&
	    memcmp(mac, i->mac, 6) != 0)
		arp_heard(i, p->source, mac);
	if (hops >= IP6_HOPS_MIN)
		six->hops = hops;
	ip6_neighbour_times(six, reachable, retransmit);
	six->solved = true;
	six->solicit_at = CLOCK_NEVER;
	bool lost = router_set(six, p->source, lifetime, preference_of(flags), now);
	for (uint32_t n = 0; n < OPTIONS_MAX && bytes_left(&in); n++) {
		uint8_t type = bytes_get_u8(&in), units = bytes_get_u8(&in);
		struct bytes_in value = bytes_slice(&in, units * 8u - 2);
		if (type == OPTION_PREFIX && units == 4)
			lost |= prefix(six, value, now);
		else if (type == OPTION_ROUTE && units <= 3)
			route(six, p->source, value, now);
		else if (type == OPTION_SERVERS && units >= 3)
			servers(six, value, now);
		else if (type == OPTION_MTU && units == 1)
			mtu(six, value);
	}
	if (flags & (FLAG_MANAGED | FLAG_OTHER))
		ip6_dhcp_wanted(six, flags & FLAG_MANAGED);
	if (lost)
		seek(six, now);
	ip6_timer_update(six);
}

/* ---- Asking, and time ---- */

COLD void ip6_router_solicit(struct ip6 *six)
{
	const struct ip6_own *own = ip6_own_link(six);
	struct ip6_message m;
	uint64_t now = clock_now();
	six->solicited = now;
	/* RFC 7559: on and on, ever less often. */
	uint64_t wait = six->solicit_wait ? 2 * six->solicit_wait : IP6_SOLICIT_NS;
	six->solicit_wait = wait < IP6_SOLICIT_MAX_NS ? wait : IP6_SOLICIT_MAX_NS;
	six->solicit_at = now + six->solicit_wait -
	                  random_below((uint32_t)(six->solicit_wait / NS_PER_MS / 10)) * NS_PER_MS;
	if (!ip6_message_start(six, &m, ICMP6_ROUTER_SOLICIT, 0))
		return;
	bytes_put_u32(&m.out, 0);
	/* RFC 4429 §3.2: an address that is not sure yet tells nobody its MAC address. */
	bool sure = own && own->state == IP6_VALID;
	if (sure) {
		bytes_put_u8(&m.out, OPTION_SOURCE);
		bytes_put_u8(&m.out, 1);
		bytes_put_copy(&m.out, six->interface->mac, 6);
	}
	ip6_message_send(six, &m, sure ? own->address : ip6_none, ip6_all_routers, NULL, false);
}

static uint64_t ends(uint64_t *at, uint64_t now)
{
	if (*at && *at <= now)
		*at = 0;
	return *at ? *at : CLOCK_NEVER;
}

uint64_t ip6_router_expire(struct ip6 *six, uint64_t now)
{
	uint64_t next = CLOCK_NEVER, at;
	bool lost = false;
	for (uint32_t k = 0; k < IP6_ROUTERS_MAX; k++) {
		struct ip6_router *r = &six->routers[k];
		if (r->word && r->until <= now) {
			end(six, r);
			lost = true;
		}
		if (r->word && r->until < next)
			next = r->until;
	}
	for (uint32_t k = 0; k < IP6_PREFIXES_MAX; k++) {
		at = ends(&six->prefixes[k].until, now);
		next = at < next ? at : next;
	}
	for (uint32_t k = 0; k < INTERFACE_RESOLVERS_MAX; k++) {
		at = ends(&six->resolvers_until[k], now);
		next = at < next ? at : next;
	}
	for (uint32_t k = 0; k < IP6_ROUTES_MAX; k++) {
		struct ip6_way *w = &six->ways[k];
		if (w->gateway && w->until <= now)
			ip6_way_remove(w);
		if (w->gateway && w->until < next)
			next = w->until;
	}
	if (lost && six->solicit_at == CLOCK_NEVER) /* who else is there? */
		seek(six, now);
	return next < six->solicit_at ? next : six->solicit_at;
}
