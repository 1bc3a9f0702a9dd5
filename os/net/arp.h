/* SPDX-License-Identifier: ISC */
/*
 * ARP (RFC 826): which MAC address a neighbour has, and telling neighbours ours; RFC 5227: finding
 * and defending against another host with our address.
 *
 * The cache is bounded. A neighbour is learned when it asks for us or answers us, and updated by
 * any message of its own (RFC 826), but not twice within ARP_LOCK_NS, so that of two answers the
 * first counts; an answer that nobody asked for teaches no new neighbour.
 */
#ifndef NET_ARP_H
#define NET_ARP_H

#include <stdbool.h>
#include <stdint.h>

#include <core/clock.h>
#include <core/list.h>
#include <core/timer.h>
#include <net/frame.h>

#define ARP_NEIGHBOURS_MAX 256u /* an interface */
#define ARP_BUCKETS        256u /* power of two */
#define ARP_QUEUE_MAX      8u   /* frames that wait for one neighbour's address; the oldest go */
#define ARP_QUEUE_TOTAL_MAX                                                                        \
	64u /* ... for all of an interface's; at most an eighth of its frames \
	                          */
#define ARP_RETRY_NS  (1 * NS_PER_S) /* between requests */
#define ARP_TRIES     3u /* requests until a neighbour is given up (RFC 4861 §10: 3 s, too) */
#define ARP_FAILED_NS (3 * NS_PER_S) /* for so long nothing is sent to one that was given up */
#define ARP_FRESH_NS                                                                               \
	(60 * NS_PER_S) /* after this, use of an entry has it checked (RFC 1122 §2.3.2.1) */
#define ARP_LOCK_NS (1 * NS_PER_S)
#define ARP_SUSPECT_NS                                                                             \
	(1 * NS_PER_S) /* since it was heard last: a younger entry is not suspected */
#define ARP_DELAY_NS                                                                               \
	(5 * NS_PER_S) /* IPv6: from the use of an old entry to the first question (RFC 4861 §10) */
#define ARP_ANNOUNCE_NS    (2 * NS_PER_S)  /* ANNOUNCE_INTERVAL, RFC 5227 §1.1 */
#define ARP_ANNOUNCE_COUNT 2u              /* ANNOUNCE_NUM */
#define ARP_DEFEND_NS      (10 * NS_PER_S) /* DEFEND_INTERVAL */

struct interface;

enum neighbour_state {
	NEIGHBOUR_FREE,
	NEIGHBOUR_ASKING, /* address unknown; requests are broadcast, frames wait */
	NEIGHBOUR_KNOWN,
	NEIGHBOUR_CHECKING, /* known, but old: requests go to the known address, which is used
	                       meanwhile; IPv6 waits before the first (DELAY, then PROBE) */
	NEIGHBOUR_FAILED,
};

struct neighbour {
	struct list age; /* in arp.age, or in arp.free */
	struct neighbour *chain;
	struct interface *interface;
	struct timer timer;
	struct frame *first, *last; /* waiting, from their Ethernet payload on */
	uint64_t confirmed;         /* ns */
	uint32_t address;
	uint8_t queued, tries, state, mac[6];
	bool used; /* something was sent to it */
};

struct arp {
	struct neighbour *neighbours; /* ARP_NEIGHBOURS_MAX */
	struct neighbour *buckets[ARP_BUCKETS];
	struct list age, free; /* of age, the first is evicted first */
	uint32_t key;          /* of the hash */
	uint32_t queued, queue_total_max;
	struct timer announce;
	uint32_t announcements; /* still to send */
	uint64_t defended;      /* the first address, ns, when last; 0: never */
	/* RFC 5227 §2.1.1: an address that somebody is about to use, who has set the interface's
	 * address_conflict; 0: none */
	uint32_t probed;
};

int arp_open(struct interface *, struct arp *); /* ERR_MEMORY */
void arp_close(struct arp *);

/* IPv6's neighbours are in a cache of the same kind (ip6/neighbour.c). */
/* One of them asks, or a router advertises: this is its MAC address (RFC 4861 §7.2.3, 6.3.4). */
void arp_heard(struct interface *, uint32_t neighbour, const uint8_t mac[6]);
/* One advertises itself (§7.2.5); mac null: it does not say. True: the entry is as the message says. */
bool arp_told(struct interface *, uint32_t neighbour, const uint8_t *mac, bool solicited,
              bool override);
void arp_input(struct interface *, struct frame *);

/* The neighbour's MAC address if packets may go there now, as arp_send's do; else null. */
const uint8_t *arp_ready(struct interface *, uint32_t neighbour);

/* Sends an IPv4 packet to the neighbour, at once or when its address is known; takes over the
 * caller's reference. ERR_UNREACHABLE: it has not answered lately. ERR_MEMORY: the queue is full.
 */
int arp_send(struct interface *, uint32_t neighbour, struct frame *);

/* The neighbour's MAC address, or null if it is not known. */
const uint8_t *arp_known(const struct interface *, uint32_t neighbour);

/* Starts announcing the interface's addresses: a probe, then ARP_ANNOUNCE_COUNT announcements. */
void arp_announce(struct interface *);

/* Sends one probe for an address (RFC 5227 §2.1.1). Another host that uses, or probes for, the address in
 * arp.probed is told to the interface's address_conflict. */
void arp_probe(struct interface *, uint32_t address);

/* A transport hears nothing through this neighbour: a known one is asked at once, and everybody if it does
 * not answer (RFC 1122 §2.3.2.1), so that a MAC address that changed silently costs a second. At most
 * once in ARP_SUSPECT_NS for each. */
void arp_suspect(struct interface *, uint32_t next_hop);

/* Forgets everybody: the address has changed. */
void arp_clear(struct interface *);
void arp_forget(struct arp *); /* its neighbours */

#endif
