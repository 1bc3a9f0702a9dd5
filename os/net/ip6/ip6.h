/* SPDX-License-Identifier: ISC */
/*
 * IPv6, for the rest of os/net. Inside this library an address is a word of 32 bits, of either family: an IPv4 address
 * in host byte order, or the number of an IPv6 address (number.c). Numbers are loopback addresses, 127.0.0.1 and on,
 * which no packet of IPv4 may have. So what compares addresses, hashes them and keeps them costs with IPv4 what it always did,
 * and TCP, UDP, reassembly and the cache of neighbours serve both families with the same code.
 *
 * A loopback address that a packet or a user names does not become a word: it is refused where it comes in.
 *
 * A number means its address while somebody holds it: a packet that is worked on, a connection, a neighbour, an address
 * of ours. Who keeps a word for longer than a call holds it (ip6_keep, ip6_drop: for IPv4 they do nothing).
 *
 * interface_ip6 is a constant of the image. Where its manifest names no IPv6 the linker sees that nothing here is
 * reached, and takes nothing of it.
 */
#ifndef NET_IP6_H
#define NET_IP6_H

#include <stdbool.h>
#include <stdint.h>

#include <net/address.h>
#include <net/interface.h>

struct arp;
struct frame;
struct ip4_packet;
struct ip4_route;

#define IP6_WORD_BITS 24u /* of a number; above is 127 */

/* Is the word the number of an IPv6 address? */
static inline bool ip6_is(uint32_t word)
{
	return interface_ip6 && word >> IP6_WORD_BITS == 127;
}

/* ---- number.c ---- */

/* The number of an address, held once more; 0: there is no memory, or the address is ::. Those that mean one link alone
 * (fe80::/10, ff02::/16) are numbered by interface; null: the first one's. */
uint32_t ip6_number(const uint8_t address[16], const struct interface *);
/* The same, 0 if nobody holds it; it is not held. */
uint32_t ip6_number_known(const uint8_t address[16], const struct interface *);
const uint8_t *ip6_number_bytes(uint32_t number); /* until the next one is made */
/* Of a link's own address: its interface; else null. */
const struct interface *ip6_number_link(uint32_t number);
void ip6_number_hold(uint32_t number);
void ip6_number_release(uint32_t number);
void ip6_number_stop(void);           /* for tests: the table is given back, if nobody holds any */
uint32_t ip6_digest(uint32_t number); /* of the address, the same whenever it is numbered */

static inline void ip6_keep(uint32_t word)
{
	if (ip6_is(word))
		ip6_number_hold(word);
}

static inline void ip6_drop(uint32_t word)
{
	if (ip6_is(word))
		ip6_number_release(word);
}

/* An address as a word, held; 0: it is none, or cannot be one. */
static inline uint32_t ip6_word(struct net_address a, const struct interface *i)
{
	uint32_t ip4 = net_ip4_of(a);
	if (interface_ip6 && !net_is_ip4(a))
		return ip6_number(a.bytes, i);
	return ip4 >> IP6_WORD_BITS == 127 ? 0 : ip4;
}

struct net_address ip6_number_address(uint32_t number);
static inline struct net_address ip6_address_of(uint32_t word)
{
	return ip6_is(word) ? ip6_number_address(word) : net_ip4(word);
}

/* ---- input.c ---- */

void ip6_input(struct interface *, struct frame *, bool link_group);
uint8_t ip6_class(const uint8_t *header); /* the traffic class, where IPv4 has its TOS */

/* ---- output.c: as the functions of ip4.h that end alike ---- */

int ip6_route(struct ip4_route *, struct interface *only, uint32_t destination);
int ip6_send(const struct ip4_route *, const void *head, uint32_t head_size, const void *body,
             uint32_t size);
int ip6_hop(const struct ip4_route *, struct frame *);
/* Puts the header before the frame's view, of which `rest` bytes follow elsewhere. */
void ip6_header_put(const struct ip4_route *, struct frame *, uint32_t rest);
uint64_t ip6_pseudo(uint32_t source, uint32_t destination, uint8_t protocol, uint32_t size);
uint16_t ip6_mtu(const struct interface *);

/* ---- icmp6.c ---- */

/* icmp_error, type and code ICMP's. */
void ip6_error(const struct ip4_packet *, uint8_t type, uint8_t code);

/* ---- own.c: our addresses ---- */

int ip6_open(struct interface *); /* ERR_MEMORY, ERR_INVALID, ERR_EXISTS */
void ip6_close(struct interface *);
void ip6_moved(
        struct interface *); /* a clone in its original's place, on whose link it has to be found */
bool ip6_has(const struct interface *, uint32_t number);
bool ip6_ready(const struct interface *); /* is there one that is not of the link alone? */
struct net_address ip6_address_at(const struct interface *, uint32_t n);
uint32_t ip6_source(const struct interface *, uint32_t to); /* RFC 6724 §5; 0: there is none */
bool ip6_unicast(uint32_t number);
bool ip6_deprecated(const struct interface *,
                    uint32_t number); /* is it ours, but no longer preferred? */
/* The n-th name server that routers or DHCPv6 have told; none: there are no more. */
struct net_address ip6_resolver(const struct interface *, uint32_t n);
/* RFC 6724 §2.1: an address's precedence and label, of either family. */
struct ip6_policy {
	uint8_t precedence, label;
};
struct ip6_policy ip6_policy(struct net_address);
uint32_t ip6_scope(struct net_address);

/* ---- route.c ---- */

/* Whom to ask for on the way to an address; 0: no way leads there. */
uint32_t ip6_next_hop(const struct interface *, uint32_t to);

/* A neighbour of IPv6 does not answer: no redirect leads there any more. */
void ip6_neighbour_lost(struct interface *, uint32_t neighbour);

/* ---- neighbour.c ---- */

struct arp *ip6_neighbours(const struct interface *);
uint64_t ip6_retransmit(const struct interface *); /* ns: RetransTimer, as routers say */
uint64_t ip6_reachable(const struct interface *);  /* ns: ReachableTime */
/* Asks for a neighbour's MAC address: all who may have it, or, at this MAC address, itself. */
void ip6_solicit(struct interface *, uint32_t neighbour, const uint8_t *mac);

/* ---- group.c ---- */

bool ip6_has_mac(const struct interface *, const uint8_t mac[6]);

#endif
