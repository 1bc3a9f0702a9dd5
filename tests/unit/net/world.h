/* SPDX-License-Identifier: ISC */
/*
 * A world around os/net: a fake tender with one network device (rings and frames in host memory), a
 * clock that stands until it is moved, and thin fakes of core. Tests put packets in one by one and
 * look at each that comes out. Packets are built here field by field, with a checksum of our own,
 * so that nothing checks itself.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <core/stop.h>
#include <net/interface_internal.h>
#include <net/ip4.h>
#include <net/udp.h>
#include <net/wire.h>

#define US      0x0a000002u /* 10.0.0.2/24 */
#define GATEWAY 0x0a000001u
#define PEER    0x0a000009u
#define FAR     0xc0000205u /* 192.0.2.5 */
#define SUBNET  0x0a0000ffu
#define SECOND  1000000000ull
#define MILLI   1000000ull

extern const uint8_t us_mac[6], peer_mac[6], gateway_mac[6], other_mac[6], all_mac[6];

struct world {
	struct amp_device device;
	uint32_t *fill_consumer, *rx_producer, *tx_consumer, *completion_producer;
	uint32_t *fill_flags, *tx_flags;
	struct amp_ring *fill, *rx; /* of the queue that world_queue chose */
	uint32_t kicks;
	struct interface *interface;
	/* The packet that came out last, whole, as the device got it: */
	struct {
		uint32_t size, at;        /* at: payload bytes already given out as segments */
		uint32_t frames, directs; /* descriptors of each kind */
		struct amp_frame_header header;
		uint8_t bytes[AMP_PACKET_MAX];
	} large;
	bool hold_completions; /* sent frames are not given back */
	bool hold_tx;          /* tx is not looked at */
	uint32_t warnings;     /* log lines at that level or above */
	char log[512];         /* the last line of any level */
	bool memory_fails;
	uint64_t heap_total; /* what heap_figures() says; 0: 1 GiB */
	bool (*on_wait)(
	        uint64_t deadline); /* what happens while a task waits; false: the deadline came */
};
extern struct world world;

struct options {
	bool dhcp, concurrent;
	uint32_t ring, frames; /* 0: 256, 1024 */
	uint16_t mtu;          /* 0: 1500 */
	uint32_t queues;       /* 0: one */
	uint32_t features;
	bool no_gateway;
	bool keep_announcements; /* what is sent at start is not swallowed */
	uint8_t prefix;          /* 0: 24 */
	const struct interface_network_config *addresses; /* further ones */
	const struct interface_route_config *routes;
	uint32_t address_count, route_count;
	bool automatic, set; /* the address: the tender's word where it has one; given by --set */
	const struct amp_net_word *words; /* of the tender's */
	uint32_t word_count;
	const struct interface_ip6_config *ip6; /* null: none */
	bool no_ip4;
	uint32_t resolvers[2]; /* the manifest's: a constant, an argument; 0: none */
};
void world_open(struct options);
void world_close(void); /* fails if frames or memory are lost */
/* A clone goes on in the original's place: what was on its way is lost, and the rings are as at a start. One queue. */
void world_move(const uint8_t mac[6]);
/* A picture is to be taken before that time; 0: none is. */
void world_leave(uint64_t at_ns);

#define ALL_OFFLOADS                                                                               \
	(AMP_NET_TX_CHECKSUM | AMP_NET_RX_CHECKSUM | AMP_NET_TX_SEGMENT | AMP_NET_RX_LARGE |       \
	 AMP_NET_TX_DIRECT)
#define ALL_OFFLOADS6 (ALL_OFFLOADS | AMP_NET_TX_SEGMENT6)

/* The network side. With offloads, what comes out has been checked against the ABI's rules, cut into segments and
 * summed up by code of the test's own. */
struct packet {
	uint32_t size;
	uint8_t bytes[4096];
};
void world_queue(uint32_t k);              /* where packets go in from now on; 0 at first */
bool world_receive(const struct packet *); /* false: no fill entry; the packet is lost */
bool world_receive_raw(struct amp_desc);
/* A packet that may be larger than a frame, as a chain, with metadata; false: there is no room. */
bool world_receive_large(const uint8_t *bytes, uint32_t size, const struct amp_frame_header *);
struct amp_desc world_place(const struct packet *,
                            uint32_t headroom); /* into a fill entry's frame */
/* What the library does when the image ends; null before TCP has started. */
extern struct stop_last *world_last;
void world_turn(void);           /* polls until nothing is to do */
void world_advance(uint64_t ns); /* time goes on; timers run */
void world_pause(uint64_t ns);   /* time goes on, and nothing runs */
uint64_t world_now(void);
bool world_sent(struct packet *); /* the next packet that came out */
uint32_t world_drain(void);       /* how many came out; all are thrown away */
bool world_frames_balanced(void); /* all frames are free or in fill */
uint64_t count(enum interface_count);

/* In goes one, out comes at most one: false if none did. */
bool world_exchange(const struct packet *in, struct packet *out);

/* Builders. Each appends; packet_ip's total and checksums are filled in by packet_end. */
struct ip_spec {
	uint32_t source, destination; /* 0: PEER to US */
	uint8_t protocol;
	uint16_t id, fragment;
	uint8_t ttl;
	const void *options;
	uint32_t options_size;
};
void packet_start(struct packet *, const uint8_t *destination, const uint8_t *source,
                  uint16_t type);
void packet_add(struct packet *, const void *, uint32_t);
void packet_ip(struct packet *, struct ip_spec, const void *payload, uint32_t size);
void packet_udp(struct packet *, uint32_t source, uint32_t destination, uint16_t source_port,
                uint16_t port, const void *payload, uint32_t size);
void packet_echo(struct packet *, uint32_t source, uint32_t destination, uint16_t sequence,
                 uint32_t size);
void packet_arp(struct packet *, uint16_t operation, const uint8_t *sender_mac, uint32_t sender,
                uint32_t target);

/* An ICMP error from PEER about a packet that came out. */
struct packet packet_icmp_about(const struct packet *ours, uint8_t type, uint8_t code);

/* A message of `size` bytes (UDP's or ICMP's) in fragments of `unit` bytes; calls back with each.
 */
void fragments_of(struct ip_spec, const uint8_t *message, uint32_t size, uint32_t unit,
                  void (*each)(const struct packet *, uint32_t n));
uint32_t message_udp(uint8_t *to, uint32_t source, uint32_t destination, uint16_t source_port,
                     uint16_t port, const void *payload, uint32_t size);
uint32_t message_echo(uint8_t *to, uint32_t size);

uint16_t naive_checksum(const void *, uint32_t size, uint32_t start);
/* Looks at a packet that came out: is it IPv4, with right length and checksums (UDP's, ICMP's too
 * if whole)? */
bool packet_is_right(const struct packet *);
static inline const struct ethernet_header *ethernet_of(const struct packet *p)
{
	return (const void *)p->bytes;
}
static inline const struct ip4_header *ip_of(const struct packet *p)
{
	return (const void *)(p->bytes + 14);
}
static inline const struct udp_header *udp_of(const struct packet *p)
{
	return (const void *)(p->bytes + 34);
}
static inline const struct icmp_header *icmp_of(const struct packet *p)
{
	return (const void *)(p->bytes + 34);
}
static inline const struct arp_message *arp_of(const struct packet *p)
{
	return (const void *)(p->bytes + 14);
}

#endif
