/* SPDX-License-Identifier: ISC */
/*
 * A network device: its frames and four rings, as a source of the event loop. Received packets go
 * to ethernet_input(), which borrows them; packets to send come by device_send() and are handed to
 * the tender in one piece per turn.
 */
#ifndef NET_DEVICE_H
#define NET_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <core/loop.h>
#include <core/ring.h>
#include <net/frame.h>

#define DEVICE_BATCH 64u /* packets taken in, and completions reaped, in one turn */

struct device {
	struct loop_source source;
	struct frames frames;
	struct ring fill, rx, tx, completion;
	uint32_t index;         /* in boot information: for gate_kick */
	uint32_t features;      /* AMP_NET_* */
	uint32_t refill;        /* free entries of the fill ring that are worth filling */
	uint32_t receiving;     /* frames that the tender may receive into, or has, unread */
	uint32_t receiving_max; /* leaves frames for sending */
	uint32_t sending;       /* frames in tx or on their way back, unpublished ones included */
	uint32_t unpublished;   /* tx entries written in this turn, not yet the tender's */
	bool skip; /* in the middle of a packet of several frames, which is being dropped */
};

/* ERR_MEMORY, ERR_INVALID. Fills the fill ring; the loop starts to poll it. */
int device_open(struct device *, const struct amp_device *);

/* How many frames device_send would take now. */
static inline uint32_t device_room(const struct device *d)
{
	return d->tx.size - d->sending;
}

/* Sends the frame's packet and takes over the caller's reference. ERR_MEMORY (counted): the ring is
 * full. */
int device_send(struct device *, struct frame *);

/* For the event loop, and for tests. */
bool device_poll(struct loop_source *);

#endif
