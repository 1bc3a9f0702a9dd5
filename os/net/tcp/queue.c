/* SPDX-License-Identifier: ISC */
/*
 * The ring holds the copied bytes of all pieces one after another; a piece says only how many of
 * the next ones are its. `mark` remembers where the last look ended: output reads on from there, so
 * that finding an offset costs nothing as long as bytes go out in order. A look further back (a
 * retransmission) walks from the front.
 */
#include <net/tcp/queue.h>

#include <string.h>

#include <core/cold.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/panic.h>

#define INLINE_PIECES 4u

_Static_assert(sizeof((struct tcp_queue){ 0 }.inline_pieces) ==
                       INLINE_PIECES * sizeof(struct queue_piece),
               "the first pieces are those inside");
_Static_assert(!(INLINE_PIECES & (INLINE_PIECES - 1)) && !(QUEUE_RING_MIN & (QUEUE_RING_MIN - 1)) &&
                       !(TCP_PIECES_MAX & (TCP_PIECES_MAX - 1)),
               "indices of rings are masked");

static uint64_t memory; /* bytes of all rings, and of what was lent and is kept */

static uint8_t lent_mark; /* a piece's `block` while its bytes are its writer's */

static enum queue_kind kind_of(const struct queue_piece *p)
{
	return !p->bytes                ? QUEUE_COPIED
	       : !p->block              ? QUEUE_STATIC
	       : p->block == &lent_mark ? QUEUE_LENT
	                                : QUEUE_KEPT;
}

static struct queue_piece *pieces(struct tcp_queue *q)
{
	return q->pieces ? q->pieces : q->inline_pieces;
}

static struct queue_piece *piece_at(struct tcp_queue *q, uint32_t n)
{
	return &pieces(q)[(q->piece_head + n) & (q->piece_size - 1)];
}

static void ring_release(struct tcp_queue *q)
{
	ensure(memory >= q->size);
	heap_free(q->ring);
	memory -= q->size;
	q->ring = NULL;
	q->size = q->head = 0;
}

void tcp_queue_open(struct tcp_queue *q, uint32_t max)
{
	*q = (struct tcp_queue){ .max = max, .piece_size = INLINE_PIECES };
}

COLD void tcp_queue_close(struct tcp_queue *q)
{
	for (uint32_t k = 0; q->kept; k++) {
		ensure(k < q->piece_count);
		struct queue_piece *p = piece_at(q, k);
		if (kind_of(p) == QUEUE_KEPT) {
			q->kept -= (uint32_t)p->size;
			memory -= p->size;
			heap_free(p->block);
		}
	}
	ring_release(q);
	heap_free(q->pieces);
	tcp_queue_open(q, q->max);
}

uint32_t tcp_queue_room(const struct tcp_queue *q)
{
	return q->max > tcp_queue_taken(q) ? q->max - tcp_queue_taken(q) : 0;
}

/* Copies [at, at + size) of the old ring's used bytes to the new one. */
static void ring_copy(const struct tcp_queue *q, uint8_t *to)
{
	uint32_t first = q->size - q->head < q->used ? q->size - q->head : q->used;
	if (q->used) {
		memcpy(to, q->ring + q->head, first);
		memcpy(to + first, q->ring, q->used - first);
	}
}

/* Room for `more` bytes, by doubling; false: no memory. */
static COLD bool ring_grow(struct tcp_queue *q, uint32_t more)
{
	uint64_t size = q->size ? q->size : QUEUE_RING_MIN;
	while (size < (uint64_t)q->used + more)
		size *= 2;
	if (size == q->size)
		return true;
	ensure(size <= TCP_BYTES_MAX);
	uint8_t *ring = heap_alloc(size);
	if (!ring)
		return false;
	ring_copy(q, ring);
	ring_release(q);
	q->ring = ring;
	q->size = (uint32_t)size;
	memory += size;
	return true; /* the mark counts from the first byte: it holds */
}

/* One more piece at the end. False: TCP_PIECES_MAX, or no memory. */
static COLD bool piece_add(struct tcp_queue *q, struct queue_piece piece)
{
	if (q->piece_count == TCP_PIECES_MAX)
		return false;
	if (q->piece_count == q->piece_size) {
		struct queue_piece *more = heap_alloc(2 * q->piece_size * sizeof *more);
		if (!more)
			return false;
		for (uint32_t k = 0; k < q->piece_count; k++)
			more[k] = *piece_at(q, k);
		heap_free(q->pieces);
		q->pieces = more;
		q->piece_size *= 2;
		q->piece_head = 0;
	}
	q->piece_count++;
	*piece_at(q, q->piece_count - 1) = piece;
	return true;
}

/* Where the ring's next byte goes, and how many fit behind it before its beginning. */
static uint32_t ring_end(const struct tcp_queue *q, uint32_t size, uint32_t *first)
{
	uint32_t at = (q->head + q->used) & (q->size - 1);
	*first = q->size - at < size ? q->size - at : size;
	return at;
}

/* The ring has room for so many bytes more. False: there is no memory for a piece. */
static bool take_room(struct tcp_queue *q, uint32_t size)
{
	struct queue_piece *last = q->piece_count ? piece_at(q, q->piece_count - 1) : NULL;
	if (last && !last->bytes)
		last->size += size;
	else if (!piece_add(q, (struct queue_piece){ .size = size }))
		return false;
	q->used += size;
	q->total += size;
	return true;
}

bool tcp_queue_reserve(struct tcp_queue *q, uint32_t size, struct tcp_room *to)
{
	uint32_t first, at;
	if (!size || size > tcp_queue_room(q) || !ring_grow(q, size))
		return false;
	at = ring_end(q, size, &first);
	*to = (struct tcp_room){ { { q->ring + at, first }, { q->ring, size - first } } };
	return take_room(q, size);
}

uint32_t tcp_queue_copy(struct tcp_queue *q, const void *bytes, uint32_t size)
{
	uint32_t room = tcp_queue_room(q), first, at;
	if (size > room)
		size = room;
	if (!size)
		return 0;
	if (!ring_grow(q, size)) { /* what fits in the ring that there is */
		size = q->size - q->used < size ? q->size - q->used : size;
		if (!size)
			return 0;
	}
	at = ring_end(q, size, &first);
	if (!take_room(q, size))
		return 0;
	memcpy(q->ring + at, bytes, first);
	memcpy(q->ring, (const uint8_t *)bytes + first, size - first);
	return size;
}

int tcp_queue_static(struct tcp_queue *q, const void *bytes, uint64_t size)
{
	if (!size)
		return OK;
	struct queue_piece *last = q->piece_count ? piece_at(q, q->piece_count - 1) : NULL;
	if (last && last->bytes && !last->block && last->bytes + last->size == bytes)
		last->size += size;
	else if (!piece_add(q, (struct queue_piece){ .bytes = bytes, .size = size }))
		return ERR_MEMORY;
	q->total += size;
	return OK;
}

COLD int tcp_queue_lend(struct tcp_queue *q, const void *bytes, uint32_t size)
{
	ensure(size <= tcp_queue_room(q));
	if (size && !piece_add(q, (struct queue_piece){
	                                  .bytes = bytes, .size = size, .block = &lent_mark }))
		return ERR_MEMORY;
	q->lent += size;
	q->total += size;
	return OK;
}

COLD bool tcp_queue_keep(struct tcp_queue *q)
{
	for (uint32_t k = 0; q->lent; k++) {
		ensure(k < q->piece_count);
		struct queue_piece *p = piece_at(q, k);
		if (kind_of(p) != QUEUE_LENT)
			continue;
		uint8_t *block = heap_alloc(p->size);
		if (!block)
			return false;
		memcpy(block, p->bytes, p->size);
		p->bytes = p->block = block;
		q->lent -= (uint32_t)p->size;
		q->kept += (uint32_t)p->size;
		memory += p->size;
	}
	return true;
}

static void mark_reset(struct tcp_queue *q)
{
	q->mark.offset = q->mark.in_piece = 0;
	q->mark.piece = q->mark.ring = 0;
}

/* Bytes of a lent piece, or of one that is kept. */
static COLD void give_back(struct tcp_queue *q, struct queue_piece *p, uint32_t size)
{
	if (kind_of(p) == QUEUE_LENT) {
		ensure(size <= q->lent);
		q->lent -= size;
		return;
	}
	ensure(size <= q->kept);
	q->kept -= size;
	memory -= size;
	if (!p->size)
		heap_free(p->block);
}

void tcp_queue_acknowledge(struct tcp_queue *q, uint64_t size)
{
	ensure(size <= q->total);
	if (q->mark.offset < size)
		mark_reset(q); /* its byte goes; else its piece stays, since it lies inside */
	bool marked = q->mark.offset >= size && q->mark.offset;
	q->mark.offset -= marked ? size : 0;
	q->total -= size;
	for (uint64_t left = size; left;) {
		ensure(q->piece_count);
		struct queue_piece *p = piece_at(q, 0);
		uint64_t n = p->size < left ? p->size : left;
		left -= n;
		p->size -= n;
		if (marked && q->mark.piece == 0)
			q->mark.in_piece -= n;
		if (p->bytes) {
			p->bytes += n;
			if (p->block)
				give_back(q, p, (uint32_t)n);
		} else {
			ensure(n <= q->used);
			q->used -= (uint32_t)n;
			q->head = (q->head + (uint32_t)n) & (q->size - 1);
			q->mark.ring -= marked ? (uint32_t)n : 0;
		}
		if (!p->size) {
			q->piece_head = (q->piece_head + 1) & (q->piece_size - 1);
			q->piece_count--;
			q->mark.piece -= marked ? 1 : 0;
		}
	}
	if (q->total)
		return;
	ensure(!q->piece_count && !tcp_queue_taken(q));
	ring_release(q);
	heap_free(q->pieces);
	q->pieces = NULL;
	q->piece_size = INLINE_PIECES;
	q->piece_head = 0;
	mark_reset(q);
}

uint32_t tcp_queue_peek(struct tcp_queue *q, uint64_t offset, uint32_t most, const uint8_t **bytes,
                        enum queue_kind *kind)
{
	if (offset >= q->total || !most)
		return 0;
	if (offset < q->mark.offset)
		mark_reset(q);
	struct queue_piece *p = piece_at(q, q->mark.piece);
	for (;;) {
		uint64_t step = offset - q->mark.offset, left = p->size - q->mark.in_piece;
		if (step < left) {
			q->mark.in_piece += step;
			q->mark.offset += step;
			q->mark.ring += p->bytes ? 0 : (uint32_t)step;
			break;
		}
		q->mark.offset += left;
		q->mark.ring += p->bytes ? 0 : (uint32_t)left;
		q->mark.in_piece = 0;
		p = piece_at(q, ++q->mark.piece);
		ensure(q->mark.piece < q->piece_count); /* offset < total: it lies in one of them */
	}
	uint64_t left = p->size - q->mark.in_piece;
	uint32_t size = left < most ? (uint32_t)left : most;
	*kind = kind_of(p);
	if (p->bytes) {
		*bytes = p->bytes + q->mark.in_piece;
		return size;
	}
	uint32_t at = (q->head + q->mark.ring) & (q->size - 1);
	*bytes = q->ring + at;
	return q->size - at < size ? q->size - at : size;
}

uint64_t tcp_queue_memory(void)
{
	return memory;
}

bool tcp_queue_is_valid(const struct tcp_queue *constant)
{
	struct tcp_queue *q = (struct tcp_queue *)constant;
	uint64_t total = 0, copied = 0, lent = 0, kept = 0;
	for (uint32_t k = 0; k < q->piece_count; k++) {
		const struct queue_piece *p = piece_at(q, k);
		if (!p->size)
			return false;
		total += p->size;
		copied += kind_of(p) == QUEUE_COPIED ? p->size : 0;
		lent += kind_of(p) == QUEUE_LENT ? p->size : 0;
		kept += kind_of(p) == QUEUE_KEPT ? p->size : 0;
	}
	return total == q->total && copied == q->used && lent == q->lent && kept == q->kept &&
	       q->used <= q->size && q->mark.offset <= q->total &&
	       (!q->size || !(q->size & (q->size - 1))) && (q->size == 0) == (q->ring == NULL);
}
