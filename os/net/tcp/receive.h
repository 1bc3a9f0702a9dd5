/* SPDX-License-Identifier: ISC */
/*
 * The receiver's half of a connection: a ring of bytes in which each arrives at its place, in order or not, and the
 * runs that are there ahead of the rest, from which SACK blocks (RFC 2018, DSACK 2883) are made. No memory is held
 * while nothing is waiting. Also how large a window to offer: auto-tuned by what the application takes in a round
 * trip, as dynamic right-sizing does.
 *
 * One copy a byte, from frame to ring; in-order bytes that the application takes at once (tcp_handlers.received) are
 * shown where the device put them and never get here.
 */
#ifndef NET_TCP_RECEIVE_H
#define NET_TCP_RECEIVE_H

#include <stdbool.h>
#include <stdint.h>

#include <net/tcp.h>

#define RECEIVE_RUNS_MAX 256u  /* out of order; a segment that would make one more is dropped */
#define RECEIVE_RING_MIN 4096u /* bytes of the first ring; it doubles as needed */

struct receive_run {
	uint32_t seq, end;
};

struct tcp_receive {
	uint8_t *ring;  /* null: none; a power of two of bytes */
	uint32_t size;  /* of the ring */
	uint32_t head;  /* index in the ring of the byte with sequence number `taken` */
	uint32_t taken; /* sequence number of the first byte that the application has not taken */
	uint32_t
	        next; /* rcv_nxt: [taken, next) are there; FIN is in.c's business and not counted */
	uint32_t max; /* bytes that ring and window may come to */
	uint32_t window; /* bytes that auto-tuning would offer beyond `taken` now; <= max */
	uint16_t run_count, run_capacity;
	struct receive_run
	        *runs; /* ascending, apart, all > next; null while nothing has come out of order */
	uint32_t latest; /* start of the run that changed last: goes first in SACK (RFC 2018 §4) */
	uint32_t duplicate[2]; /* [left, right) to be told as DSACK once; equal: none */
	/* right-sizing: */
	uint64_t round_start; /* ns */
	uint32_t round_bytes; /* taken by the application since */
};

/* next: the sequence number after the peer's SYN. window: bytes at first. */
void tcp_receive_open(struct tcp_receive *, uint32_t next, uint32_t window, uint32_t max);
void tcp_receive_close(struct tcp_receive *);

/*
 * Bytes from the network, whose place [seq, seq + size) the caller has cut to [next, right edge of the window):
 * stores them, moves `next` over what has become contiguous. `size` may be gathered by several calls.
 * Returns how far `next` moved (0: out of order, kept), ERR_MEMORY (no memory, too many runs: as if it never came).
 */
int64_t tcp_receive_put(struct tcp_receive *, uint32_t seq, const uint8_t *bytes, uint32_t size);
/* Bytes in order that the application took out of the frame: next == taken before, and both move. Also closes gaps
 * to runs. Returns how far `next` moved, `size` included. */
int64_t tcp_receive_pass(struct tcp_receive *, uint32_t size);
/* A segment brought [left, right) again: remembered for DSACK. What comes again ahead of `next`, or is passed by its
 * advance, is noted here by itself (RFC 2883 §4). */
void tcp_receive_duplicate(struct tcp_receive *, uint32_t left, uint32_t right);

/* From now on ring and window may come to so many bytes; what is offered beyond that stays so. */
void tcp_receive_set_max(struct tcp_receive *, uint32_t max);

/* What the application can have now, in place: contiguous; there may be more after it has been taken. */
uint32_t tcp_receive_peek(const struct tcp_receive *, const uint8_t **bytes);
void tcp_receive_take(struct tcp_receive *, uint32_t size, uint64_t now);
static inline uint32_t tcp_receive_unread(const struct tcp_receive *r)
{
	return r->next - r->taken;
}

/* SACK blocks for an acknowledgment now, at most `most`: [left, right). Takes the DSACK. */
uint32_t tcp_receive_sacks(struct tcp_receive *, uint32_t blocks[][2], uint32_t most);

/* The window to offer, in bytes from `next`: before silly-window avoidance and scaling, which are out.c's. Never
 * moves the right edge back. rtt_ns: the receiver's estimate, 0: unknown. pressure: memory is short (RFC 9293 §3.8.6.1
 * discourages shrinking: it only stops growing). */
uint32_t tcp_receive_window(struct tcp_receive *, uint64_t rtt_ns, bool pressure, uint64_t now);

/* Bytes of all rings of all connections. */
uint64_t tcp_receive_memory(void);
bool tcp_receive_is_valid(const struct tcp_receive *);

#endif
