/* SPDX-License-Identifier: ISC */
/*
 * One turn of a device: reap completions, take in a bounded batch of rx, hand out tx with one
 * store, refill.
 *
 * Back-pressure: a packet in may mean a packet out, so that no more is taken in than tx has room
 * for; what waits, waits in the rx ring. Room is counted by completions (sending), not by tx's
 * consumer: then a wait for AMP_WAIT_COMPLETE ends exactly when there is room.
 *
 * Kicks: a wait at the gate includes them, so a tender that moves packets only then is kicked by
 * flush() alone, when the loop has been busy for long. A concurrent tender that has gone to sleep
 * is kicked with the batch: its pump works while this loop polls on. It wakes and takes the flag
 * back, so that is one kick a sleep, not one a batch.
 */
#include <net/device.h>

#include <core/boot.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/gate.h>
#include <core/panic.h>
#include <core/task.h>
#include <net/ethernet.h>
#include <net/interface_internal.h>

static inline struct interface *owner(struct device *d)
{
	return container_of(d, struct interface, device);
}

/* The frame that a tender's address lies in, if it is one that the tender has in this way. */
static inline struct frame *frame_returned(struct device *d, uint64_t addr, enum frame_owner from)
{
	uint64_t index = addr >> d->frames.shift;
	if (index >= d->frames.count || d->frames.all[index].owner != from)
		return NULL;
	return &d->frames.all[index];
}

/* The tender has no more use for the frame. */
static inline void sent(struct frame *f)
{
	f->owner = FRAME_OURS;
	if (f->flags & FRAME_LEASED && !--f->lease->packets)
		task_wake_all(f->lease->waiters);
	frame_drop(f);
}

static uint32_t reap(struct device *d)
{
	uint32_t n = ring_ready(&d->completion);
	if (!n)
		return 0;
	if (n > 2 * DEVICE_BATCH)
		n = 2 * DEVICE_BATCH;
	for (uint32_t k = 0; k < n; k++) {
		struct frame *f = frame_returned(d, *ring_addr(&d->completion, k), FRAME_SENDING);
		if (!f) {
			interface_count(owner(d), COUNT_RX_BAD_DESCRIPTOR);
			continue;
		}
		d->sending -= f->entries;
		sent(f);
	}
	ring_consume(&d->completion, n);
	return n;
}

/* Gives a queue its share of the frames. True: who puts packets into it has to hear of that. */
static bool refill(struct device *d, struct device_queue *q)
{
	if (q->receiving + d->refill > d->receiving_max)
		return false;
	uint32_t n = ring_free(&q->fill, d->refill);
	if (n < d->refill)
		return false;
	if (n > d->receiving_max - q->receiving)
		n = d->receiving_max - q->receiving;
	if (n > d->frames.free_count)
		n = d->frames.free_count;
	if (!n)
		return false;
	for (uint32_t k = 0; k < n; k++) {
		struct frame *f = frame_alloc(&d->frames);
		f->owner = FRAME_RECEIVING;
		*ring_addr(&q->fill, k) = (uint64_t)f->index << d->frames.shift;
	}
	ring_produce(&q->fill, n);
	q->receiving += n;
	/* A tender that ran out of frames and sleeps has to hear of new ones. A wait does that as
	 * well. */
	if (!d->source.concurrent)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ring_wants_kick(&q->fill);
}

static bool refill_all(struct device *d)
{
	struct device_queue *q = d->queue;
	bool kick = false;
	do
		kick |= refill(d, q);
	while ((q = q->next) != d->queue);
	return kick;
}

/* The frame of a received descriptor, its view set; null, and counted: there is none, or the
 * descriptor does not fit. */
static inline struct frame *arrived(struct device *d, struct device_queue *q,
                                    const struct amp_desc *desc, uint32_t least)
{
	struct frame *f = frame_returned(d, desc->addr, FRAME_RECEIVING);
	uint32_t start = (uint32_t)(desc->addr & (d->frames.frame_size - 1));
	if (f) {
		f->owner = FRAME_OURS;
		q->receiving--;
		if (desc->len >= least && desc->len <= d->frames.frame_size - start) {
			frame_view(f, start, desc->len);
			return f;
		}
		frame_drop(f);
	}
	interface_count(owner(d), COUNT_RX_BAD_DESCRIPTOR);
	return NULL;
}

/* Collects the rest of a packet, from entry k of rx on; how many entries that is. False in *good:
 * one of them does not fit, or the end is missing. */
static COLD uint32_t collect(struct device *d, struct device_queue *q, uint32_t k, uint32_t ready,
                             bool *good)
{
	struct frame **last = &d->rest;
	uint32_t options = AMP_DESC_CONTINUED, n = 0;
	while (options & AMP_DESC_CONTINUED && k + n < ready) {
		struct amp_desc desc = *ring_desc(&q->rx, k + n++);
		options = desc.options;
		struct frame *f = arrived(d, q, &desc, 1);
		*good &= f && d->features & AMP_NET_RX_LARGE && d->rest_size < AMP_PACKET_MAX;
		if (f) {
			*last = f;
			last = &f->next;
			d->rest_size += desc.len;
		}
	}
	*good &= !(options & AMP_DESC_CONTINUED);
	return n;
}

/* Takes in the packet that begins at entry k; how many entries it has. */
static inline uint32_t receive(struct device *d, struct device_queue *q, uint32_t k, uint32_t ready)
{
	struct amp_desc desc = *ring_desc(&q->rx, k);
	struct interface *i = owner(d);
	struct frame *f = arrived(d, q, &desc, sizeof(struct ethernet_header));
	bool good = f;
	uint32_t n = 1;
	if (__builtin_expect(desc.options & AMP_DESC_CONTINUED, 0))
		n += collect(d, q, k + 1, ready, &good);
	if (good) {
		if (desc.options & AMP_DESC_METADATA && d->features & AMP_NET_RX_CHECKSUM &&
		    f->start >= sizeof(struct amp_frame_header)) {
			struct amp_frame_header h;
			memcpy(&h, frame_base(f) + f->start - sizeof h, sizeof h);
			if (h.flags &
			    3) /* NEEDS_CSUM (from this host, never on a wire) or DATA_VALID */
				f->flags |= FRAME_CHECKED;
		}
		i->counts[COUNT_RX_PACKETS]++;
		i->counts[COUNT_RX_BYTES] += desc.len + d->rest_size;
		ethernet_input(i, f);
	} else if (n > 1) {
		interface_count(i, COUNT_RX_BAD_DESCRIPTOR);
	}
	if (f)
		frame_drop(f);
	if (__builtin_expect(d->rest != NULL, 0)) {
		frame_drop_queue(d->rest);
		d->rest = NULL;
		d->rest_size = 0;
	}
	return n;
}

static void prefetch(struct device *d, struct device_queue *q, uint32_t k)
{
	uint64_t addr = ring_desc(&q->rx, k)->addr, index = addr >> d->frames.shift;
	if (index < d->frames.count) {
		__builtin_prefetch(d->frames.area + addr);
		__builtin_prefetch(&d->frames.all[index], 1);
	}
}

/* At most `room` packets of one queue; how many. */
static uint32_t take_from(struct device *d, struct device_queue *q, uint32_t room)
{
	uint32_t ready = ring_ready(&q->rx), packets = 0, k = 0;
	if (!ready || !room)
		return 0;
	prefetch(d, q, 0);
	for (; k < ready && packets < room; packets++) {
		if (k + 1 < ready)
			prefetch(d, q, k + 1);
		k += receive(d, q, k, ready);
	}
	ring_consume(&q->rx, k);
	return packets;
}

/* A batch of all queues. Where it ends, the next one begins: each queue gets its turn, however full
 * the others are. */
static uint32_t take_in(struct device *d)
{
	uint32_t room = device_room(d), packets = 0;
	struct device_queue *q = d->queue;
	if (room > DEVICE_BATCH)
		room = DEVICE_BATCH;
	do {
		packets += take_from(d, q, room - packets);
		q = q->next;
	} while (q != d->queue && packets < room);
	d->queue = q;
	return packets;
}

/* Makes what was written the tender's. The fence lets either the tender see the entries before it
 * sleeps, or us see that it sleeps. */
static void publish(struct device *d)
{
	if (!d->unpublished)
		return;
	ring_produce(&d->tx, d->unpublished);
	d->unpublished = 0;
	if (d->source.concurrent) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (ring_wants_kick(&d->tx))
			gate_kick(d->index);
	}
}

bool net_device_poll(struct loop_source *source)
{
	struct device *d = container_of(source, struct device, source);
	interface_check_address(owner(d));
	uint32_t done = reap(d);
	done += take_in(d);
	done += d->unpublished;
	publish(d);
	if (refill_all(d))
		gate_kick(d->index);
	return done != 0;
}

static uint64_t events(struct loop_source *source)
{
	struct device *d = container_of(source, struct device, source);
	publish(d);
	if (!device_room(d))
		return AMP_WAIT_COMPLETE; /* rx may be full of packets that cannot be taken now */
	if (d->awaited || (!d->frames.free_count && d->sending))
		return AMP_WAIT_RECEIVE | AMP_WAIT_COMPLETE;
	return AMP_WAIT_RECEIVE;
}

/* Is the tender to be told of frames for a queue? Where another one keeps us busy there is no wait,
 * which would do that. */
static COLD bool want_frames(const struct device *d)
{
	const struct device_queue *q = d->queue;
	bool want = false;
	if (q->next == q)
		return false;
	do
		want |= ring_wants_kick(&q->fill);
	while ((q = q->next) != d->queue);
	return want;
}

static void flush(struct loop_source *source)
{
	struct device *d = container_of(source, struct device, source);
	publish(d);
	if ((d->sending && ring_wants_kick(&d->tx)) || want_frames(d))
		gate_kick(d->index);
}

int net_device_send(struct device *d, struct frame *f)
{
	struct interface *i = owner(d);
	/* The second test: a tender that completes frames before it frees their tx entries. */
	if (!device_room(d) || ring_free(&d->tx, d->unpublished + 1) <= d->unpublished) {
		interface_count(i, COUNT_TX_RING_FULL);
		frame_drop(f);
		return ERR_MEMORY;
	}
	i->counts[COUNT_TX_PACKETS]++;
	i->counts[COUNT_TX_BYTES] += f->size;
	*ring_desc(&d->tx, d->unpublished) = (struct amp_desc){
		.addr = frame_addr(f), .len = f->size, .options = f->flags & FRAME_METADATA
	};
	f->owner = FRAME_SENDING;
	f->entries = 1;
	d->unpublished++;
	d->sending++;
	return OK;
}

COLD int net_device_send_parts(struct device *d, struct frame *head,
                               const struct device_part *parts, uint32_t count)
{
	struct interface *i = owner(d);
	uint32_t after = d->unpublished + 1 + count;
	if (device_room(d) < 1 + count || ring_free(&d->tx, after) < after) {
		interface_count(i, COUNT_TX_RING_FULL);
		return ERR_MEMORY;
	}
	i->counts[COUNT_TX_PACKETS]++;
	for (uint32_t k = 0; k <= count; k++) {
		const struct device_part *p = k ? &parts[k - 1] : NULL;
		struct frame *f = p ? p->frame : head;
		struct amp_desc desc = { .options = k < count ? AMP_DESC_CONTINUED : 0 };
		if (f) {
			desc.addr = frame_addr(f);
			desc.len = f->size;
			desc.options |= f->flags & FRAME_METADATA;
			f->owner = FRAME_SENDING;
			f->entries = 1;
		} else {
			desc.addr = (uint64_t)p->direct;
			desc.len = p->size;
			desc.options |= AMP_DESC_DIRECT;
			head->entries++;
		}
		i->counts[COUNT_TX_BYTES] += desc.len;
		*ring_desc(&d->tx, d->unpublished++) = desc;
	}
	d->sending += 1 + count;
	return OK;
}

static COLD void open_ring(struct ring *r, const struct amp_ring *from)
{
	ring_open(r, from);
}

/* Rings and all that the tender says; nothing is under way. */
static COLD void attach(struct device *d, const struct amp_device *from)
{
	uint32_t count = 1 + from->queue_count;
	const struct amp_queue *further =
	        (const struct amp_queue *)((uintptr_t)boot_info + from->queues);
	struct device_queue *q = d->queue = d->queues;
	*q = (struct device_queue){ 0 };
	open_ring(&q->fill, &from->fill);
	open_ring(&q->rx, &from->rx);
	open_ring(&d->tx, &from->tx);
	open_ring(&d->completion, &from->completion);
	for (uint32_t k = 1; k < count; k++, further++) {
		q->next = q + 1;
		*++q = (struct device_queue){ 0 };
		open_ring(&q->fill, &further->fill);
		open_ring(&q->rx, &further->rx);
	}
	q->next = d->queue;
	d->index = (uint32_t)(from - (const struct amp_device *)boot_info->devices);
	d->features = from->features;
	d->refill = from->fill.size / 4 < DEVICE_BATCH ? from->fill.size / 4 : DEVICE_BATCH;
	d->receiving_max = d->frames.count / 2 / count;
	if (d->refill > d->receiving_max / 2)
		d->refill = d->receiving_max / 2;
	d->source.concurrent = from->features & AMP_NET_CONCURRENT;
}

COLD int net_device_open(struct device *d, const struct amp_device *from)
{
	if (from->queue_count >= AMP_NET_QUEUES_MAX)
		return ERR_INVALID;
	int error = frame_area_open(&d->frames, from);
	if (error)
		return error;
	d->source =
	        (struct loop_source){ .poll = net_device_poll, .events = events, .flush = flush };
	attach(d, from);
	refill_all(d);
	loop_add(&d->source);
	return OK;
}

/* As the tender's frames are counted: one to receive into is one, another so many as it has entries of tx. Modulo 2^32: a tender may have
 * returned one queue's frame in another's ring. */
static COLD uint32_t all_lent(const struct device *d)
{
	const struct device_queue *q = d->queue;
	uint32_t sum = d->sending;
	do
		sum += q->receiving;
	while ((q = q->next) != d->queue);
	return sum;
}

/* The tender gets the frame again, in the ring whose turn it is; one that finds no place there is free. */
static COLD void give_again(struct device *d, struct frame *f)
{
	struct device_queue *q = d->queue;
	d->queue = q->next;
	if (q->receiving >= d->receiving_max || !ring_free(&q->fill, 1)) {
		f->owner = FRAME_OURS;
		frame_drop(f);
		return;
	}
	*ring_addr(&q->fill, 0) = (uint64_t)f->index << d->frames.shift;
	ring_produce(&q->fill, 1);
	q->receiving++;
}

/* Of all frames only those are looked at that the tender may have had, and what stays as it is is not written: each page is one more
 * that a clone has for itself. */
COLD void net_device_renew(struct device *d, const struct amp_device *from)
{
	ensure(from->type == AMP_DEVICE_NET && from->queue_count < AMP_NET_QUEUES_MAX &&
	       d->frames.area == (uint8_t *)from->frames &&
	       d->frames.frame_size == from->frame_size && d->frames.count == from->frame_count);
	uint32_t lent = all_lent(d);
	d->sending = d->unpublished = 0;
	attach(d, from);
	for (struct frame *f = d->frames.all; lent && f < d->frames.all + d->frames.count; f++) {
		if (f->owner == FRAME_SENDING) {
			lent -= f->entries;
			sent(f);
		} else if (f->owner == FRAME_RECEIVING) {
			lent--;
			give_again(d, f);
		}
	}
	refill_all(d);
}
