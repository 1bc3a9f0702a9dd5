/* SPDX-License-Identifier: ISC */
/*
 * A network interface: one network device of the image, its addresses and its neighbours. Interfaces are
 * configured in the manifest, started before main() (BOOT_START, order 100), and driven by the event loop.
 * IPv4 addresses are uint32_t in host byte order throughout.
 */
#ifndef NET_INTERFACE_H
#define NET_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

struct interface;

/* One entry of the manifest's `interfaces`, generated into the image. *_arg: index of the argument whose
 * value (boot_info->args) is used instead of the constant beside it; -1: none. */
struct interface_config {
	const char *name; /* the device's name in the note */
	bool dhcp;
	uint8_t prefix;   /* of address */
	uint32_t address; /* static; with address_arg an argument of type cidr */
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
#define INTERFACE_FURTHER_MAX 16u
extern const struct interface_config interface_configs[];
extern const uint32_t interface_config_count;
/* One of them at least has an address from DHCP, further addresses, routes (DHCP may bring some): else the image is built
 * without what serves these. */
extern const bool interface_dhcp, interface_further, interface_routed;
extern const char interface_host_name[]; /* the appliance's name, as DHCP servers are told it */

/* The interface of that name, or the first one for null. Null if there is none. */
struct interface *interface_find(const char *name);
const char *interface_name(const struct interface *);
uint32_t interface_address(const struct interface *); /* 0: none yet */
uint8_t interface_prefix(const struct interface *);
/* The n-th of all its addresses: 0 is the one above, then those of the manifest's `addresses`. 0: there are no more. */
uint32_t interface_address_at(const struct interface *, uint32_t n);
uint32_t interface_gateway(const struct interface *);
const uint8_t *interface_mac(const struct interface *); /* 6 bytes */
uint16_t interface_mtu(const struct interface *);       /* IP bytes */

/* The n-th NTP server that DHCP named, in the order of preference; 0: there are no more. */
uint32_t interface_time_server(const struct interface *, uint32_t n);

/* Blocks the task until the interface has an address (0) or until the deadline (ERR_TIMEOUT). A static address is
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
	COUNT_MAX
};
uint64_t interface_counter(const struct interface *, enum interface_count);
const char *interface_counter_name(enum interface_count); /* "rx_bad_checksum" */

#endif
