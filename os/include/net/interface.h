/* SPDX-License-Identifier: ISC */
/*
 * A network interface: one network device of the image, its addresses and its neighbours. Interfaces are
 * configured in the manifest, started before main() (BOOT_START, order 100), and driven by the event loop.
 * What is IPv4's own here is a uint32_t in host byte order; addresses of either family are a struct net_address.
 */
#ifndef NET_INTERFACE_H
#define NET_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

#include <net/address.h>

struct interface;

/* One entry of the manifest's `interfaces`, generated into the image. *_arg: index of the argument whose
 * value (boot_info->args) is used instead of the constant beside it; -1: none. */
struct interface_config {
	const char *name; /* the device's name in the note */
	bool dhcp;
	bool automatic; /* the tender's word is the address, where it has one; else as dhcp says */
	bool no_ip4;    /* IPv6 alone */
	uint8_t prefix; /* of address */
	uint32_t
	        address; /* static; with address_arg an argument of type cidr, whose default the tender's word replaces */
	int32_t address_arg;
	uint32_t gateway;    /* 0: none */
	int32_t gateway_arg; /* type ipv4 */
	const struct interface_network_config
	        *addresses; /* beside the first; at most INTERFACE_FURTHER_MAX */
	const struct interface_route_config *routes; /* beside the gateway; as many */
	uint32_t address_count, route_count;
};
struct interface_network_config {
	uint32_t address;
	int32_t arg; /* type cidr; 0.0.0.0: none */
	uint8_t prefix;
};
struct interface_route_config {
	uint32_t to, gateway;
	int32_t to_arg,
	        gateway_arg; /* types cidr and ipv4; gateway 0.0.0.0: there is no such route */
	uint8_t prefix;
};
/* IPv6: addresses and routes as the manifest names them. An argument is of type ip6 or cidr6, whose text says it; an empty
 * one: none. */
struct interface_ip6_network_config {
	uint8_t address[16];
	int32_t arg;
	uint8_t prefix;
};
struct interface_ip6_route_config {
	struct interface_ip6_network_config to, gateway; /* gateway: without a prefix */
};
struct interface_ip6_config {
	bool automatic; /* as routers say: SLAAC, and DHCPv6 where they name it */
	bool temporary; /* beside each of these an address that changes, for connections from here (RFC 8981) */
	const struct interface_ip6_network_config *addresses;
	const struct interface_ip6_route_config *routes;
	uint32_t address_count, route_count;
};
#define INTERFACE_FURTHER_MAX 16u
extern const struct interface_config interface_configs[];
extern const uint32_t interface_config_count;
/* IPv6 of each of them; null: none. */
extern const struct interface_ip6_config *const interface_ip6_configs[];
/* One of them at least has an address from DHCP, further addresses, routes (DHCP may bring some): else the image is built
 * without what serves these. */
extern const bool interface_dhcp, interface_further, interface_routed;
/* One has IPv6; and by what routers say. */
extern const bool interface_ip6, interface_ip6_automatic;
extern const char interface_host_name[]; /* the appliance's name, as DHCP servers are told it */

/* The interface of that name, or the first one for null. Null if there is none. */
struct interface *interface_find(const char *name);
const char *interface_name(const struct interface *);
uint32_t interface_address(const struct interface *); /* 0: none yet */
uint8_t interface_prefix(const struct interface *);
/* The n-th of all its addresses: 0 is the one above, then those of the manifest's `addresses`. 0: there are no more. */
uint32_t interface_address_at(const struct interface *, uint32_t n);
/* The n-th of its IPv6 addresses that may be used now, the link-local one first. No address: there are no more. */
struct net_address interface_ip6_at(const struct interface *, uint32_t n);
uint32_t interface_gateway(const struct interface *);
const uint8_t *interface_mac(const struct interface *); /* 6 bytes */
uint16_t interface_mtu(const struct interface *);       /* IP bytes */

/* The n-th NTP server that DHCP named, in the order of preference; 0: there are no more. */
uint32_t interface_time_server(const struct interface *, uint32_t n);

/* Blocks the task until the interface has an address (0), IPv4's or one of IPv6 that is not of the link alone, or until the deadline (ERR_TIMEOUT). A static address is
 * there at once. */
int interface_wait_address(struct interface *, uint64_t deadline_ns);

/* Packets seen and dropped, by cause. */
enum interface_count {
	COUNT_RX_PACKETS,
	COUNT_RX_BYTES,
	COUNT_TX_PACKETS,
	COUNT_TX_BYTES,
	COUNT_RX_BAD_DESCRIPTOR, /* the tender's descriptor does not fit the frame area */
	COUNT_RX_SHORT,          /* shorter than its headers say */
	COUNT_RX_OTHER_MAC,      /* for another host */
	COUNT_RX_UNKNOWN_TYPE,   /* EtherType or IP protocol that is not served */
	COUNT_RX_OTHER_ADDRESS,  /* IP destination is not ours */
	COUNT_RX_BAD_HEADER,     /* version, header length, total length */
	COUNT_RX_BAD_CHECKSUM,
	COUNT_RX_BAD_SOURCE, /* source address that no host may have */
	COUNT_RX_BAD_OPTION, /* IP options that do not parse */
	COUNT_RX_NO_PORT,
	COUNT_FRAGMENTS,
	COUNT_REASSEMBLED,
	COUNT_FRAGMENT_TIMEOUT,
	COUNT_FRAGMENT_LIMIT,
	COUNT_FRAGMENT_BAD,
	COUNT_ARP_BAD,
	COUNT_ARP_CONFLICT,
	COUNT_TX_NO_FRAME,
	COUNT_TX_RING_FULL,
	COUNT_TX_UNRESOLVED,
	COUNT_TX_NO_ROUTE,
	COUNT_TX_TOO_BIG,
	COUNT_ICMP_ERRORS_SENT,
	COUNT_ICMP_LIMITED,  /* errors sent; not sent for the rate limit */
	COUNT_RX_QUEUE_FULL, /* a socket's queue had no room, or there was no memory for it */
	COUNT_DHCP_BAD,      /* DHCP messages that do not parse, or are not for us */
	/* Of images with IPv6: */
	COUNT_NDP_BAD,      /* neighbour discovery that does not parse, or comes from afar */
	COUNT_NDP_CONFLICT, /* somebody else has an address of ours */
	COUNT_NDP_LIMIT,    /* what routers say that there is no room for */
	COUNT_MAX
};
uint64_t interface_counter(const struct interface *, enum interface_count);
const char *interface_counter_name(enum interface_count); /* "rx_bad_checksum" */
/* The first so many of them are this image's. */
static inline uint32_t interface_counter_total(void)
{
	return interface_ip6 ? COUNT_MAX : COUNT_NDP_BAD;
}

#endif
