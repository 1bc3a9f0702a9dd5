/* SPDX-License-Identifier: ISC */
/*
 * Neighbour discovery (RFC 4861 §7), for the cache that arp.c keeps, and the search for duplicates of our own
 * addresses (RFC 4862 §5.4, with the nonces of RFC 7527, so that our own probe that a loop sends back is none).
 */
#include <net/ip6/internal.h>

#include <core/log.h>
#include <core/random.h>

#define SOURCE_MAC   1u /* options */
#define TARGET_MAC   2u
#define NONCE        14u
#define OPTIONS_MAX  16u
#define NA_ROUTER    0x80u
#define NA_SOLICITED 0x40u
#define NA_OVERRIDE  0x20u
#define LINES_NS     (10 * NS_PER_S) /* of one address: between log lines, and between defences */

struct arp *ip6_neighbours(const struct interface *i)
{
	return &i->ip6->neighbours;
}

uint64_t ip6_retransmit(const struct interface *i)
{
	return i->ip6->retransmit;
}

uint64_t ip6_reachable(const struct interface *i)
{
	return i->ip6->reachable;
}

/* RFC 4861 §6.3.2: between half and one and a half of what it is made of, drawn when that changes, and now and then. */
void ip6_neighbour_times(struct ip6 *six, uint32_t reachable, uint32_t retransmit)
{
	uint64_t now = clock_now();
	if (retransmit >= IP6_RETRANSMIT_MIN && retransmit <= IP6_RETRANSMIT_MAX)
		six->retransmit = retransmit * NS_PER_MS;
	if (reachable < IP6_REACHABLE_MIN || reachable > IP6_REACHABLE_MAX)
		reachable = six->reachable_base;
	if (reachable == six->reachable_base && now < six->reachable_until)
		return;
	six->reachable_base = reachable;
	six->reachable = (reachable / 2 + random_below(reachable)) * NS_PER_MS;
	six->reachable_until = now + IP6_TWO_HOURS_NS;
}

static void put_mac(struct ip6_message *m, uint8_t type, const uint8_t mac[6])
{
	bytes_put_u8(&m->out, type);
	bytes_put_u8(&m->out, 1);
	bytes_put_copy(&m->out, mac, 6);
}

COLD void ip6_solicit(struct interface *i, uint32_t neighbour, const uint8_t *mac)
{
	struct ip6 *six = i->ip6;
	const uint8_t *target = ip6_number_bytes(neighbour);
	uint32_t word = ip6_source(i, neighbour);
	const struct ip6_own *own = word ? ip6_own_find(six, ip6_number_bytes(word)) : NULL;
	uint8_t group[16];
	struct ip6_message m;
	if (!own || !ip6_message_start(six, &m, ICMP6_SOLICIT, 0))
		return;
	bytes_put_u32(&m.out, 0);
	bytes_put_copy(&m.out, target, 16);
	/* RFC 4429 §2.2: what is not sure yet replaces no entry of anybody's. */
	if (own->state == IP6_VALID)
		put_mac(&m, SOURCE_MAC, i->mac);
	ip6_group_solicited(target, group);
	ip6_message_send(six, &m, own->address, mac ? target : group, mac, false);
}

COLD void ip6_neighbour_probe(struct ip6 *six, struct ip6_own *o)
{
	uint8_t group[16];
	struct ip6_message m;
	random_bytes(o->nonce, sizeof o->nonce);
	if (!ip6_message_start(six, &m, ICMP6_SOLICIT, 0))
		return;
	bytes_put_u32(&m.out, 0);
	bytes_put_copy(&m.out, o->address, 16);
	bytes_put_u8(&m.out, NONCE);
	bytes_put_u8(&m.out, 1);
	bytes_put_copy(&m.out, o->nonce, sizeof o->nonce);
	ip6_group_solicited(o->address, group);
	ip6_message_send(six, &m, ip6_none, group, NULL, false);
}

COLD void ip6_neighbour_advertise(struct ip6 *six, const struct ip6_own *o, const uint8_t to[16],
                                  const uint8_t *mac, bool solicited)
{
	struct ip6_message m;
	if (!ip6_message_start(six, &m, ICMP6_NEIGHBOUR, 0))
		return;
	/* RFC 4429 §3.3: nobody's entry is replaced by an address that is not sure yet. */
	bytes_put_u32(&m.out, (uint32_t)((solicited ? NA_SOLICITED : 0) |
	                                 (o->state == IP6_VALID ? NA_OVERRIDE : 0))
	                              << 24);
	bytes_put_copy(&m.out, o->address, 16);
	put_mac(&m, TARGET_MAC, six->interface->mac);
	ip6_message_send(six, &m, o->address, to, mac, false);
}

bool ip6_neighbour_option(struct bytes_in options, uint8_t type, const uint8_t **mac)
{
	*mac = NULL;
	for (uint32_t n = 0; bytes_left(&options); n++) {
		uint8_t kind = bytes_get_u8(&options), units = bytes_get_u8(&options);
		const uint8_t *value = units ? bytes_get(&options, units * 8u - 2) : NULL;
		if (!value || n == OPTIONS_MAX)
			return false;
		if (kind == type && (type != NONCE || units == 1))
			*mac = value;
	}
	return true;
}

static bool mac_fits(const uint8_t *mac, const struct interface *i)
{
	static const uint8_t nobody[6];
	return !(mac[0] & 1) && memcmp(mac, nobody, 6) != 0 && memcmp(mac, i->mac, 6) != 0;
}

bool ip6_neighbour_target(const struct ip6 *six, struct bytes_in options, const uint8_t **mac)
{
	return ip6_neighbour_option(options, TARGET_MAC, mac) &&
	       (!*mac || mac_fits(*mac, six->interface));
}

COLD void ip6_neighbour_lost(struct interface *i, uint32_t neighbour)
{
	ip6_redirect_forget(i->ip6, neighbour);
}

/* Somebody says that an address of ours is theirs. */
static void conflict(struct ip6 *six, struct ip6_own *o, const uint8_t *mac)
{
	struct interface *i = six->interface;
	uint64_t now = clock_now();
	interface_count(i, COUNT_NDP_CONFLICT);
	if (o->state == IP6_OPTIMISTIC) {
		ip6_own_duplicate(six, o);
		return;
	}
	/* It was ours first: it stays (RFC 5227 §2.4(c) has the reasons), and we say so, not too often. */
	if (o->state != IP6_VALID || (o->defended && now - o->defended < LINES_NS))
		return;
	char text[NET_ADDRESS_TEXT_MAX];
	o->defended = now;
	net_address_print(text, ip6_number_address(o->word));
	if (mac)
		log_warning("net",
		            "%s: " MAC_FORMAT " uses our address %s too; give one of the two "
		            "another address",
		            interface_name(i), MAC_ARGS(mac), text);
	ip6_neighbour_advertise(six, o, ip6_all_nodes, NULL, false);
}

static void asked(struct ip6 *six, struct ip4_packet *p, const uint8_t target[16],
                  struct bytes_in options)
{
	struct interface *i = six->interface;
	struct ip6_own *o = ip6_own_find(six, target);
	const uint8_t *mac, *nonce;
	uint8_t group[16];
	ip6_group_solicited(target, group);
	const struct ip6_header *ip = (const void *)p->header;
	if (!ip6_neighbour_option(options, SOURCE_MAC, &mac) || (!p->source && mac) ||
	    (!p->source && memcmp(ip->destination, group, 16) != 0)) { /* RFC 4861 §7.1.1 */
		interface_count(i, COUNT_NDP_BAD);
		return;
	}
	if (!o || o->state == IP6_FREE || o->state == IP6_DUPLICATE)
		return;
	if (!p->source) { /* a probe */
		ip6_neighbour_option(options, NONCE, &nonce);
		if (nonce && memcmp(nonce, o->nonce, sizeof o->nonce) == 0)
			return; /* ours, sent back */
		if (o->state == IP6_OPTIMISTIC)
			conflict(six, o, NULL);
		else
			ip6_neighbour_advertise(six, o, ip6_all_nodes, NULL, false);
		return;
	}
	const uint8_t *source = ip6_number_bytes(p->source);
	uint8_t to[6];
	bool known = mac && mac_fits(mac, i);
	if (known)
		memcpy(to, mac, 6);
	/* Who is of another network, as far as we know, is answered (RFC 4861 §7.2.4: a router may have redirected it to
	 * us), but teaches us no neighbour. */
	if (!ip6_on_link(six, source)) {
		if (!known)
			return;
	} else if (known) {
		arp_heard(i, p->source, mac);
	}
	ip6_neighbour_advertise(six, o, source, known ? to : NULL, true);
}

static void told(struct ip6 *six, struct ip4_packet *p, const uint8_t target[16], uint8_t flags,
                 struct bytes_in options)
{
	struct interface *i = six->interface;
	struct ip6_own *o = ip6_own_find(six, target);
	const uint8_t *mac;
	if (!ip6_neighbour_option(options, TARGET_MAC, &mac) || target[0] == 0xff || !p->source ||
	    (p->group && flags & NA_SOLICITED)) { /* RFC 4861 §7.1.2 */
		interface_count(i, COUNT_NDP_BAD);
		return;
	}
	if (o) {
		if (!mac || memcmp(mac, i->mac, 6) != 0)
			conflict(six, o, mac);
		return;
	}
	uint32_t word = ip6_number_known(target, i);
	if (!word || (mac && !mac_fits(mac, i)))
		return;
	bool taken = arp_told(i, word, mac, flags & NA_SOLICITED, flags & NA_OVERRIDE);
	if (!taken || flags & NA_ROUTER)
		return;
	/* §7.2.5. Who a redirect says is on the link need be no router. */
	if (!ip6_redirect_on_link(six, target))
		ip6_redirect_forget(six, word);
	if (interface_ip6_automatic)
		ip6_router_forget(six, word);
}

void ip6_neighbour_input(struct ip6 *six, struct ip4_packet *p)
{
	struct bytes_in in = bytes_in(p->payload, p->size);
	uint8_t type = bytes_get_u8(&in);
	bytes_skip(&in, 3);
	uint8_t flags = bytes_get_u8(&in);
	bytes_skip(&in, 3);
	const uint8_t *target = bytes_get(&in, 16);
	if (!target || target[0] == 0xff) {
		interface_count(six->interface, COUNT_NDP_BAD);
		return;
	}
	if (type == ICMP6_SOLICIT)
		asked(six, p, target, in);
	else
		told(six, p, target, flags, in);
}
