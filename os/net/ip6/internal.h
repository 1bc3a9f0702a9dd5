/* SPDX-License-Identifier: ISC */
/*
 * What IPv6's files know of each other:
 *
 *   number.c     addresses as words
 *   input.c      a packet comes: its header, its extension headers within bounds, whose it is
 *   output.c     a packet goes: its header, fragments
 *   icmp6.c      echo, errors, reports of errors
 *   neighbour.c  neighbour discovery: who has an address (the cache is arp.c's); duplicates of ours
 *   own.c        our addresses: static ones, those made of a router's prefixes, temporary ones; which one is a packet's source
 *   told.c       what the tender says, where the manifest lets it
 *   router.c     what routers advertise: themselves, prefixes, routes, name servers
 *   route.c      the way to an address
 *   redirect.c   the way to one address, as a router says
 *   group.c      multicast groups, and telling routers (MLD)
 *   dhcp6.c      DHCPv6's client
 *
 * All that a network tells is kept in tables of a fixed size. What is full takes nothing more: what is there is not moved by
 * what comes later, and goes when its time is over.
 */
#ifndef NET_IP6_INTERNAL_H
#define NET_IP6_INTERNAL_H

#include <string.h>

#include <core/bytes.h>
#include <core/clock.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/timer.h>
#include <net/arp.h>
#include <net/checksum.h>
#include <net/ethernet.h>
#include <net/icmp.h>
#include <net/interface_internal.h>
#include <net/ip4.h>
#include <net/ip6/ip6.h>
#include <net/wire.h>

#define IP6_OWN_MAX       40u /* addresses of an interface: the link's, 16 static ones, and: */
#define IP6_AUTO_MAX      16u /* made of routers' prefixes, temporary ones included, or lent by DHCPv6 */
#define IP6_PREFIXES_MAX  16u /* networks on the link */
#define IP6_ROUTERS_MAX   8u
#define IP6_ROUTES_MAX    32u /* the manifest's 16, and what routers tell */
#define IP6_REDIRECTS_MAX 16u
#define IP6_GROUPS_MAX    64u  /* multicast groups */
#define IP6_HEADERS_MAX   8u   /* extension headers of a packet */
#define IP6_HEADERS_SIZE  200u /* bytes of them */
#define IP6_OPTIONS_MAX   16u  /* options of one of them */
#define IP6_HOPS          64u  /* hop limit, where no router says another */
#define IP6_HOPS_MIN      15u  /* a smaller one that a router says is not believed */
#define IP6_RETRANSMIT_NS                                                                          \
	(1 *                                                                                       \
	 NS_PER_S) /* RetransTimer and BaseReachableTime, where no router says others: RFC 4861 §10 */
#define IP6_REACHABLE_NS   (30 * NS_PER_S)
#define IP6_RETRANSMIT_MIN 100u /* ms: what a router says beyond these is not believed */
#define IP6_RETRANSMIT_MAX 10000u
#define IP6_REACHABLE_MIN  1000u
#define IP6_REACHABLE_MAX  3600000u /* §6.2.1 */
#define IP6_DAD_AGAIN_NS                                                                           \
	(30 * NS_PER_S)               /* until an address that somebody else had is tried again */
#define IP6_DAD_TRIES              3u /* IDGEN_RETRIES: RFC 7217 §7 */
#define IP6_SOLICIT_NS             (4 * NS_PER_S) /* RFC 7559 */
#define IP6_SOLICIT_MAX_NS         (3600 * NS_PER_S)
#define IP6_REDIRECT_NS            (600 * NS_PER_S)       /* then routes are asked again */
#define IP6_TWO_HOURS_NS           (7200 * NS_PER_S)      /* RFC 4862 §5.5.3 */
#define IP6_TEMPORARY_VALID_NS     (2 * 86400 * NS_PER_S) /* RFC 8981 §3.8 */
#define IP6_TEMPORARY_PREFERRED_NS (1 * 86400 * NS_PER_S)
#define IP6_TEMPORARY_DESYNC_S     (86400u * 2 / 5)
#define IP6_TEMPORARY_ADVANCE_NS   (5 * NS_PER_S)

/* RFC 4443, RFC 4861, RFC 3810 */
#define ICMP6_UNREACHABLE      1u
#define ICMP6_UNREACHABLE_PORT 4u
#define ICMP6_TOO_BIG          2u
#define ICMP6_TIME_EXCEEDED    3u
#define ICMP6_TIME_REASSEMBLY  1u
#define ICMP6_PARAMETER        4u
#define ICMP6_PARAMETER_FIELD  0u
#define ICMP6_PARAMETER_NEXT   1u
#define ICMP6_PARAMETER_OPTION 2u
#define ICMP6_PARAMETER_CHAIN  3u /* RFC 7112 */
#define ICMP6_ECHO             128u
#define ICMP6_ECHO_REPLY       129u
#define ICMP6_LISTENERS_ASKED  130u
#define ICMP6_LISTENER_V1      131u
#define ICMP6_LISTENER_DONE    132u
#define ICMP6_ROUTER_SOLICIT   133u
#define ICMP6_ROUTER           134u
#define ICMP6_SOLICIT          135u
#define ICMP6_NEIGHBOUR        136u
#define ICMP6_REDIRECT         137u
#define ICMP6_LISTENERS_V2     143u

extern const uint8_t ip6_none[16], ip6_all_nodes[16], ip6_all_routers[16];

enum ip6_kind {
	IP6_STATIC,
	IP6_LINK, /* fe80::/64, ours on the link */
	IP6_AUTO, /* made of a router's prefix: RFC 7217 */
	IP6_TEMPORARY,
	IP6_LEASED, /* by DHCPv6 */
};

enum ip6_state {
	IP6_FREE,
	IP6_OPTIMISTIC, /* used while it is asked whether somebody has it (RFC 4429): an image is there at once */
	IP6_VALID,
	IP6_DUPLICATE, /* somebody has it: not ours, until it is tried again */
};

struct ip6_own {
	uint32_t word; /* held */
	uint8_t address[16];
	uint8_t prefix, state, kind;
	uint8_t counter; /* duplicates so far: RFC 7217's DAD_Counter; a temporary one's predecessors */
	uint64_t try_until; /* the end of its probe, or when it is tried again */
	uint64_t preferred_until, valid_until;
	uint64_t made_at;  /* a temporary one */
	uint64_t defended; /* when last; 0: never */
	uint8_t nonce[6];  /* of the probe: RFC 7527 */
	bool followed;     /* a temporary one that has its successor */
};

struct ip6_prefix {
	uint8_t address[16];
	uint8_t prefix;
	uint64_t until;
};

struct ip6_router {
	uint32_t word; /* held; 0: free */
	int8_t preference;
	uint64_t until;
};

struct ip6_way {
	uint8_t to[16];
	uint8_t prefix;
	int8_t preference;
	bool fixed;       /* the manifest's */
	uint32_t gateway; /* held; 0: free */
	uint64_t until;
};

struct ip6_redirect {
	uint8_t to[16];
	uint32_t router, hop; /* held; who told it, 0: free; where packets go */
	uint64_t until;
};

struct ip6_group {
	uint8_t address[16];
	uint32_t users;   /* 0: free once nothing is to be told */
	uint8_t changes;  /* how often its last change is still to be told */
	bool asked, used; /* a query is to be answered; the entry is taken */
	bool reported; /* MLD version 1: we were the last to report it, so its end is ours to tell */
	uint64_t tell_at;
};

struct ip6 {
	struct interface *interface;
	const struct interface_ip6_config *config;
	struct arp neighbours;
	struct timer timer; /* for everything that has a time */
	struct ip6_own own[IP6_OWN_MAX];
	uint32_t own_count; /* entries that were ever used */
	struct ip6_prefix prefixes[IP6_PREFIXES_MAX];
	struct ip6_router routers[IP6_ROUTERS_MAX];
	struct ip6_way ways[IP6_ROUTES_MAX];
	struct ip6_redirect redirects[IP6_REDIRECTS_MAX];
	struct ip6_group groups[IP6_GROUPS_MAX];
	struct timer group_timer;
	uint64_t older_until; /* a router of MLD version 1 is there */
	uint64_t solicit_at, solicit_wait;
	uint64_t solicited; /* when last; 0: never */
	uint8_t resolvers[INTERFACE_RESOLVERS_MAX][16];
	uint64_t resolvers_until[INTERFACE_RESOLVERS_MAX];
	uint64_t retransmit, reachable; /* ns; reachable: with its chance */
	uint32_t reachable_base;        /* ms: what it was made of */
	uint64_t reachable_until;       /* when it is drawn anew */
	uint16_t mtu;                   /* at most the interface's */
	uint8_t hops;
	bool solved;        /* a router has answered */
	bool automatic;     /* routers say what its addresses are */
	bool told;          /* the tender does */
	struct dhcp6 *dhcp; /* null: no router named DHCPv6 */
};

/* ---- number.c ---- */
uint32_t ip6_number_total(void); /* for tests: those that are held */

/* ---- output.c ---- */
/* Sends one whole packet of our own making, hop limit 255: what stands in the frame is an ICMPv6 message with its checksum
 * zero. mac null: of the group, or as routes say. */
struct ip6_message {
	struct frame *frame;
	struct bytes_out out;
};
bool ip6_message_start(struct ip6 *, struct ip6_message *, uint8_t type, uint8_t code);
/* router_alert: a hop-by-hop header, hop limit 1: MLD. */
void ip6_message_send(struct ip6 *, struct ip6_message *, const uint8_t source[16],
                      const uint8_t destination[16], const uint8_t *mac, bool router_alert);

/* ---- icmp6.c ---- */
/* A message whose checksum is good. bare: no extension header, no fragment. */
void ip6_icmp_input(struct ip4_packet *, bool bare);
/* An error with ICMPv6's own type and code, about a packet of this IP header and what follows in its frame. */
void ip6_icmp_error(const struct ip4_packet *, uint8_t type, uint8_t code, uint32_t value);

/* ---- own.c ---- */
struct ip6_own *ip6_own_find(const struct ip6 *, const uint8_t address[16]);
static inline bool ip6_own_usable(const struct ip6_own *o)
{
	return o->state == IP6_OPTIMISTIC || o->state == IP6_VALID;
}
struct ip6_own *ip6_own_add(struct ip6 *, const uint8_t address[16], uint8_t prefix, enum ip6_kind,
                            uint64_t preferred_until, uint64_t valid_until);
void ip6_own_remove(struct ip6 *, struct ip6_own *);
void ip6_own_duplicate(struct ip6 *, struct ip6_own *);
/* A router has a prefix for addresses: makes one, or says how long it is good. */
void ip6_own_auto(struct ip6 *, const uint8_t prefix[16], uint64_t preferred_until,
                  uint64_t valid_until);
void ip6_timer_update(struct ip6 *);
/* An address of ours for the link; null: none yet. */
const struct ip6_own *ip6_own_link(const struct ip6 *);

/* ---- told.c ---- */
/* The tender's address for the link. False: it has none. */
bool ip6_told_link(const struct ip6 *, uint8_t address[16]);
/* Does the tender have addresses, and does the manifest leave them open? */
bool ip6_told(const struct ip6 *);
/* Is it an argument that was not set, which the tender's words replace? */
bool ip6_told_unset(int32_t arg);
/* Takes all of them into use. */
void ip6_told_start(struct ip6 *);

/* ---- router.c ---- */
void ip6_router_input(struct ip6 *, struct ip4_packet *);
void ip6_router_solicit(struct ip6 *);
uint64_t ip6_router_expire(struct ip6 *, uint64_t now); /* the next time that something ends */
void ip6_router_forget(struct ip6 *, uint32_t word);    /* it is none any more */

/* ---- route.c ---- */
bool ip6_on_link(const struct ip6 *, const uint8_t address[16]);
int ip6_way_add(struct ip6 *, const uint8_t to[16], uint8_t prefix, const uint8_t gateway[16],
                int8_t preference, bool fixed, uint64_t until);
void ip6_way_remove(struct ip6_way *);
bool ip6_within(const uint8_t a[16], const uint8_t b[16], uint8_t prefix);
static inline bool ip6_is_link(const uint8_t a[16])
{
	return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

/* ---- redirect.c ---- */
void ip6_redirect_input(struct ip6 *, struct ip4_packet *);
uint32_t ip6_redirect_hop(const struct ip6 *, const uint8_t to[16]); /* 0: as routes say */
bool ip6_redirect_on_link(const struct ip6 *, const uint8_t address[16]);
void ip6_redirect_forget(struct ip6 *, uint32_t word); /* who told it, or whom it names */
void ip6_redirect_clear(struct ip6 *);

/* ---- neighbour.c ---- */
void ip6_neighbour_input(struct ip6 *, struct ip4_packet *);
void ip6_neighbour_probe(struct ip6 *, struct ip6_own *); /* asks whether somebody has it */
/* The link-layer address option of this type; null: none. False: the options do not parse. */
bool ip6_neighbour_option(struct bytes_in options, uint8_t type, const uint8_t **mac);
/* The same of a target's (type 2), if it can be a neighbour's. */
bool ip6_neighbour_target(const struct ip6 *, struct bytes_in options, const uint8_t **mac);
void ip6_neighbour_times(struct ip6 *, uint32_t reachable_ms,
                         uint32_t retransmit_ms); /* 0: not said */
void ip6_neighbour_advertise(struct ip6 *, const struct ip6_own *, const uint8_t to[16],
                             const uint8_t *mac, bool solicited);

/* ---- group.c ---- */
int ip6_group_join(struct ip6 *, const uint8_t group[16]); /* ERR_MEMORY: too many */
void ip6_group_leave(struct ip6 *, const uint8_t group[16]);
bool ip6_group_has(const struct ip6 *, const uint8_t group[16]);
void ip6_group_asked(struct ip6 *, struct ip4_packet *);
void ip6_group_reported(struct ip6 *, struct ip4_packet *); /* by somebody else: MLD version 1 */
void ip6_group_retell(struct ip6 *); /* all of them, now that the link has an address of ours */
void ip6_group_solicited(const uint8_t address[16], uint8_t group[16]); /* RFC 4291 §2.7.1 */
void ip6_group_mac(const uint8_t group[16], uint8_t mac[6]);

/* ---- dhcp6.c ---- */
/* A router says that addresses (and all else), or all else, come by DHCPv6. */
void ip6_dhcp_wanted(struct ip6 *, bool addresses);
void ip6_dhcp_close(struct ip6 *);
void ip6_dhcp_moved(struct ip6 *); /* asks whether the lease still holds */
void ip6_dhcp_declined(struct ip6 *, const uint8_t address[16]); /* somebody else has it */

#endif
