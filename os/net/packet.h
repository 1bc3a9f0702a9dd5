/* SPDX-License-Identifier: ISC */
/*
 * Packets in several parts: what a transport hands down to be sent with checksum and segmentation left to whoever
 * does them best. A packet is a head (a frame that begins with the transport's header) and parts of payload, which lie
 * anywhere. Static ones go to the device as they lie, where it takes that (AMP_NET_TX_DIRECT), and so do lent ones
 * (AMP_NET_TX_MEMORY); all others, and all small ones, are copied into the head's frame and into further ones.
 *
 * In the other direction, a packet larger than a frame arrives as a chain of frames: struct ip4_packet, `rest`.
 */
#ifndef NET_PACKET_H
#define NET_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include <net/frame.h>

#define PACKET_PARTS_MAX 24u
#define PACKET_COPY_MAX  256u /* bytes: a smaller static part is copied: cheaper than a descriptor */
#define PACKET_PAYLOAD_MAX                                                                         \
	61440u /* bytes: whatever its parts are, it fits into AMP_PACKET_DESCS_MAX descriptors */

struct interface;
struct ip4_route;

struct packet_part {
	const uint8_t *bytes;
	uint32_t size;
	bool is_static; /* compiled in: never changes, never goes */
	bool is_lent; /* in a memory extent, where it stays as it is while the packet's lease counts it */
};

struct packet {
	struct frame *
	        head; /* its view is the transport's header, header_size bytes, from packet_head() */
	uint16_t header_size;
	uint16_t
	        checksum_at; /* of the 16-bit checksum in the header (TCP: 16); it is filled in here or by the device */
	struct frame_lease *lease; /* of its lent parts; null: it has none */
	uint16_t
	        segment_size; /* payload bytes of each segment the device is to cut it into; 0: it goes as it is */
	uint32_t part_count;
	struct packet_part parts[PACKET_PARTS_MAX];
};

/* How many bytes of payload may go to packet_send now, for the device to cut into TCP segments of that many bytes; 0: it
 * does not do that, or not yet (the neighbour is unknown). */
uint32_t packet_payload_max(const struct ip4_route *, uint32_t segment_size);

/* How many packets would be taken now. */
uint32_t packet_room(const struct interface *);

/* A frame for a header, on this route, of `size` bytes, which the caller writes at the view's start; null (counted): there is none. */
struct frame *packet_head(const struct ip4_route *, uint32_t size);

/* Sends it and takes over head, whatever the result. Bytes are copied or handed out before this returns, static
 * and lent ones excepted. ERR_MEMORY: no frames or no room now (nothing was sent). ERR_UNREACHABLE. ERR_TOO_BIG: the payload, or
 * segment_size, exceeds the MTU. */
int packet_send(const struct ip4_route *, struct packet *);

#endif
