/* SPDX-License-Identifier: ISC */
/*
 * A group is on the list while it has users, and a while longer, until its end has been told. Each
 * has one timer: for what is still to be told of a change, and for the answer to a query,
 * which comes at a random time so that not all hosts answer at once (RFC 3376 §5).
 */
#include <net/igmp.h>

#include <core/clone.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/list.h>
#include <core/log.h>
#include <core/random.h>
#include <core/timer.h>
#include <net/checksum.h>
#include <net/ethernet.h>
#include <net/interface_internal.h>
#include <net/ip4.h>

struct group {
	struct list all;
	struct interface *interface;
	struct timer timer;
	uint32_t address, users;
	uint32_t changes; /* how often its last change is still to be told */
	bool asked;       /* a query is to be answered, beside that */
};

static struct list groups = LIST_INIT(groups);
static uint64_t older_until; /* ns: until then a router of version 2 is there */

static struct group *find(const struct interface *i, uint32_t address)
{
	list_each (at, &groups) {
		struct group *g = container_of(at, struct group, all);
		if (g->interface == i && g->address == address)
			return g;
	}
	return NULL;
}

bool igmp_has(const struct interface *i, uint32_t address)
{
	const struct group *g = find(i, address);
	return address == IGMP_ALL_SYSTEMS || (g && g->users);
}

static void group_mac(uint32_t address, uint8_t mac[6])
{
	bytes_store_u32(mac + 2, 0x5e000000u | (address & 0x7fffff));
	mac[0] = 1;
	mac[1] = 0;
}

bool igmp_has_mac(const struct interface *i, const uint8_t mac[6])
{
	uint8_t other[6];
	group_mac(IGMP_ALL_SYSTEMS, other);
	bool has = memcmp(mac, other, 6) == 0;
	list_each (at, &groups) {
		const struct group *g = container_of(at, struct group, all);
		if (g->interface != i || !g->users)
			continue;
		group_mac(g->address, other);
		has |= memcmp(mac, other, 6) == 0;
	}
	return has;
}

/* ---- Out ---- */

/* For routers of this link only, which look at it though it is not for them (RFC 3376 §4). From 0.0.0.0 where
 * there is no address yet (§4.2.13). */
static COLD void message_send(struct interface *i, uint32_t to, const void *message, uint32_t size)
{
	struct frame *f = frame_alloc(&i->device.frames);
	if (!f) {
		interface_count(i, COUNT_TX_NO_FRAME);
		return;
	}
	static const uint8_t alert[4] = { 0x94, 4 }; /* RFC 2113 */
	uint32_t header = sizeof(struct ip4_header) + sizeof alert;
	uint8_t mac[6], *at = frame_view(f, AMP_FRAME_HEADROOM, header + size);
	struct ip4_header *h = (void *)at;
	*h = (struct ip4_header){ .version_size = (uint8_t)(0x40 | header / 4),
		                  .tos = 0xc0,
		                  .ttl = 1,
		                  .protocol = IP4_PROTOCOL_IGMP };
	bytes_store_u16(h->total, (uint16_t)(header + size));
	bytes_store_u16(h->fragment, IP4_DF);
	bytes_store_u32(h->source, interface_source(i, to));
	bytes_store_u32(h->destination, to);
	memcpy(at + sizeof *h, alert, sizeof alert);
	checksum_store(h->checksum, checksum_add(0, at, header));
	memcpy(at + header, message, size);
	group_mac(to, mac);
	ethernet_send(i, f, mac, ETHERNET_TYPE_IP4);
}

/* Says what is so of a group, or that it has just become so. */
static COLD void report(const struct group *g, bool change)
{
	if (clock_coarse() < older_until) { /* RFC 2236 §3; a join is a report like any other */
		struct igmp_message m = { .type = g->users ? IGMP_REPORT_V2 : IGMP_LEAVE_V2 };
		bytes_store_u32(m.group, g->address);
		checksum_store(m.checksum, checksum_add(0, &m, sizeof m));
		message_send(g->interface, g->users ? g->address : IGMP_ALL_ROUTERS, &m, sizeof m);
		return;
	}
	struct igmp_report r = { .type = IGMP_REPORT_V3, .count = { 0, 1 } };
	r.record_type = change ? (g->users ? IGMP_TO_EXCLUDE : IGMP_TO_INCLUDE) : IGMP_IS_EXCLUDE;
	bytes_store_u32(r.group, g->address);
	checksum_store(r.checksum, checksum_add(0, &r, sizeof r));
	message_send(g->interface, IGMP_V3_ROUTERS, &r, sizeof r);
}

static void forget(struct group *g)
{
	timer_stop(&g->timer);
	list_remove(&g->all);
	heap_free(g);
}

static void expired(struct timer *t)
{
	struct group *g = container_of(t, struct group, timer);
	if (g->asked && g->users)
		report(g, false);
	g->asked = false;
	if (g->changes) {
		report(g, true);
		if (--g->changes) {
			timer_set_in(t, random_below(IGMP_REPEAT_NS), expired);
			return;
		}
	}
	if (!g->users)
		forget(g);
}

/* Something has changed: said at once, and once more. */
static COLD void change(struct group *g)
{
	g->changes = IGMP_ROBUSTNESS;
	expired(&g->timer);
}

/* ---- In ---- */

/* RFC 3376 §4.1.1: tenths of a second, above 127 with an exponent. */
static uint64_t response_ns(uint8_t code)
{
	uint64_t tenths = code < 128 ? code : (uint64_t)((code & 15) | 16) << ((code >> 4 & 7) + 3);
	return tenths * (NS_PER_S / 10);
}

static void asked(struct group *g, uint64_t most)
{
	uint64_t now = clock_coarse(), at = now + (uint64_t)random_u32() * most / UINT32_MAX;
	if (!g->users || g->address == IGMP_ALL_SYSTEMS)
		return;
	g->asked = true;
	if (!timer_is_set(&g->timer) || g->timer.deadline > at)
		timer_set(&g->timer, at, expired);
}

static COLD void input(struct ip4_packet *p)
{
	struct interface *i = p->interface;
	struct bytes_in in = bytes_in(p->payload, p->size);
	const struct igmp_message *m = (const void *)bytes_get(&in, sizeof *m);
	if (!m) {
		interface_count(i, COUNT_RX_SHORT);
		return;
	}
	if (!checksum_good(checksum_add(0, p->payload, p->size))) {
		interface_count(i, COUNT_RX_BAD_CHECKSUM);
		return;
	}
	uint32_t address = bytes_load_u32(m->group);
	struct group *g = find(i, address);
	if (m->type == IGMP_REPORT_V2 && clock_coarse() < older_until && g && !g->changes) {
		timer_stop(&g->timer); /* another host has said it: RFC 2236 §3 */
		return;
	}
	if (m->type != IGMP_QUERY) {
		interface_count(i, COUNT_RX_UNKNOWN_TYPE);
		return;
	}
	uint64_t most = response_ns(m->code);
	if (!bytes_left(&in)) { /* of version 2, or 1, which does not say how long: RFC 3376 §7.1 */
		most = m->code ? m->code * (NS_PER_S / 10) : 10 * NS_PER_S;
		older_until = clock_coarse() + IGMP_OLDER_NS;
	}
	list_each (at, &groups) {
		struct group *each = container_of(at, struct group, all);
		if (each->interface == i && (!address || each == g))
			asked(each, most);
	}
}

/* A clone in its original's place is at another port of its switches. */
static COLD void tell_again(void)
{
	list_each (at, &groups) {
		struct group *g = container_of(at, struct group, all);
		if (clone_is_moved() && g->users)
			change(g);
	}
}

/* Reports come from an address of ours: from the next one, they are new. */
static COLD void address_gone(struct interface *i, uint32_t address)
{
	(void)address;
	list_each (at, &groups) {
		struct group *g = container_of(at, struct group, all);
		if (g->interface == i && g->users) {
			g->changes = IGMP_ROBUSTNESS;
			timer_set_in(&g->timer, random_below(IGMP_REPEAT_NS), expired);
		}
	}
}

/* ---- Joining ---- */

COLD int igmp_join(struct interface *i, uint32_t address)
{
	static const struct ip4_protocol protocol = { .input = input,
		                                      .address_gone = address_gone };
	ON_CLONE_WITH_THIS(250, tell_again);
	struct group *g = find(i, address);
	if (!g) {
		g = heap_alloc_zero(1, sizeof *g);
		if (!g)
			return ERR_MEMORY;
		g->interface = i;
		g->address = address;
		list_append(&groups, &g->all);
	}
	ip4_protocol_set(IP4_PROTOCOL_IGMP, &protocol);
	ip4_multicast = true;
	if (!g->users++ && address != IGMP_ALL_SYSTEMS)
		change(g);
	return OK;
}

COLD void igmp_leave(struct interface *i, uint32_t address)
{
	struct group *g = find(i, address);
	ensure(g && g->users);
	if (--g->users)
		return;
	if (address == IGMP_ALL_SYSTEMS)
		forget(g);
	else
		change(g);
}
