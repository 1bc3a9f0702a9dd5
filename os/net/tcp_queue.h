/* SPDX-License-Identifier: ISC */
/*
 * The sender's bytes from the first unacknowledged one on: pieces, each either copied (into a ring that grows as
 * needed, and is given back when empty) or static (compiled in, never copied). tcp_out.c reads any part of it as often
 * as it must; acknowledgment takes from the front. Copied runs that follow each other are one piece.
 */
#ifndef NET_TCP_QUEUE_H
#define NET_TCP_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <net/tcp.h>

#define QUEUE_RING_MIN 2048u

struct queue_piece {
	const uint8_t *bytes;      /* static ones; null: the next `size` bytes of the ring */
	uint64_t size;
};

struct tcp_queue {
	uint8_t *ring;             /* null: none; a power of two of bytes */
	uint32_t size, head, used; /* of the ring: bytes; index of the first used; how many used */
	uint32_t max;              /* bytes that may be copied in and not acknowledged */
	uint64_t total;            /* bytes queued, static ones included */
	struct queue_piece *pieces;/* inline_pieces, or from the heap: a ring of piece_size (a power of two) */
	uint32_t piece_size, piece_head, piece_count;
	struct queue_piece inline_pieces[4];
	/* where the last read ended, so that reading on costs nothing: */
	struct { uint64_t offset; uint64_t in_piece; uint32_t piece; uint32_t ring; } mark;
};

void queue_open(struct tcp_queue *, uint32_t max);
void queue_close(struct tcp_queue *);

uint32_t queue_room(const struct tcp_queue *);                           /* for queue_copy, memory allowing */
uint32_t queue_copy(struct tcp_queue *, const void *bytes, uint32_t size); /* how many were taken */
int queue_static(struct tcp_queue *, const void *bytes, uint64_t size);  /* ERR_MEMORY: TCP_PIECES_MAX, or no memory */
void queue_acknowledge(struct tcp_queue *, uint64_t size);               /* the first `size` bytes are done with */

/* A contiguous part from `offset` on (from the first unacknowledged byte), at most `most` bytes; 0: there is none.
 * *is_static: it stays valid for ever; else until the queue's next change. */
uint32_t queue_peek(struct tcp_queue *, uint64_t offset, uint32_t most, const uint8_t **bytes, bool *is_static);

uint64_t queue_memory(void);                                             /* bytes of all rings */
bool queue_is_valid(const struct tcp_queue *);

#endif
