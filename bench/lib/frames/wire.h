/* SPDX-License-Identifier: ISC */
/*
 * A wire inside the image: the other end of a network device's rings, which a tender has otherwise. What is put on it is
 * received by the image in the loop's next turn; what the image sends is looked at by collect(). Only the turn is timed:
 * from the moment when rx holds the packets to the moment when tx holds the answers.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdint.h>

#include <core/ring.h>

#define WIRE_ENTRIES 256u /* of each ring */
#define WIRE_FRAMES  1024u

struct wire {
	struct ring fill, rx, tx, completion; /* our side */
	uint32_t written;                     /* packets put and not handed over yet */
	uint32_t features;                    /* AMP_NET_* */
	struct amp_device device;
};

/* Plays the tender for the manifest's interface of that name. Panics if it cannot. */
void wire_open(struct wire *, const char *interface, uint32_t features);

/* Where the next packet's bytes are to be written (AMP_FRAME_SIZE - AMP_FRAME_HEADROOM of them). */
uint8_t *wire_put(struct wire *);
/* It is there. checked: its transport checksum need not be looked at (AMP_NET_RX_CHECKSUM). */
void wire_add(struct wire *, uint32_t size, bool checked);

/* Hands over what was put and lets the event loop have a turn; how long that took, in ns. */
uint64_t wire_turn(struct wire *);

/* Calls fn for each packet sent since the last time: its first part, and the size of all parts. How many there were. */
typedef void wire_sent_fn(void *context, const uint8_t *bytes, uint32_t size, uint32_t whole);
uint32_t wire_collect(struct wire *, wire_sent_fn *, void *context);

/* ---- Packets from 10.0.n.9 to us, 10.0.n.2 ---- */
struct wire_peer {
	struct wire *wire;
	uint32_t us, peer; /* addresses */
	uint8_t us_mac[6];
};
void wire_peer(struct wire_peer *, struct wire *, uint32_t us);

#define WIRE_HEADERS 34u /* Ethernet and IPv4 */
/* Puts headers before `size` bytes of payload that the caller has written behind them, and the transport checksum at
 * `checksum` within the payload; adds the packet. */
void wire_send_ip4(const struct wire_peer *, uint8_t *packet, uint8_t protocol, uint32_t size,
                   uint32_t checksum);

#endif
