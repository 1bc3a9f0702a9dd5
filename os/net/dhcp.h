/* SPDX-License-Identifier: ISC */
/*
 * The DHCP client (RFC 2131, options RFC 2132), one for an interface whose address is `dhcp`: gets
 * a lease, checks by ARP that nobody has the address, renews it, and gives the address up when the
 * lease ends.
 */
#ifndef NET_DHCP_H
#define NET_DHCP_H

#include <stdbool.h>
#include <stdint.h>

#include <core/clock.h>
#include <core/timer.h>

#define DHCP_SERVER_PORT         67u
#define DHCP_CLIENT_PORT         68u
#define DHCP_RETRY_FIRST_S       4u /* RFC 2131 §4.1: 4, 8, 16, 32, 64 seconds, each give or take one */
#define DHCP_RETRY_LAST_S        64u
#define DHCP_REQUESTS_MAX        4u /* of one offer, before it looks for another */
#define DHCP_BROADCAST_AFTER     2u /* unanswered messages, before it asks for answers by broadcast */
#define DHCP_RENEW_RETRY_LEAST_S 60u /* RFC 2131 §4.4.5 */
#define DHCP_PROBES              2u  /* for the offered address. RFC 5227's three with seconds */
#define DHCP_PROBE_NS            (200 * NS_PER_MS) /* between them are too slow for an image's start */
#define DHCP_DECLINED_NS         (10 * NS_PER_S) /* RFC 2131 §3.1(5): the wait after a conflict */
#define DHCP_NAK_NS              (1 * NS_PER_S)  /* ... and after a refusal */
#define DHCP_LEASE_LEAST_S                                                                         \
	2u /* a shorter one is no offer: its T1 is now, so it would be renewed without pause */
#define DHCP_LEASE_FOREVER UINT32_MAX
#define DHCP_RELEASE_MS    50u /* the most that an exit waits for its RELEASE to be sent */
#define DHCP_SERVERS_MAX   3u  /* kept of each kind: the first ones, which are preferred */
#define DHCP_ROUTES_MAX    16u
#define DHCP_OPTION_MAX    512u /* bytes of an option in all its parts; a longer one is not read */
#define DHCP_NAME_MAX      64u  /* bytes kept of host and domain name, NUL included */

struct interface;
struct udp_socket;

/* RFC 2131 figure 5, with the wait for ARP between REQUESTING and BOUND. */
enum dhcp_state {
	DHCP_OFF,        /* the address is static */
	DHCP_INIT,       /* waits before it starts (again) */
	DHCP_SELECTING,  /* DISCOVER sent, waits for an offer */
	DHCP_REQUESTING, /* REQUEST for an offer sent */
	DHCP_CHECKING,   /* ACK received, asks by ARP whether somebody has the address */
	DHCP_BOUND,
	DHCP_RENEWING,  /* since T1: asks its server */
	DHCP_REBINDING, /* since T2: asks any server */
};

/* Of the option Classless Static Routes (RFC 3442). */
struct dhcp_route {
	uint32_t destination, gateway; /* gateway 0: on the link */
	uint8_t prefix;
};

struct dhcp_lease {
	uint32_t address, server, gateway;
	uint32_t resolvers[DHCP_SERVERS_MAX], time_servers[DHCP_SERVERS_MAX]; /* 0: no more */
	uint32_t seconds, t1, t2;
	uint16_t mtu; /* 0: not given */
	uint8_t prefix;
	uint8_t route_count;
	struct dhcp_route routes[DHCP_ROUTES_MAX]; /* but for the one that is the gateway */
	char host_name[DHCP_NAME_MAX],
	        domain_name[DHCP_NAME_MAX]; /* as sent; not fit for printing unescaped */
};

struct dhcp {
	enum dhcp_state state;
	struct timer timer;
	struct udp_socket *socket;
	struct dhcp_lease lease; /* offered, then held */
	uint64_t started;        /* ns: when it began to look for an address */
	uint64_t
	        requested; /* ns: when what led to the lease was asked; its time counts from here */
	uint64_t requested_last; /* ns: when its renewal was last asked */
	uint32_t xid;
	uint32_t tries; /* messages sent in this state */
	uint32_t probes;
	uint8_t server_mac[6]; /* where the last ACK came from */
};

int dhcp_open(struct interface *);   /* ERR_MEMORY, ERR_EXISTS */
void dhcp_close(struct interface *); /* stops asking; says nothing to the server */
/* In a clone in its original's place: asks the server whether the lease still holds. */
void dhcp_moved(struct interface *);

/* Gives a leased address back (RFC 2131 §4.4.6) and asks for none again: for the end of the run. Best effort: nobody
 * answers. It also happens when main() returns or exit() is called. Nothing where no address is leased. */
void dhcp_release(struct interface *);

#endif
