/* SPDX-License-Identifier: ISC */
/*
 * The sender's bytes from the first unacknowledged one on: pieces, each copied (into a ring that grows as needed, and is
 * given back when empty), static (compiled in, never copied), or lent by a writer, who waits, and whose bytes are copied
 * if he has waited for long enough. out.c reads any part of it as often as it must; acknowledgment takes from the
 * front. Copied runs that follow each other are one piece.
 */
#ifndef NET_TCP_QUEUE_H
#define NET_TCP_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <net/tcp.h>

#define QUEUE_RING_MIN 1024u /* the head of a response; what was used is zeroed when it is freed */

enum queue_kind {
	QUEUE_COPIED, /* the next `size` bytes of the ring */
	QUEUE_STATIC, /* valid for ever */
	QUEUE_LENT,   /* valid until tcp_queue_keep */
	QUEUE_KEPT,   /* lent before: a copy, which goes with the piece */
};

struct queue_piece {
	const uint8_t *bytes; /* null: those of the ring */
	uint8_t *block;       /* kept ones: of the heap; lent ones: a mark; else null */
	uint64_t size;
};

struct tcp_queue {
	uint8_t *ring;             /* null: none; a power of two of bytes */
	uint32_t size, head, used; /* of the ring: bytes; index of the first used; how many used */
	uint32_t max;              /* bytes that may be copied in or lent, and not acknowledged */
	uint32_t lent, kept;       /* bytes of such pieces */
	uint64_t total;            /* bytes queued, static ones included */
	struct queue_piece *
	        pieces; /* inline_pieces, or from the heap: a ring of piece_size (a power of two) */
	uint32_t piece_size, piece_head, piece_count;
	struct queue_piece inline_pieces[4];
	/* where the last read ended, so that reading on costs nothing: */
	struct {
		uint64_t offset;
		uint64_t in_piece;
		uint32_t piece;
		uint32_t ring;
	} mark;
};

void tcp_queue_open(struct tcp_queue *, uint32_t max);
void tcp_queue_close(struct tcp_queue *);

uint32_t tcp_queue_room(const struct tcp_queue *); /* for tcp_queue_copy, memory allowing */
/* What takes room, until it is acknowledged. */
static inline uint32_t tcp_queue_taken(const struct tcp_queue *q)
{
	return q->used + q->lent + q->kept;
}
/* Room for so many bytes behind what there is, which the caller fills in before anything else; false: not all of it. */
bool tcp_queue_reserve(struct tcp_queue *, uint32_t size, struct tcp_room *);
uint32_t tcp_queue_copy(struct tcp_queue *, const void *bytes,
                        uint32_t size); /* how many were taken */
int tcp_queue_static(struct tcp_queue *, const void *bytes,
                     uint64_t size); /* ERR_MEMORY: TCP_PIECES_MAX, or no memory */
void tcp_queue_acknowledge(struct tcp_queue *,
                           uint64_t size); /* the first `size` bytes are done with */

/* At most tcp_queue_room() bytes, which stay as they are until they are acknowledged or tcp_queue_keep has copied what is left of
 * them. ERR_MEMORY: TCP_PIECES_MAX, or no memory; false: no memory, and nothing was done. */
int tcp_queue_lend(struct tcp_queue *, const void *bytes, uint32_t size);
bool tcp_queue_keep(struct tcp_queue *);

/* A contiguous part from `offset` on (from the first unacknowledged byte), at most `most` bytes; 0: there is none.
 * It stays as it is: static, for ever; lent, as agreed; else until the queue's next change. */
uint32_t tcp_queue_peek(struct tcp_queue *, uint64_t offset, uint32_t most, const uint8_t **bytes,
                        enum queue_kind *);

uint64_t tcp_queue_memory(void); /* bytes of all rings and kept pieces */
bool tcp_queue_is_valid(const struct tcp_queue *);

#endif
