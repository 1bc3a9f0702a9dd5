/* SPDX-License-Identifier: ISC */
/*
 * Frames: the packets of one device, where the device put them or will fetch them. A frame is
 * AMP_FRAME_SIZE bytes (or more) of the device's frame area; what we know about it lies in a
 * parallel array of our own, which nobody else can write. The packet is a view [start, start +
 * size) of the frame.
 *
 * A frame is free, ours (with a count of references), or the tender's: owner says which. Who takes
 * a reference drops it; the last drop makes it free. Taking and dropping cost no allocation.
 */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <core/bytes.h>
#include <core/panic.h>

enum frame_owner {
	FRAME_FREE,
	FRAME_OURS,
	FRAME_RECEIVING, /* the tender's, from fill to rx */
	FRAME_SENDING,   /* the tender's, from tx to completion */
};

/* flags: */
#define FRAME_CHECKED  1u                /* the tender vouches for the transport checksum */
#define FRAME_METADATA AMP_DESC_METADATA /* a struct amp_frame_header lies before the packet */
#define FRAME_LEASED   4u                /* while sending: parts of its packet are lent */

struct frames;
struct task_queue;

/* Memory that packets on their way are read from as it lies (AMP_NET_TX_MEMORY): its owner leaves it alone until there
 * are none. */
struct frame_lease {
	uint32_t packets;
	struct task_queue *waiters; /* woken when there are none */
};

struct frame {
	union {
		struct frame *next; /* in the free list, or in a queue of whoever holds it */
		struct frame_lease *lease;
	};
	struct frames *frames;
	uint32_t index;
	uint16_t start, size; /* the packet, in bytes from the frame's first */
	uint16_t references;
	uint8_t owner; /* enum frame_owner */
	uint8_t flags; /* FRAME_* */
	union {
		uint16_t
		        entries; /* while sending: of the tx ring, that its completion gives back */
		uint16_t offset; /* of a fragment that waits for the others (fragment.c): in its
		                     datagram, in units of 8 bytes */
	};
	uint16_t payload; /* where its payload starts in the frame; it ends where the packet ends */
};

struct frames {
	uint8_t *area;      /* count << shift bytes, shared with the tender */
	struct frame *all;  /* count */
	struct frame *free; /* a stack: the warmest first */
	uint32_t count, free_count;
	uint32_t frame_size, shift;
};

/* All frames free. ERR_MEMORY; ERR_INVALID if the device's figures make no sense. */
int frame_area_open(struct frames *, const struct amp_device *);

static inline uint8_t *frame_base(const struct frame *f)
{
	return f->frames->area + ((uint64_t)f->index << f->frames->shift);
}

/* The packet's address as a descriptor gives it. */
static inline uint64_t frame_addr(const struct frame *f)
{
	return ((uint64_t)f->index << f->frames->shift) + f->start;
}

static inline struct bytes_in frame_in(const struct frame *f)
{
	return bytes_in(frame_base(f) + f->start, f->size);
}

/* Makes [start, start + size) the packet and returns its first byte. The caller knows that it fits.
 */
static inline uint8_t *frame_view(struct frame *f, uint32_t start, uint32_t size)
{
	ensure(start <= f->frames->frame_size && size <= f->frames->frame_size - start);
	f->start = (uint16_t)start;
	f->size = (uint16_t)size;
	return frame_base(f) + start;
}

/* One reference, an empty packet after AMP_FRAME_HEADROOM; null if none is free. */
static inline struct frame *frame_alloc(struct frames *p)
{
	struct frame *f = p->free;
	if (!f)
		return NULL;
	p->free = f->next;
	p->free_count--;
	f->next = NULL;
	f->owner = FRAME_OURS;
	f->references = 1;
	f->start = AMP_FRAME_HEADROOM;
	f->size = 0;
	f->flags = 0;
	return f;
}

static inline void frame_keep(struct frame *f)
{
	f->references++;
}

static inline void frame_drop(struct frame *f)
{
	ensure(f->references > 0);
	if (--f->references)
		return;
	struct frames *p = f->frames;
	f->owner = FRAME_FREE;
	f->next = p->free;
	p->free = f;
	p->free_count++;
}

/* Drops a whole queue. Returns how many frames it had. */
uint32_t frame_drop_queue(struct frame *first);

/* For tests: every frame is in exactly one place. */
bool frame_area_is_valid(const struct frames *);

#endif
