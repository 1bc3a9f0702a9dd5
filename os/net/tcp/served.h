/* SPDX-License-Identifier: ISC */
/* What served.c (a connection's life) and served_room.c (its answers, and everybody's memory) know of each other. */
#ifndef NET_TCP_SERVED_INTERNAL_H
#define NET_TCP_SERVED_INTERNAL_H

#include <net/tcp_served.h>

void tcp_served_drained(struct tcp_served *); /* everything written was acknowledged */
/* Gives held pieces to TCP, as far as it takes them. */
void tcp_served_pump(struct tcp_served *);
void tcp_served_release(struct tcp_served *); /* everything it holds, at its end */
/* The timer fires at this time or earlier. Most often it does so anyway. */
void tcp_served_set(struct tcp_served *, uint64_t at); /* for the next one only */
static inline void tcp_served_arm(struct tcp_served *c, uint64_t at)
{
	if (!timer_is_set(&c->timer) || at < c->timer.deadline)
		tcp_served_set(c, at);
}

/* What the layer holds has gone to TCP; without a layer, always. */
static inline bool tcp_served_flushed(struct tcp_served *c)
{
	const struct tcp_layer *l = tcp_served_layer(c);
	return !l || l->flush(c);
}

#endif
