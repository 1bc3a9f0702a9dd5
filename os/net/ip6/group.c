/* SPDX-License-Identifier: ISC */
/*
 * Multicast groups, and telling routers of them: MLD version 2 (RFC 3810), and version 1 where a router of that version
 * asks. Each address of ours has a group, by which neighbours ask for it.
 */
#include <net/ip6/internal.h>

#include <core/random.h>

#define ROBUSTNESS 2u               /* how often a change is told: RFC 3810 §9.1 */
#define REPEAT_NS  (1 * NS_PER_S)   /* between these: §9.11 */
#define OLDER_NS   (260 * NS_PER_S) /* since a version 1 router asked last: §9.12 */
#define IS_EXCLUDE 2u
#define TO_INCLUDE 3u
#define TO_EXCLUDE 4u

static const uint8_t v2_routers[16] = { 0xff, 2, [15] = 0x16 };

void ip6_group_solicited(const uint8_t address[16], uint8_t group[16])
{
	static const uint8_t prefix[13] = { 0xff, 2, [11] = 1, [12] = 0xff };
	memcpy(group, prefix, sizeof prefix);
	memcpy(group + 13, address + 13, 3);
}

void ip6_group_mac(const uint8_t group[16], uint8_t mac[6]) /* RFC 2464 §7 */
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, group + 12, 4);
}

static struct ip6_group *find(const struct ip6 *six, const uint8_t group[16])
{
	for (uint32_t k = 0; k < IP6_GROUPS_MAX; k++) {
		const struct ip6_group *g = &six->groups[k];
		if (g->used && memcmp(g->address, group, 16) == 0)
			return (struct ip6_group *)g;
	}
	return NULL;
}

bool ip6_group_has(const struct ip6 *six, const uint8_t group[16])
{
	const struct ip6_group *g;
	if (memcmp(group, ip6_all_nodes, 16) == 0)
		return true;
	g = find(six, group);
	return g && g->users;
}

bool ip6_has_mac(const struct interface *i, const uint8_t mac[6])
{
	uint8_t other[6];
	ip6_group_mac(ip6_all_nodes, other);
	if (memcmp(mac, other, 6) == 0)
		return true;
	for (uint32_t k = 0; k < IP6_GROUPS_MAX; k++) {
		const struct ip6_group *g = &i->ip6->groups[k];
		ip6_group_mac(g->address, other);
		if (g->used && g->users && memcmp(mac, other, 6) == 0)
			return true;
	}
	return false;
}

static void report(struct ip6 *six, struct ip6_group *g, uint8_t kind)
{
	const struct ip6_own *own = ip6_own_link(six);
	/* RFC 3810 §5.2.13: one that is sure, or none. */
	const uint8_t *source = own && own->state == IP6_VALID ? own->address : ip6_none;
	struct ip6_message m;
	bool older = clock_now() < six->older_until;
	if (older && kind == TO_INCLUDE) {
		if (!g->reported || !ip6_message_start(six, &m, ICMP6_LISTENER_DONE, 0))
			return;
	} else if (!ip6_message_start(six, &m, older ? ICMP6_LISTENER_V1 : ICMP6_LISTENERS_V2, 0)) {
		return;
	}
	if (older) {
		g->reported = kind != TO_INCLUDE;
		bytes_put_u32(&m.out, 0);
		bytes_put_copy(&m.out, g->address, 16);
		ip6_message_send(six, &m, source, kind == TO_INCLUDE ? ip6_all_routers : g->address,
		                 NULL, true);
		return;
	}
	bytes_put_u16(&m.out, 0);
	bytes_put_u16(&m.out, 1); /* records */
	bytes_put_u8(&m.out, kind);
	bytes_put_u8(&m.out, 0);
	bytes_put_u16(&m.out, 0);
	bytes_put_copy(&m.out, g->address, 16);
	ip6_message_send(six, &m, source, v2_routers, NULL, true);
}

static void run(struct timer *t)
{
	struct ip6 *six = container_of(t, struct ip6, group_timer);
	uint64_t now = clock_now(), next = CLOCK_NEVER;
	for (uint32_t k = 0; k < IP6_GROUPS_MAX; k++) {
		struct ip6_group *g = &six->groups[k];
		if (!g->used)
			continue;
		if (g->tell_at <= now) {
			report(six, g,
			       g->changes ? g->users ? TO_EXCLUDE : TO_INCLUDE : IS_EXCLUDE);
			g->asked = false;
			g->changes -= g->changes > 0;
			/* RFC 3810 §6.1: at random within the interval */
			g->tell_at = g->changes ? now + 1 + random_below(REPEAT_NS / 1000) * 1000ull
			                        : CLOCK_NEVER;
			if (!g->changes && !g->users)
				g->used = false;
		}
		if (g->used && g->tell_at < next)
			next = g->tell_at;
	}
	if (next != CLOCK_NEVER)
		timer_set(t, next, run);
}

static void tell(struct ip6 *six, struct ip6_group *g, uint64_t at)
{
	if (at < g->tell_at)
		g->tell_at = at;
	if (!timer_is_set(&six->group_timer) || six->group_timer.deadline > at)
		timer_set(&six->group_timer, at, run);
}

COLD int ip6_group_join(struct ip6 *six, const uint8_t group[16])
{
	struct ip6_group *g = find(six, group);
	for (uint32_t k = 0; k < IP6_GROUPS_MAX && !g; k++) {
		if (!six->groups[k].used) {
			g = &six->groups[k];
			*g = (struct ip6_group){ .used = true, .tell_at = CLOCK_NEVER };
			memcpy(g->address, group, 16);
		}
	}
	if (!g)
		return ERR_MEMORY;
	if (g->users++)
		return OK;
	g->changes = ROBUSTNESS;
	tell(six, g, clock_now());
	return OK;
}

COLD void ip6_group_leave(struct ip6 *six, const uint8_t group[16])
{
	struct ip6_group *g = find(six, group);
	if (!g || !g->users || --g->users)
		return;
	g->changes = ROBUSTNESS;
	tell(six, g, clock_now());
}

/* A router asks (RFC 3810 §5.1): the answer comes at a random time, so that not all hosts answer at once. */
COLD void ip6_group_asked(struct ip6 *six, struct ip4_packet *p)
{
	struct bytes_in in = bytes_in(p->payload, p->size);
	bytes_skip(&in, 4);
	uint32_t code = bytes_get_u16(&in), most = code;
	bytes_skip(&in, 2);
	const uint8_t *group = bytes_get(&in, 16);
	const uint8_t *source = p->source ? ip6_number_bytes(p->source) : ip6_none;
	/* §5.1.14, and §8.1: of a length that no version has, nothing is believed. */
	if (!group || source[0] != 0xfe || (source[1] & 0xc0) != 0x80 ||
	    (p->size > 24 && p->size < 28)) {
		interface_count(six->interface, COUNT_RX_SHORT);
		return;
	}
	uint64_t now = clock_now();
	if (p->size == 24)
		six->older_until = now + OLDER_NS;
	else if (code >= 0x8000)
		most = ((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
	most = most > 100000 ? 100000 : most; /* milliseconds */
	for (uint32_t k = 0; k < IP6_GROUPS_MAX; k++) {
		struct ip6_group *g = &six->groups[k];
		bool named = memcmp(group, ip6_none, 16) == 0 || memcmp(group, g->address, 16) == 0;
		if (!g->used || !g->users || !named)
			continue;
		/* One that is under way and comes sooner stays (§6.2). */
		g->asked = true;
		tell(six, g, now + random_below(most + 1) * NS_PER_MS);
	}
}

/* RFC 2710 §4: the router knows now; ours need not be told. */
COLD void ip6_group_reported(struct ip6 *six, struct ip4_packet *p)
{
	struct bytes_in in = bytes_in(p->payload, p->size);
	bytes_skip(&in, 8);
	const uint8_t *group = bytes_get(&in, 16);
	const uint8_t *source = p->source ? ip6_number_bytes(p->source) : ip6_none;
	bool link = source[0] == 0xfe && (source[1] & 0xc0) == 0x80;
	struct ip6_group *g = group && link ? find(six, group) : NULL;
	if (!g || !g->users || clock_now() >= six->older_until || g->changes)
		return;
	g->reported = g->asked = false;
	g->tell_at = CLOCK_NEVER;
}

/* RFC 3590 §4: reports from :: may have been heard by no router. */
COLD void ip6_group_retell(struct ip6 *six)
{
	for (uint32_t k = 0; k < IP6_GROUPS_MAX; k++) {
		struct ip6_group *g = &six->groups[k];
		if (!g->used || !g->users)
			continue;
		g->changes = ROBUSTNESS;
		tell(six, g, clock_now());
	}
}
