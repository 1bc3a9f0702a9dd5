/* SPDX-License-Identifier: ISC */
/*
 * UDP (RFC 768, host requirements RFC 1122 §4.1). Two ways in: a callback that sees the packet where the device
 * put it and may answer in place, with no copy and no allocation; and blocking receive for tasks.
 */
#ifndef NET_UDP_H
#define NET_UDP_H

#include <stdint.h>

#include <net/address.h>

struct frame;
struct interface;

/* A received datagram, valid during the callback only. The callback may overwrite payload[0 .. room). */
struct udp_packet {
	uint8_t *payload;
	uint32_t size; /* bytes received at payload */
	uint32_t
	        room; /* bytes that a reply in place may have; >= size, except for reassembled ones */
	struct net_address source, destination;
	uint16_t source_port, destination_port;
	struct interface *interface; /* it came in by */
	struct frame *frame;         /* of the implementation */
};

typedef void udp_receive_fn(void *context, struct udp_packet *);

struct udp_socket; /* opaque; from the heap */

/*
 * Opens a port (0: any free one, drawn at random) on one interface, or on all (null). ERR_EXISTS, ERR_MEMORY.
 * With a callback, datagrams go to it, on the event loop; it must not block. Without (null), they are queued,
 * up to UDP_QUEUE_MAX, for udp_receive.
 */
int udp_open(struct udp_socket **, struct interface *, uint16_t port, udp_receive_fn *,
             void *context);
void udp_close(struct udp_socket *);
uint16_t udp_port(const struct udp_socket *);
#define UDP_QUEUE_MAX 64u

/* The socket receives what comes in by the interface (null: its own, or the first one) for a multicast group, 224.0.0.0/4,
 * and the routers of the link are told so (IGMP). ERR_INVALID, ERR_EXISTS: it does already; ERR_MEMORY. To leave: ERR_ABSENT.
 * Closing the socket leaves all. What somebody here sends to a group does not come back. */
int udp_join(struct udp_socket *, struct interface *, uint32_t group);
int udp_leave(struct udp_socket *, struct interface *, uint32_t group);

/* In a callback: sends payload[0 .. size) back to where the packet came from, in the frame it came in. At
 * most once a packet. ERR_TOO_BIG if size > room, ERR_MEMORY if no frame was left for a reassembled one. */
int udp_reply(struct udp_packet *, uint32_t size);

/* Sends a copy of `size` bytes, in fragments if need be (up to 65507). Does not block: an unresolved
 * neighbour queues it. ERR_UNREACHABLE, ERR_TOO_BIG, ERR_MEMORY, or 0. */
int udp_send(struct udp_socket *, struct net_address destination, uint16_t port, const void *bytes,
             uint32_t size);

/*
 * From now on the socket hears what becomes of what it sends, to the last UDP_PEERS_MAX peers: ERR_REFUSED if nobody is
 * at that port, ERR_UNREACHABLE if no way leads there (ICMP says so, or ARP gets no answer). Reports about other peers are not
 * believed; but who guesses peer and port can forge one: an error is a hint.
 * And it hears with no address, ERR_UNREACHABLE, that an address of an interface it is open on has gone: what it waits for
 * can no longer come. With a callback (on the event loop; must not block; may close the socket) errors go there;
 * without (null), udp_receive returns them. For clients: a server would hear of each client that has left.
 */
typedef void udp_error_fn(void *context, int error, struct net_address, uint16_t port);
void udp_hear(struct udp_socket *, udp_error_fn *);
#define UDP_PEERS_MAX 4u

/* Takes the next queued datagram: its first `size` bytes into `to`; blocks until there is one. Returns its
 * length (which may exceed `size`), or ERR_TIMEOUT, ERR_CLOSED, or once each error that udp_hear describes: with
 * source and source_port of the peer that it is about. ERR_UNREACHABLE without a source says that an address is gone,
 * and comes without udp_hear. The socket can be used after any but ERR_CLOSED. source, source_port may be null. */
int udp_receive(struct udp_socket *, void *to, uint32_t size, struct net_address *source,
                uint16_t *source_port, uint64_t deadline_ns);

#endif
