/* SPDX-License-Identifier: ISC */
/*
 * Reassembly (RFC 791 §3.2, RFC 1122 §3.3.2, RFC 8200 §4.5) within bounds: so many datagrams at once, so many
 * frames held, so many fragments of one, for so long. Fragments that overlap kill their datagram,
 * those to come included (RFC 5722 §4); exact duplicates, which networks make, are dropped (RFC
 * 8200 §4.5).
 */
#ifndef NET_FRAGMENT_H
#define NET_FRAGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include <core/clock.h>
#include <core/list.h>
#include <core/timer.h>
#include <net/frame.h>

#define FRAGMENT_DATAGRAMS_MAX 64u  /* an interface; the oldest makes room */
#define FRAGMENT_PIECES_MAX    128u /* of one datagram: the largest one at an MTU of 576 has 119 */
#define FRAGMENT_FRAMES_SHARE  4u   /* one frame in so many may be held by fragments */
#define FRAGMENT_TIMEOUT_NS    (30 * NS_PER_S) /* from the first one that came */
#define FRAGMENT_TIMEOUT6_NS   (60 * NS_PER_S) /* ... of IPv6: RFC 8200 §4.5 */

/* The last byte that a piece of IPv6 may have: headers before the fragment's stay in the whole packet, whose length has 16 bits. */
#define FRAGMENT_END6_MAX(p_) (65535u - ((p_)->header_size - 48u))

struct interface;
struct ip4_packet;

struct fragment_datagram {
	struct list age; /* in fragments.live, the oldest first, or in fragments.free */
	struct interface *interface;
	struct timer timer;
	struct frame *first, *last;   /* ascending, without overlaps */
	uint32_t source, destination; /* with protocol and id: the key */
	uint32_t id;
	uint8_t protocol;
	bool dead; /* overlapped: drop the rest */
	bool group;
	uint16_t pieces;
	uint32_t have; /* payload bytes held */
	uint32_t size; /* payload bytes in all; 0: the last fragment has not come */
};

struct fragments {
	struct fragment_datagram *datagrams; /* FRAGMENT_DATAGRAMS_MAX */
	struct list live, free;
	uint32_t held, held_max; /* frames */
	uint8_t *whole;          /* where a complete one is put together, while it is delivered */
};

int fragment_open(struct interface *); /* ERR_MEMORY */

/* Takes in a fragment; `field` is flags and offset as IPv4's header has them. Pieces of a
 * datagram name the same protocol; of IPv6, the first one's counts. True: it completed its datagram,
 * and *p is the whole of it, until fragment_done. */
bool fragment_input(struct ip4_packet *p, uint16_t field, uint32_t id);
void fragment_done(struct ip4_packet *p);

/* Drops all: the address has changed. */
void fragment_clear(struct interface *);
void fragment_close(struct interface *);

#endif
