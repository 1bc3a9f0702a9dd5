/* SPDX-License-Identifier: ISC */
/*
 * IPv4 (RFC 791, host requirements RFC 1122 §3): a packet is decoded and checked once, into struct
 * ip4_packet; what acts on it can rely on that. Addresses are words: in host byte order, or numbers of IPv6 addresses
 * (ip6/ip6.h). A packet of IPv6 is such a packet, too, and goes the same ways: what differs is asked of ip6/.
 */
#ifndef NET_IP4_H
#define NET_IP4_H

#include <stdbool.h>
#include <stdint.h>

#include <core/bytes.h>
#include <net/checksum.h>
#include <net/frame.h>
#include <net/ip6/ip6.h>
#include <net/wire.h>

#define IP4_TTL         64u
#define IP4_BROADCAST   0xffffffffu
#define IP4_PAYLOAD_MAX (IP4_TOTAL_MAX - sizeof(struct ip4_header))
#define IP4_ATOMIC_MAX                                                                             \
	576u /* bytes: up to this, packets go with DF and no ID; every path carries them whole */

struct interface;

/* A received packet that is for us, whole. Valid while ip4_input() runs. */
struct ip4_packet {
	struct interface *interface;
	struct frame *frame; /* its first fragment's, if there were several */
	struct frame *
	        rest; /* of a packet larger than a frame (TCP only): what follows, in order, all view payload; or null */
	const uint8_t *header; /* in that frame; header_size bytes, options included */
	uint8_t *payload;      /* may be written: size bytes, and up to room */
	uint32_t size, room;   /* size: of the payload in `frame`; what `rest` has comes on top */
	uint32_t rest_size;    /* bytes in `rest` */
	uint32_t source, destination;
	uint16_t at; /* of payload in the frame; not for a reassembled one */
	uint8_t header_size, protocol, tos;
	bool group;       /* broadcast or multicast, of the link or of IP */
	bool reassembled; /* payload is not in the frame */
	bool checked;     /* the tender vouches for the transport checksum */
};

/* Is the transport's checksum, `at` bytes into the first `size` of the payload, the right one, or one that this host has
 * left unfinished (AMP_NET_RX_PARTIAL)? Not to be asked of a packet that is `checked`. */
bool ip4_checksum_good(const struct ip4_packet *, uint16_t size, uint32_t at);

void ip4_input(struct interface *, struct frame *, bool group);
/* To the protocol above: a checked packet, of either family. */
void ip4_deliver(struct ip4_packet *);

/*
 * A protocol above IPv4. It registers when it is first used, so that images without it do not carry
 * it; ICMP, without which nobody is a host, registers with the first interface. Constant, the protocol's own;
 * all but `input` may be null.
 */
struct ip4_protocol {
	void (*input)(struct ip4_packet *);
	/* The interface no longer has this address: nothing may be sent from it, and whoever waits for an
	 * answer to it hears ERR_UNREACHABLE. The interface may have another one already. */
	void (*address_gone)(struct interface *, uint32_t address);
	/* This neighbour of the interface does not answer ARP: what was on its way there is lost. */
	void (*unreachable)(struct interface *, uint32_t next_hop);
};
#define IP4_PROTOCOLS_MAX 4u
/* Packets of the protocol are its own from now on; null: nobody's. */
void ip4_protocol_set(uint8_t protocol, const struct ip4_protocol *);

/* Tell all protocols: interface.c, arp.c. */
void ip4_address_gone(struct interface *, uint32_t address);
void ip4_unreachable(struct interface *, uint32_t next_hop);

/* The same as ip4_input for what is expected most: UDP in one piece, without options, to our address.
 * False, and nothing done, if the packet is anything else, or has anything wrong. Only asked where
 * ip4_udp says that there is UDP: an image in which nothing sets that has neither of the two. */
bool ip4_input_fast(struct interface *, struct frame *);
extern bool ip4_udp;

/* Somebody here has joined a multicast group, so that packets to some are ours (igmp.c). */
extern bool ip4_multicast;

/* May a host with this address be the source of a packet (RFC 1122 §3.2.1.3)? The old class E may:
 * there are networks that use it.
 */
static inline bool ip4_source_fits(uint32_t address)
{
	return address >> 24 != 0 && address >> 24 != 127 && address >> 28 != 14 &&
	       address != IP4_BROADCAST;
}

/* May it be one host's, to whom a connection leads? */
static inline bool ip4_unicast(uint32_t address)
{
	return ip6_is(address) ? ip6_unicast(address) : ip4_source_fits(address);
}

/* Bytes of the header of packets to it. */
static inline uint32_t ip4_header_size(uint32_t destination)
{
	return ip6_is(destination) ? (uint32_t)sizeof(struct ip6_header)
	                           : (uint32_t)sizeof(struct ip4_header);
}

/* What the pseudo-header adds to a checksum (RFC 768, RFC 8200 §8.1). */
static inline uint64_t ip4_pseudo(uint32_t source, uint32_t destination, uint8_t protocol,
                                  uint16_t size)
{
	uint8_t addresses[8];
	if (ip6_is(destination))
		return ip6_pseudo(source, destination, protocol, size);
	bytes_store_u32(addresses, source);
	bytes_store_u32(addresses + 4, destination);
	return checksum_pseudo(addresses, protocol, size);
}

/* Answers a packet with payload[0 .. size), from `source`: in its frame if that is possible.
 * ERR_MEMORY, ERR_UNREACHABLE, ERR_TOO_BIG. At most once a packet. The answer does not copy the ECN
 * bits: they say what happened on the way here (RFC 3168 §5). */
int ip4_reply(const struct ip4_packet *, uint32_t source, uint32_t size);

/* What goes into the header of a packet to send. */
struct ip4_route {
	struct interface *interface;
	uint32_t source, destination;
	uint8_t protocol, tos;
	bool mac_known; /* false: as routes and neighbours say */
	uint8_t mac[6];
};

/* By which interface, and with which source, to reach an address. ERR_UNREACHABLE. `only`: that or
 * none. */
int ip4_route(struct ip4_route *, struct interface *only, uint32_t destination);

/* The way back to a packet's source: to the MAC address it came from, if that is where routes lead. */
void ip4_route_back(struct ip4_route *, const struct ip4_packet *, uint32_t source);

/* The ways out refuse a route whose source is no longer the interface's (ERR_UNREACHABLE). */

/* Sends head and body (copied), in fragments if need be; all of them or none. ERR_TOO_BIG,
 * ERR_MEMORY, ERR_UNREACHABLE. */
int ip4_send(const struct ip4_route *, const void *head, uint32_t head_size, const void *body,
             uint32_t size);

/* Sends the frame's view, which is a whole payload with AMP_FRAME_HEADROOM or more before it, as one packet that must not
 * be fragmented; takes over the caller's reference. ERR_MEMORY, ERR_UNREACHABLE, ERR_TOO_BIG (for the interface). */
int ip4_send_frame(const struct ip4_route *, struct frame *);

/* The next hop's link address, good until packets are taken in; null: it is not known, so that a packet in parts cannot
 * go. */
const uint8_t *ip4_hop(const struct ip4_route *);
/* The same as ip4_send_frame to a hop that is known, for a payload of which `rest` bytes follow in parts, and which may be
 * larger than the MTU where the device cuts it. All references are taken over; in case of an error, none. ERR_MEMORY. */
struct device_part;
int ip4_send_parts(const struct ip4_route *, const uint8_t *hop, struct frame *head,
                   const struct device_part *, uint32_t count, uint32_t rest);

#endif
