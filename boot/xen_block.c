/* SPDX-License-Identifier: ISC */
/*
 * An answer is one of two things: done, or not, of a piece that is under way. What was read is copied when it is there; what is written,
 * when it is put.
 */
#include <string.h>

#include <boot/image_side.h>
#include <boot/memory.h>
#include <boot/xen_block.h>
#include <boot/xen_events.h>
#include <boot/xen_grant.h>

enum { READ = 0, WRITE = 1, FLUSH = 3, DISCARD = 5 };
enum { READONLY = 4 };       /* of `info` */
enum { NOT_SUPPORTED = -2 }; /* a status */
#define SECTOR    512u
#define PIECE     (XEN_BLOCK_PARTS * AMP_PAGE)
#define WAIT_NS   250000000ull
#define WAITS     40u
#define PIECE_OWN 0u /* before an image runs */

struct slot {
	uint8_t op, part_count;
	uint16_t handle;
	uint32_t pad;
	uint64_t id, sector;
	union {
		struct {
			uint32_t grant;
			uint8_t first, last; /* sectors of the page */
			uint16_t pad;
		} parts[XEN_BLOCK_PARTS];
		uint64_t count; /* DISCARD: sectors */
	};
};
struct answer {
	uint64_t id;
	uint8_t op, pad;
	int16_t status;
};

static int make_ring(struct xen_block *b, struct defect *why)
{
	uint8_t *page = memory_take(AMP_PAGE);
	uint32_t grant = grant_page(b->bus.domain, page);
	bool all = grant;
	b->memory = memory_take((uint64_t)XEN_BLOCK_RING * PIECE);
	for (uint32_t i = 0; i < XEN_BLOCK_RING; i++)
		for (uint32_t k = 0; k < XEN_BLOCK_PARTS; k++) {
			const uint8_t *at = b->memory + (size_t)i * PIECE + (size_t)k * AMP_PAGE;
			b->grants[i][k] = grant_page(b->bus.domain, at);
			all = all && b->grants[i][k];
		}
	b->port = events_offer(b->bus.domain);
	if (!all || !b->port)
		return defect_set(why, "Xen's device %s: there are too few grants or ports for it",
		                  b->bus.front);
	xen_ring_open(&b->ring, page, sizeof(struct slot));
	return xen_bus_say(&b->bus, "ring-ref", grant) ||
	                       xen_bus_say(&b->bus, "event-channel", b->port) ||
	                       xen_bus_say_text(&b->bus, "protocol", "x86_64-abi") ||
	                       xen_bus_say(&b->bus, "feature-persistent", 1) ||
	                       xen_bus_say(&b->bus, "state", XEN_INITIALISED)
	               ? defect_set(why, "Xen's device %s: xenstore takes nothing", b->bus.front)
	               : 0;
}

int xen_block_open(struct xen_block *b, uint32_t number, struct defect *why)
{
	*b = (struct xen_block){ .handle = number, .current = XEN_BLOCK_RING };
	if (xen_bus_open(&b->bus, "vbd", number, why) || make_ring(b, why) ||
	    xen_bus_connect(&b->bus, why))
		return -1;
	uint64_t sectors = xen_bus_number(&b->bus, "sectors", 0);
	uint64_t size = xen_bus_number(&b->bus, "sector-size", SECTOR);
	if (sectors > INT64_MAX / SECTOR)
		return defect_set(why, "Xen's device %s: its backend says that it has %llu sectors",
		                  b->bus.front, (unsigned long long)sectors);
	b->extent.sector_size = size == 4096 ? 4096 : SECTOR;
	b->extent.size = sectors * SECTOR / b->extent.sector_size * b->extent.sector_size;
	b->extent.read_only = xen_bus_number(&b->bus, "info", 0) & READONLY;
	b->flushes = xen_bus_number(&b->bus, "feature-flush-cache", 0);
	b->discards = xen_bus_number(&b->bus, "feature-discard", 0);
	if (xen_bus_say(&b->bus, "state", XEN_CONNECTED))
		return defect_set(why, "Xen's device %s: xenstore takes nothing", b->bus.front);
	return 0;
}

/* Puts an entry for a piece of `size` bytes, whose pages are filled. */
static void put(struct xen_block *b, uint32_t piece, uint8_t op, uint64_t sector, uint32_t size)
{
	struct slot s = { .op = op, .handle = (uint16_t)b->handle, .id = piece, .sector = sector };
	for (uint32_t done = 0; done < size; done += AMP_PAGE) {
		uint32_t left = size - done, part = left < AMP_PAGE ? left : AMP_PAGE;
		s.parts[s.part_count].grant = b->grants[piece][s.part_count];
		s.parts[s.part_count++].last = (uint8_t)(part / SECTOR - 1);
	}
	b->pieces[piece].used = true;
	xen_ring_put(&b->ring, &s, sizeof s);
}

static void push(struct xen_block *b)
{
	if (xen_ring_push(&b->ring))
		events_send(b->port);
}

/* The piece that the next answer is of, and its status. XEN_BLOCK_RING: it is of none. */
static uint32_t next(struct xen_block *b, int *status)
{
	struct answer a;
	xen_ring_look(&b->ring, 0, &a, sizeof a);
	b->ring.taken++;
	*status = a.status;
	if (a.id >= XEN_BLOCK_RING || !b->pieces[a.id].used) {
		b->lies++;
		return XEN_BLOCK_RING;
	}
	b->pieces[a.id].used = false;
	return (uint32_t)a.id;
}

static int read(void *of, void *to, uint32_t size, uint64_t at)
{
	struct xen_block *b = of;
	int status = -1;
	if (size > PIECE || at > b->extent.size || size > b->extent.size - at ||
	    b->pieces[PIECE_OWN].used || !xen_ring_free(&b->ring))
		return -1;
	b->pieces[PIECE_OWN].job = XEN_BLOCK_RING;
	put(b, PIECE_OWN, READ, at / SECTOR, size);
	push(b);
	for (uint32_t i = 0; i < WAITS; i++) {
		events_clear(b->port);
		xen_ring_listen(&b->ring);
		if (!xen_ring_ready(&b->ring)) {
			events_wait(b->port, WAIT_NS);
			continue;
		}
		if (next(b, &status) != PIECE_OWN)
			continue;
		if (!status)
			memcpy(to, b->memory, size);
		return status ? -1 : 0;
	}
	return -1;
}

static int place(void *of, const struct driver_room *room, struct defect *why)
{
	struct xen_block *b = of;
	(void)why;
	b->heap = room->heap;
	b->pages = room->pages;
	block_request_lay_out(&b->requests, &b->answers, &b->extent, &room->rings,
	                      b->note->ring_size, room->view);
	return 0;
}

/* Between a piece's pages and the parts that it is of. */
static void move(struct xen_block *b, uint32_t which)
{
	const struct xen_block_piece *p = &b->pieces[which];
	const struct xen_block_job *j = &b->jobs[p->job];
	uint8_t *memory = b->memory + (size_t)which * PIECE;
	uint64_t from = 0; /* of the part, in the job's bytes */
	for (uint32_t k = 0, done = 0; done < p->size && k < j->part_count; k++) {
		uint64_t at = p->at + done - from, size = j->parts[k].iov_len;
		from += size;
		if (at >= size)
			continue;
		uint64_t left = p->size - done, step = size - at < left ? size - at : left;
		uint8_t *of = (uint8_t *)j->parts[k].iov_base + at;
		if (j->request.op == AMP_BLOCK_READ)
			memcpy(of, memory + done, step);
		else
			memcpy(memory + done, of, step);
		done += (uint32_t)step;
	}
}

static bool is_whole(const struct xen_block_job *j)
{
	return j->issued == j->request.size || j->request.op >= AMP_BLOCK_FLUSH;
}

/* Answers a job whose pieces have all come back. */
static void end_job(struct xen_block *b, uint32_t which)
{
	struct xen_block_job *j = &b->jobs[which];
	if (j->pieces || which == b->current)
		return;
	image_block_answer(&b->answers, j->request.id, j->failed ? AMP_BLOCK_FAILED : 0);
	j->used = false;
	b->job_count--;
}

static uint32_t reap(struct xen_block *b)
{
	uint32_t n = xen_ring_ready(&b->ring);
	for (uint32_t k = 0; k < n; k++) {
		int status;
		uint32_t which = next(b, &status);
		/* The kernel's own may come after it was given up. */
		if (which == XEN_BLOCK_RING || b->pieces[which].job == XEN_BLOCK_RING)
			continue;
		struct xen_block_job *j = &b->jobs[b->pieces[which].job];
		/* What was discarded may read as anything, and without a cache there is nothing to flush. */
		j->failed |=
		        status && !(status == NOT_SUPPORTED && j->request.op >= AMP_BLOCK_FLUSH);
		if (j->request.op == AMP_BLOCK_READ && !status)
			move(b, which);
		j->pieces--;
		end_job(b, b->pieces[which].job);
	}
	return n;
}

static uint32_t free_piece(const struct xen_block *b)
{
	uint32_t i = 0;
	while (i < XEN_BLOCK_RING && b->pieces[i].used)
		i++;
	return xen_ring_free(&b->ring) ? i : XEN_BLOCK_RING;
}

/* Puts as much as there is room for of the current job. */
static void issue(struct xen_block *b)
{
	struct xen_block_job *j = &b->jobs[b->current];
	const struct amp_block_request *q = &j->request;
	for (uint32_t which; (which = free_piece(b)) < XEN_BLOCK_RING;) {
		struct xen_block_piece *p = &b->pieces[which];
		*p = (struct xen_block_piece){ .job = b->current, .at = j->issued };
		j->pieces++;
		if (q->op == AMP_BLOCK_FLUSH) {
			put(b, which, FLUSH, 0, 0);
		} else if (q->op == AMP_BLOCK_DISCARD) {
			const struct slot s = { .op = DISCARD,
				                .handle = (uint16_t)b->handle,
				                .id = which,
				                .sector = q->offset / SECTOR,
				                .count = q->size / SECTOR };
			p->used = true;
			xen_ring_put(&b->ring, &s, sizeof s);
		} else {
			uint64_t left = q->size - j->issued;
			p->size = left < PIECE ? (uint32_t)left : PIECE;
			if (q->op == AMP_BLOCK_WRITE)
				move(b, which);
			put(b, which, q->op == AMP_BLOCK_WRITE ? WRITE : READ,
			    (q->offset + j->issued) / SECTOR, p->size);
			j->issued += p->size;
		}
		if (is_whole(j)) {
			b->current = XEN_BLOCK_RING;
			return;
		}
	}
}

/* A request that fits becomes the current job. False: there are too many. */
static bool begin(struct xen_block *b, const struct amp_block_request *q, const struct iovec *v)
{
	uint32_t which = 0;
	while (which < XEN_BLOCK_RING && b->jobs[which].used)
		which++;
	if (which == XEN_BLOCK_RING)
		return false;
	struct xen_block_job *j = &b->jobs[which];
	*j = (struct xen_block_job){ .used = true, .request = *q };
	j->part_count = q->op <= AMP_BLOCK_WRITE ? q->part_count : 0;
	memcpy(j->parts, v, j->part_count * sizeof *v);
	image_block_touch(&b->heap, b->pages, v, j->part_count);
	b->job_count++;
	b->current = which;
	issue(b);
	return true;
}

static uint32_t take(struct xen_block *b)
{
	if (b->current < XEN_BLOCK_RING)
		issue(b);
	uint32_t ready = ring_ready(&b->requests), taken = 0,
	         room = ready ? ring_free(&b->answers) : 0;
	for (; taken < ready && room > b->job_count && b->current == XEN_BLOCK_RING; taken++) {
		struct amp_block_request q;
		struct iovec v[AMP_BLOCK_PARTS_MAX];
		image_block_look(&b->requests, taken, &b->heap, b->pages, &q);
		if (!block_request_fits(&b->extent, &b->heap, &q, v)) {
			image_block_answer(&b->answers, q.id, AMP_BLOCK_BAD);
			room--;
		} else if ((q.op == AMP_BLOCK_FLUSH && !b->flushes) ||
		           (q.op == AMP_BLOCK_DISCARD && !b->discards)) {
			image_block_answer(&b->answers, q.id, 0);
			room--;
		} else if (!begin(b, &q, v)) {
			break;
		}
	}
	if (taken) {
		b->requests.mine += taken;
		__atomic_store_n(b->requests.consumer, b->requests.mine, __ATOMIC_RELEASE);
	}
	push(b);
	return taken;
}

static uint32_t pass(void *of)
{
	struct xen_block *b = of;
	return xen_bus_is_open(&b->bus) ? reap(b) + take(b) : 0;
}

static bool ready(const void *of, uint64_t events)
{
	const struct xen_block *b = of;
	return events & AMP_WAIT_BLOCK && ring_unread(&b->answers);
}

static void listen(void *of, uint64_t events)
{
	(void)events;
	xen_ring_listen(&((struct xen_block *)of)->ring);
}

static void woke(void *of)
{
	(void)of;
}

static bool idle(const void *of)
{
	const struct xen_block *b = of;
	return b->bus.closed || !b->job_count;
}

const struct driver xen_block_driver = { place, pass, ready, listen, woke, idle, read };
