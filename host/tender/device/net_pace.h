/* SPDX-License-Identifier: ISC */
/*
 * Keeps frames of a TCP connection apart that passt must not read at once. The passt of 2023 takes what one read brings of a
 * connection as one, but counts a segment by itself while a connection begins (SYN) or ends (behind the image's FIN). What lies
 * behind such a segment in the same read it counts twice, passes zero, and turns in a loop for ever. A peer that keeps to
 * TCP sends such pairs only when it repeats what was not answered, so that leaving out the second costs nothing.
 *
 * It is a help and no boundary: an image that wants to may lead passt there still, and has no network then.
 */
#ifndef TENDER_DEVICE_NET_PACE_H
#define TENDER_DEVICE_NET_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define NET_PACE_FLOWS 1024u /* connections that are remembered; others take their places */

struct net_pace_flow {
	uint32_t name;  /* a hash of addresses and ports */
	uint32_t batch; /* in which it last had a frame */
	bool begins;    /* with SYN, in that batch */
	bool ends;      /* with FIN, ever */
};

struct net_pace {
	uint32_t batch; /* what may be read at once */
	struct net_pace_flow flows[NET_PACE_FLOWS];
};

/* A frame's first bytes, as net_guard_lets has them: may it be read together with what went before? */
bool net_pace_together(const struct net_pace *, const uint8_t *bytes, uint32_t size);
/* It goes. */
void net_pace_goes(struct net_pace *, const uint8_t *bytes, uint32_t size);
/* All that went before has been read. */
static inline void net_pace_read(struct net_pace *p)
{
	p->batch++;
}

#endif
