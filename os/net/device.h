/* SPDX-License-Identifier: ISC */
/*
 * A network device: its frames and rings, as a source of the event loop. Received packets go
 * to ethernet_input(), which borrows them; packets to send come by net_device_send() and are handed to
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

/* Where packets come in. */
struct device_queue {
	struct ring fill, rx;
	struct device_queue *next; /* all of a device's in a circle */
	uint32_t receiving;        /* frames that the tender may receive into, or has, unread */
};

struct device {
	struct loop_source source;
	struct frames frames;
	struct ring tx, completion;
	uint32_t index;         /* in boot information: for gate_kick */
	uint32_t features;      /* AMP_NET_* */
	uint32_t refill;        /* free entries of a fill ring that are worth filling */
	uint32_t receiving_max; /* a queue's; all together leave frames for sending */
	uint32_t sending;     /* tx entries whose frames are not back, unpublished ones included */
	uint32_t unpublished; /* tx entries written in this turn, not yet the tender's */
	uint32_t awaited;     /* who waits for completions: tasks, for the end of their leases */
	/* Of the packet that is being taken in, if it is larger than a frame (AMP_NET_RX_LARGE): */
	struct frame *rest; /* what follows its first frame, in order */
	uint32_t rest_size;
	struct device_queue *queue; /* whose turn it is */
	struct device_queue queues[AMP_NET_QUEUES_MAX];
};

/* A packet's bytes after its first frame: those of a frame's view, or bytes of the image's memory, which go to the device
 * as they lie (AMP_NET_TX_DIRECT, AMP_NET_TX_MEMORY). */
struct device_part {
	struct frame *frame; /* or null: */
	const uint8_t *direct;
	uint32_t size; /* of direct */
};

/* ERR_MEMORY, ERR_INVALID. Fills the fill ring; the loop starts to poll it. */
int net_device_open(struct device *, const struct amp_device *);

/* In a clone: the device is new, and its rings are empty. Packets that were on their way are lost; frames to receive into are given to it
 * again. */
void net_device_renew(struct device *, const struct amp_device *);

/* How many entries of tx are free: how many frames net_device_send would take now. */
static inline uint32_t device_room(const struct device *d)
{
	return d->tx.size - d->sending;
}

/* Sends the frame's packet and takes over the caller's reference. ERR_MEMORY (counted): the ring is
 * full. */
int net_device_send(struct device *, struct frame *);

/* The same for a packet in parts, of which one reference to each frame is taken over; in case of an error, none. */
int net_device_send_parts(struct device *, struct frame *head, const struct device_part *,
                          uint32_t count);

/* For the event loop, and for tests. */
bool net_device_poll(struct loop_source *);

#endif
