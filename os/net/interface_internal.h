/* SPDX-License-Identifier: ISC */
/* What this library's files know of an interface: all of it. Nobody outside os/net includes this.
 */
#ifndef NET_INTERFACE_INTERNAL_H
#define NET_INTERFACE_INTERNAL_H

#include <core/task.h>
#include <net/arp.h>
#include <net/device.h>
#include <net/dhcp.h>
#include <net/fragment.h>
#include <net/interface.h>
#include <net/ip6/ip6.h>

#define INTERFACE_RESOLVERS_MAX 3u
#define INTERFACE_FIGURES_NS    (2 * NS_PER_S) /* between lines of figures in the debug log */

#define INTERFACE_ROUTES_MAX 32u /* the manifest's 16, and a lease's */

/* An address beside the first, and the network that it lies in. */
struct interface_address {
	uint32_t address, mask;
	uint32_t broadcast; /* 0: it has none */
	uint8_t prefix;
	uint64_t defended; /* arp.c: ns, when last; 0: never */
};

struct interface_route {
	uint32_t destination, mask;
	uint32_t gateway; /* 0: the destination is on the link */
	uint8_t prefix;
};

struct interface {
	/* What the fast path reads of it: */
	uint64_t mac_word;  /* mac, in the low 6 bytes as memory holds them */
	uint32_t address;   /* 0: none */
	uint32_t mask;      /* of prefix */
	uint32_t broadcast; /* the subnet's; 0: it has none (RFC 3021, or no address) */
	uint32_t gateway;   /* 0: none */
	uint16_t mtu;       /* IP bytes; at most the device's */
	uint8_t prefix;
	uint8_t mac[6];

	/* What only images have that use it (interface_networks.c): */
	uint32_t further_count, route_count;
	uint32_t
	        route_own; /* of the routes, the first so many are the manifest's; then come a lease's */
	uint32_t further_own; /* of the addresses likewise; then come the tender's */
	struct interface_address further[INTERFACE_FURTHER_MAX];
	struct interface_route routes[INTERFACE_ROUTES_MAX];

	struct device device;
	uint64_t counts[COUNT_MAX];
	const struct interface_config *config;
	uint16_t device_mtu;
	struct arp arp;
	struct fragments fragments;
	struct dhcp dhcp;
	struct ip6 *ip6; /* null: none */
	/* Of an address that is lent (dhcp.c); CLOCK_NEVER and null: it is for good. */
	uint64_t address_until;                    /* ns */
	void (*address_ended)(struct interface *); /* that time has come */
	void (*address_conflict)(
	        struct interface *); /* somebody else uses the address, or the one in arp.probed */
	uint32_t resolvers[INTERFACE_RESOLVERS_MAX]; /* from DHCP; 0: none */
	struct task_queue address_waiters;
	struct timer figures;
	uint64_t figures_sum; /* of all, when last told */
};

static inline void interface_count(struct interface *i, enum interface_count what)
{
	i->counts[what]++;
}

/* The MTU of which the TCP segments are that come (the other side's are at most 40 less): its own, or where the device brings
 * larger ones, theirs. */
static inline uint32_t interface_segment_mtu(const struct interface *i)
{
	return i->device.features & AMP_NET_RX_SEGMENTS ? AMP_NET_SEGMENT_MTU : i->mtu;
}

/* The interfaces that are there, 0 to interface_total() - 1, in the manifest's order. */
struct interface *interface_at(uint32_t n);
uint32_t interface_total(void);

/* Brings one up on a device: the tender's, or one that a bench plays the tender for. ERR_MEMORY, ERR_INVALID. */
int interface_open(const struct interface_config *, const struct amp_device *);

/* For tests: everything is given back. An image's interfaces live as long as it does. */
void interface_stop_all(void);

static inline uint32_t prefix_mask(uint8_t prefix)
{
	return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

/* ---- Addresses, networks, routes: of the first address here, of all others in interface_networks.c ---- */

bool interface_further_has(const struct interface *, uint32_t address);
bool interface_further_broadcast(const struct interface *, uint32_t address);
bool interface_further_odd(const struct interface *, uint32_t address);
/* The narrowest of these networks that has the address; null: none has. */
const struct interface_address *interface_further_network(const struct interface *,
                                                          uint32_t address);
uint32_t interface_further_source(const struct interface *, uint32_t to);

/* How well an interface leads to an address: not at all, by its gateway, by a network or route of so many bits. */
#define INTERFACE_MATCH_GATEWAY 1u
#define INTERFACE_MATCH_NETWORK 2u /* + prefix */
uint32_t interface_route_hop(const struct interface *, uint32_t to, uint32_t *match);
bool interface_route_neighbour(const struct interface *, uint32_t address);
/* False: no room, or no gateway can have that address. Sets mask, and the destination's host bits to 0. */
bool interface_route_add(struct interface *, struct interface_route);

/* Takes an address of the tender's beside the first into use. False: it does not fit. */
bool interface_further_add(struct interface *, uint32_t address, uint8_t prefix);
void interface_further_forget(struct interface *); /* all of these */

/* Takes the manifest's further addresses and routes into use. ERR_INVALID, ERR_EXISTS. */
int interface_networks_start(struct interface *);

/* Is it one of ours? */
static inline bool interface_has(const struct interface *i, uint32_t address)
{
	if (address == i->address)
		return address != 0;
	if (ip6_is(address))
		return ip6_has(i, address);
	return interface_further && i->further_count && interface_further_has(i, address);
}

/* Is it a subnet's broadcast address? */
static inline bool interface_broadcast(const struct interface *i, uint32_t address)
{
	if (i->broadcast && address == i->broadcast)
		return true;
	return interface_further && i->further_count && interface_further_broadcast(i, address);
}

/* Is it one that no other host here can have: ours, a subnet's own or its broadcast address? */
static inline bool interface_odd(const struct interface *i, uint32_t address)
{
	if (address == i->address ||
	    (i->broadcast && (address == i->broadcast || address == (i->address & i->mask))))
		return true;
	return interface_further && i->further_count && interface_further_odd(i, address);
}

static inline bool interface_on_link(const struct interface *i, uint32_t address)
{
	if (i->address && !((address ^ i->address) & i->mask))
		return true;
	return interface_further && i->further_count && interface_further_network(i, address);
}

/* Whom to ask ARP for on the way to an address; 0: no way leads there by this interface. */
static inline uint32_t interface_next_hop(const struct interface *i, uint32_t to)
{
	uint32_t match;
	if (ip6_is(to))
		return ip6_next_hop(i, to);
	if (interface_routed && i->route_count)
		return interface_route_hop(i, to, &match);
	return interface_on_link(i, to) ? to : i->gateway;
}

/* Is this a neighbour that packets may be sent to, on the link or a gateway? */
static inline bool interface_neighbour(const struct interface *i, uint32_t address)
{
	if (interface_on_link(i, address) || address == i->gateway)
		return true;
	return interface_routed && i->route_count && interface_route_neighbour(i, address);
}

/* Our address for packets to another one: that of the network by which they go. 0: there is none. */
static inline uint32_t interface_source(const struct interface *i, uint32_t to)
{
	if (ip6_is(to))
		return ip6_source(i, to);
	if (interface_further && i->further_count)
		return interface_further_source(i, to);
	return i->address;
}

/* An address whose time is over goes before anything is received: after a pause, packets have waited
 * in the rings for longer than the timer that would end it. */
static inline void interface_check_address(struct interface *i)
{
	if (interface_dhcp && i->address_until != CLOCK_NEVER && clock_now() >= i->address_until)
		i->address_ended(i);
}

/* May a host have this address on a network of this prefix? */
bool interface_address_fits(uint32_t address, uint8_t prefix);

/* Takes an address into use (and announces it), or gives it up. gateway 0: none. */
void interface_set_address(struct interface *, uint32_t address, uint8_t prefix, uint32_t gateway);
void interface_clear_address(struct interface *);

/* For log lines: "10.0.0.2", arguments for IP4_FORMAT. */
#define IP4_FORMAT   "%u.%u.%u.%u"
#define IP4_ARGS(a_) (a_) >> 24, (a_) >> 16 & 255, (a_) >> 8 & 255, (a_) & 255
#define MAC_FORMAT   "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_ARGS(m_) (m_)[0], (m_)[1], (m_)[2], (m_)[3], (m_)[4], (m_)[5]

/* ---- interface_metrics.c ---- */
void interface_metrics_add(const struct interface *);

#endif
