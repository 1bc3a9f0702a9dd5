/* SPDX-License-Identifier: ISC */
/*
 * The cache is a hash table of a fixed number of entries, with a keyed hash, and a list in order of
 * eviction: an entry that is used moves to its end, one that was only learned goes to its front. So
 * a storm of requests from made-up senders turns over one entry, not the cache.
 *
 * Each entry has one timer, which runs while it waits for an answer: it asks again, backing off,
 * and gives up.
 */
#include <net/arp.h>

#include <core/cold.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/random.h>
#include <net/ethernet.h>
#include <net/interface_internal.h>
#include <net/ip4.h>

_Static_assert(ARP_BUCKETS == 256, "bucket() takes 8 bits of the hash");
_Static_assert(ARP_QUEUE_MAX <= UINT8_MAX && ARP_TRIES <= UINT8_MAX, "struct neighbour");

static struct neighbour **bucket(struct arp *a, uint32_t address)
{
	uint32_t h = (address ^ a->key) * 0x9e3779b1u;
	h = (h ^ h >> 15 ^ a->key) * 0x85ebca6bu;
	return &a->buckets[h >> 24 & (ARP_BUCKETS - 1)];
}

/* IPv6 has a cache of its own, so that nothing there moves IPv4's neighbours. */
static struct arp *cache_of(const struct interface *i, uint32_t address)
{
	return ip6_is(address) ? ip6_neighbours(i) : (struct arp *)&i->arp;
}

static uint16_t type_of(uint32_t address)
{
	return ip6_is(address) ? ETHERNET_TYPE_IP6 : ETHERNET_TYPE_IP4;
}

static uint64_t retry_of(const struct neighbour *n)
{
	return ip6_is(n->address) ? ip6_retransmit(n->interface) : ARP_RETRY_NS;
}

static uint64_t fresh_of(const struct neighbour *n)
{
	return ip6_is(n->address) ? ip6_reachable(n->interface) : ARP_FRESH_NS;
}

static struct neighbour *find(const struct arp *a, uint32_t address)
{
	struct neighbour *n = *bucket((struct arp *)a, address);
	while (n && n->address != address)
		n = n->chain;
	return n;
}

/* ---- Messages ---- */

static void message_send(struct interface *i, const uint8_t to[6], uint16_t operation,
                         uint32_t sender, const uint8_t target_mac[6], uint32_t target)
{
	struct frame *f = frame_alloc(&i->device.frames);
	if (!f) {
		interface_count(i, COUNT_TX_NO_FRAME);
		return;
	}
	struct arp_message *m = (void *)frame_view(f, AMP_FRAME_HEADROOM, sizeof *m);
	bytes_store_u16(m->hardware, 1);
	bytes_store_u16(m->protocol, ETHERNET_TYPE_IP4);
	m->hardware_size = 6;
	m->protocol_size = 4;
	bytes_store_u16(m->operation, operation);
	memcpy(m->sender_mac, i->mac, 6);
	bytes_store_u32(m->sender_address, sender);
	memcpy(m->target_mac, target_mac, 6);
	bytes_store_u32(m->target_address, target);
	ethernet_send(i, f, to, ETHERNET_TYPE_ARP);
}

static const uint8_t nobody[6];

static void announcement_send(struct interface *i, uint32_t address)
{
	message_send(i, ethernet_broadcast, ARP_REQUEST, address, nobody, address);
}

void arp_probe(struct interface *i, uint32_t address)
{
	message_send(i, ethernet_broadcast, ARP_REQUEST, 0, nobody, address);
}

static void request_send(struct neighbour *n)
{
	struct interface *i = n->interface;
	const uint8_t *to = n->state == NEIGHBOUR_CHECKING ? n->mac : ethernet_broadcast;
	if (ip6_is(n->address)) {
		ip6_solicit(i, n->address, n->state == NEIGHBOUR_CHECKING ? n->mac : NULL);
		return;
	}
	message_send(i, to, ARP_REQUEST, interface_source(i, n->address), nobody, n->address);
}

/* ---- The cache ---- */

static void queue_drop(struct neighbour *n)
{
	struct interface *i = n->interface;
	struct arp *a = cache_of(i, n->address);
	uint32_t dropped = frame_drop_queue(n->first);
	i->counts[COUNT_TX_UNRESOLVED] += dropped;
	ensure(dropped == n->queued && a->queued >= dropped);
	a->queued -= dropped;
	n->first = n->last = NULL;
	n->queued = 0;
}

static void forget(struct neighbour *n)
{
	struct arp *a = cache_of(n->interface, n->address);
	struct neighbour **at = bucket(a, n->address);
	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	timer_stop(&n->timer);
	queue_drop(n);
	n->state = NEIGHBOUR_FREE;
	n->chain = NULL;
	n->used = false;
	list_move(&a->free, &n->age);
	ip6_drop(n->address);
}

static bool ready(const struct neighbour *n)
{
	return n->state == NEIGHBOUR_KNOWN || n->state == NEIGHBOUR_CHECKING;
}

/* Who makes room. A network of IPv6 has more addresses than any cache, and whoever names them has us ask for them: those
 * without an answer go first. */
static struct neighbour *evicted(struct arp *a, uint32_t address)
{
	if (ip6_is(address)) {
		list_each (at, &a->age) {
			struct neighbour *n = container_of(at, struct neighbour, age);
			if (!ready(n))
				return n;
		}
	}
	return container_of(a->age.next, struct neighbour, age);
}

static struct neighbour *add(struct interface *i, uint32_t address, bool used)
{
	struct arp *a = cache_of(i, address);
	ip6_keep(address);
	if (list_empty(&a->free))
		forget(evicted(a, address));
	struct neighbour *n = container_of(list_pop(&a->free), struct neighbour, age);
	n->address = address;
	n->tries = 0;
	n->used = used;
	struct neighbour **at = bucket(a, address);
	n->chain = *at;
	*at = n;
	list_append(used ? &a->age : a->age.next, &n->age);
	return n;
}

static void expired(struct timer *t)
{
	struct neighbour *n = container_of(t, struct neighbour, timer);
	if (n->state == NEIGHBOUR_FAILED) {
		forget(n);
		return;
	}
	if (n->tries >= ARP_TRIES) {
		if (n->state == NEIGHBOUR_CHECKING) { /* it has gone, or moved: ask everybody */
			n->state = NEIGHBOUR_ASKING;
			n->tries = 0;
		} else {
			char text[NET_ADDRESS_TEXT_MAX];
			net_address_print(text, ip6_address_of(n->address));
			log_debug("arp", "%s: no answer from %s", interface_name(n->interface),
			          text);
			queue_drop(n);
			n->state = NEIGHBOUR_FAILED;
			timer_set_in(t, ARP_FAILED_NS, expired);
			if (ip6_is(n->address))
				ip6_neighbour_lost(n->interface, n->address);
			ip4_unreachable(n->interface, n->address);
			return;
		}
	}
	n->tries++;
	request_send(n);
	timer_set_in(t, retry_of(n), expired);
}

static void ask(struct neighbour *n, enum neighbour_state state)
{
	ensure(n->state != NEIGHBOUR_FREE || state == NEIGHBOUR_ASKING);
	n->state = (uint8_t)state;
	n->tries = 1;
	request_send(n);
	timer_set_in(&n->timer, retry_of(n), expired);
}

/* It is old, and used. IPv6 gives others time to say that it is there (RFC 4861 §7.3.3). */
static void check(struct neighbour *n)
{
	if (!ip6_is(n->address)) {
		ask(n, NEIGHBOUR_CHECKING);
		return;
	}
	n->state = NEIGHBOUR_CHECKING;
	n->tries = 0;
	timer_set_in(&n->timer, ARP_DELAY_NS, expired);
}

/* A message says that this is its MAC address. */
static void learn(struct neighbour *n, const uint8_t mac[6])
{
	struct interface *i = n->interface;
	uint64_t now = clock_coarse();
	if (n->state == NEIGHBOUR_KNOWN && now - n->confirmed < ARP_LOCK_NS && !ip6_is(n->address))
		return;
	timer_stop(&n->timer);
	memcpy(n->mac, mac, 6);
	n->state = NEIGHBOUR_KNOWN;
	n->confirmed = now;
	struct frame *f = n->first;
	cache_of(i, n->address)->queued -= n->queued;
	n->first = n->last = NULL;
	n->queued = 0;
	for (struct frame *next; f; f = next) {
		next = f->next;
		f->next = NULL;
		ethernet_send(i, f, n->mac, type_of(n->address));
	}
}

const uint8_t *arp_known(const struct interface *i, uint32_t neighbour)
{
	const struct neighbour *n = find(cache_of(i, neighbour), neighbour);
	return n && ready(n) ? n->mac : NULL;
}

static int enqueue(struct neighbour *n, struct frame *f)
{
	struct interface *i = n->interface;
	struct arp *a = cache_of(i, n->address);
	if (n->queued == ARP_QUEUE_MAX) { /* RFC 1122 §2.3.2.2: keep the latest */
		struct frame *oldest = n->first;
		n->first = oldest->next;
		oldest->next = NULL;
		frame_drop(oldest);
		n->queued--;
		a->queued--;
		interface_count(i, COUNT_TX_UNRESOLVED);
	}
	if (a->queued >= a->queue_total_max) {
		interface_count(i, COUNT_TX_UNRESOLVED);
		frame_drop(f);
		return ERR_MEMORY;
	}
	f->next = NULL;
	if (n->first)
		n->last->next = f;
	else
		n->first = f;
	n->last = f;
	n->queued++;
	a->queued++;
	return OK;
}

/* Looks a neighbour up for use. */
static struct neighbour *use(struct interface *i, uint32_t address)
{
	struct arp *a = cache_of(i, address);
	struct neighbour *n = find(a, address);
	if (!n)
		return NULL;
	n->used = true;
	list_move(&a->age, &n->age);
	if (n->state == NEIGHBOUR_KNOWN && clock_coarse() - n->confirmed > fresh_of(n))
		check(n);
	return n;
}

const uint8_t *arp_ready(struct interface *i, uint32_t address)
{
	struct neighbour *n = use(i, address);
	return n && ready(n) ? n->mac : NULL;
}

int arp_send(struct interface *i, uint32_t address, struct frame *f)
{
	struct neighbour *n = use(i, address);
	if (!n) {
		n = add(i, address, true);
		ask(n, NEIGHBOUR_ASKING);
		return enqueue(n, f);
	}
	if (ready(n))
		return ethernet_send(i, f, n->mac, type_of(address));
	if (n->state == NEIGHBOUR_ASKING)
		return enqueue(n, f);
	interface_count(i, COUNT_TX_UNRESOLVED);
	frame_drop(f);
	return ERR_UNREACHABLE;
}

COLD void arp_suspect(struct interface *i, uint32_t address)
{
	struct neighbour *n = find(cache_of(i, address), address);
	if (!n || n->state != NEIGHBOUR_KNOWN || clock_coarse() - n->confirmed < ARP_SUSPECT_NS)
		return;
	ask(n, NEIGHBOUR_CHECKING);
	n->tries = ARP_TRIES; /* the next one goes to everybody */
}

/* ---- What neighbour discovery says (RFC 4861 §7.2) ---- */

/* Known, but to be checked when it is used. */
static void make_old(struct neighbour *n)
{
	uint64_t now = clock_coarse(), fresh = fresh_of(n);
	timer_stop(&n->timer);
	n->state = NEIGHBOUR_KNOWN;
	n->confirmed = now > fresh ? now - fresh - 1 : 0;
}

COLD void arp_heard(struct interface *i, uint32_t address, const uint8_t mac[6])
{
	struct neighbour *n = find(ip6_neighbours(i), address);
	if (!n)
		n = add(i, address, false);
	if (ready(n) && memcmp(n->mac, mac, 6) == 0)
		return; /* says nothing about the way there */
	learn(n, mac);
	make_old(n);
}

COLD bool arp_told(struct interface *i, uint32_t address, const uint8_t *mac, bool solicited,
                   bool override)
{
	struct neighbour *n = find(ip6_neighbours(i), address);
	if (!n || (!mac && !ready(n)))
		return false; /* teaches no new neighbour */
	bool other = !ready(n) || (mac && memcmp(n->mac, mac, 6) != 0);
	if (other && ready(n) && !override) {
		if (n->state == NEIGHBOUR_KNOWN)
			make_old(n);
		return false;
	}
	if (!other && !solicited)
		return true;
	uint8_t at[6];
	memcpy(at, mac ? mac : n->mac, 6);
	learn(n, at);
	if (!solicited)
		make_old(n);
	return true;
}

/* ---- Announcing and defending ---- */

static void announce(struct timer *t)
{
	struct arp *a = container_of(t, struct arp, announce);
	struct interface *i = container_of(a, struct interface, arp);
	if (!a->announcements)
		return;
	a->announcements--;
	for (uint32_t k = 0; k <= i->further_count; k++) {
		if (interface_address_at(i, k))
			announcement_send(i, interface_address_at(i, k));
	}
	if (a->announcements)
		timer_set_in(t, ARP_ANNOUNCE_NS, announce);
}

void arp_announce(struct interface *i)
{
	/* RFC 5227 would have us wait for the probe's answer. An image must be there at once: it
	 * takes the address into use and says so when somebody else has it. */
	for (uint32_t k = 0; k <= i->further_count; k++) {
		if (interface_address_at(i, k))
			arp_probe(i, interface_address_at(i, k));
	}
	i->arp.announcements = ARP_ANNOUNCE_COUNT;
	announce(&i->arp.announce);
}

/* When the address was last defended. */
static uint64_t *defended(struct interface *i, uint32_t address)
{
	for (uint32_t k = 0; interface_further && k < i->further_count; k++) {
		if (i->further[k].address == address)
			return &i->further[k].defended;
	}
	return &i->arp.defended;
}

/* RFC 5227 §2.4(c) for configured addresses, which are kept; (b) for leased ones. */
static void conflict(struct interface *i, uint32_t address, const uint8_t mac[6])
{
	uint64_t now = clock_coarse(), *at = defended(i, address);
	bool recent = *at && now - *at < ARP_DEFEND_NS;
	interface_count(i, COUNT_ARP_CONFLICT);
	if (recent) {
		if (i->address_conflict && address == i->address && now - *at >= ARP_LOCK_NS)
			i->address_conflict(i);
		return;
	}
	*at = now ? now : 1;
	log_warning("arp",
	            "%s: " MAC_FORMAT " uses our address " IP4_FORMAT
	            " too; give one of the two another address",
	            interface_name(i), MAC_ARGS(mac), IP4_ARGS(address));
	announcement_send(i, address);
}

/* ---- Input ---- */

static const struct arp_message *decode(struct frame *f)
{
	struct bytes_in in = frame_in(f);
	bytes_skip(&in, sizeof(struct ethernet_header));
	const struct arp_message *m = (const void *)bytes_get(&in, sizeof *m);
	if (!m)
		return NULL;
	uint16_t operation = bytes_load_u16(m->operation);
	uint32_t sender = bytes_load_u32(m->sender_address);
	if (bytes_load_u16(m->hardware) != 1 || bytes_load_u16(m->protocol) != ETHERNET_TYPE_IP4 ||
	    m->hardware_size != 6 || m->protocol_size != 4 || operation < ARP_REQUEST ||
	    operation > ARP_REPLY)
		return NULL;
	if ((m->sender_mac[0] & 1) || memcmp(m->sender_mac, nobody, 6) == 0)
		return NULL;
	if (ip6_is(bytes_load_u32(m->target_address)))
		return NULL;
	/* 0 is a probe's sender (RFC 5227), and nobody else's. */
	if (sender ? !ip4_source_fits(sender) : operation != ARP_REQUEST)
		return NULL;
	return m;
}

void arp_input(struct interface *i, struct frame *f)
{
	const struct arp_message *m = decode(f);
	if (!m) {
		interface_count(i, COUNT_ARP_BAD);
		return;
	}
	uint32_t sender = bytes_load_u32(m->sender_address),
	         target = bytes_load_u32(m->target_address);
	uint16_t operation = bytes_load_u16(m->operation);
	if (memcmp(m->sender_mac, i->mac, 6) == 0)
		return; /* ours, sent back */
	if (i->arp.probed && (sender == i->arp.probed || (!sender && target == i->arp.probed))) {
		interface_count(i, COUNT_ARP_CONFLICT);
		i->address_conflict(i);
		return;
	}
	if (interface_has(i, sender)) {
		conflict(i, sender, m->sender_mac);
		return;
	}
	if (sender && !interface_odd(i, sender) && interface_neighbour(i, sender)) {
		struct neighbour *n = find(&i->arp, sender);
		if (!n && interface_has(i, target) && operation == ARP_REQUEST)
			n = add(i, sender, false);
		if (n)
			learn(n, m->sender_mac);
	}
	/* RFC 826: the target alone decides. Who asks may be a router with an address of another network. */
	if (operation == ARP_REQUEST && interface_has(i, target)) {
		uint8_t to[6];
		memcpy(to, m->sender_mac, 6);
		message_send(i, to, ARP_REPLY, target, to, sender);
	}
}

/* ---- Life ---- */

void arp_forget(struct arp *a)
{
	while (!list_empty(&a->age))
		forget(container_of(a->age.next, struct neighbour, age));
}

void arp_clear(struct interface *i)
{
	arp_forget(&i->arp);
	timer_stop(&i->arp.announce);
	i->arp.announcements = 0;
	i->arp.defended = 0;
}

int arp_open(struct interface *i, struct arp *a)
{
	a->neighbours = heap_alloc_zero(ARP_NEIGHBOURS_MAX, sizeof *a->neighbours);
	if (!a->neighbours)
		return ERR_MEMORY;
	list_init(&a->age);
	list_init(&a->free);
	a->key = random_u32();
	uint32_t eighth = i->device.frames.count / 8;
	a->queue_total_max = eighth < ARP_QUEUE_TOTAL_MAX ? eighth : ARP_QUEUE_TOTAL_MAX;
	for (uint32_t k = 0; k < ARP_NEIGHBOURS_MAX; k++) {
		a->neighbours[k].interface = i;
		list_append(&a->free, &a->neighbours[k].age);
	}
	return OK;
}

void arp_close(struct arp *a)
{
	arp_forget(a);
	heap_free(a->neighbours);
}
