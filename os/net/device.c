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
		f->owner = FRAME_OURS;
		d->sending -= f->entries;
		if (f->flags & FRAME_LEASED && !--f->lease->packets)
			task_wake_all(f->lease->waiters);
		frame_drop(f);
	}
	ring_consume(&d->completion, n);
	return n;
}

static void refill(struct device *d)
{
	if (d->receiving + d->refill > d->receiving_max)
		return;
	uint32_t n = ring_free(&d->fill, d->refill);
	if (n < d->refill)
		return;
	if (n > d->receiving_max - d->receiving)
		n = d->receiving_max - d->receiving;
	if (n > d->frames.free_count)
		n = d->frames.free_count;
	if (!n)
		return;
	for (uint32_t k = 0; k < n; k++) {
		struct frame *f = frame_alloc(&d->frames);
		f->owner = FRAME_RECEIVING;
		*ring_addr(&d->fill, k) = (uint64_t)f->index << d->frames.shift;
	}
	ring_produce(&d->fill, n);
	d->receiving += n;
}

/* The frame of a received descriptor, its view set; null, and counted: there is none, or the
 * descriptor does not fit. */
static inline struct frame *arrived(struct device *d, const struct amp_desc *desc, uint32_t least)
{
	struct frame *f = frame_returned(d, desc->addr, FRAME_RECEIVING);
	uint32_t start = (uint32_t)(desc->addr & (d->frames.frame_size - 1));
	if (f) {
		f->owner = FRAME_OURS;
		d->receiving--;
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
static COLD uint32_t collect(struct device *d, uint32_t k, uint32_t ready, bool *good)
{
	struct frame **last = &d->rest;
	uint32_t options = AMP_DESC_CONTINUED, n = 0;
	while (options & AMP_DESC_CONTINUED && k + n < ready) {
		struct amp_desc desc = *ring_desc(&d->rx, k + n++);
		options = desc.options;
		struct frame *f = arrived(d, &desc, 1);
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
static inline uint32_t receive(struct device *d, uint32_t k, uint32_t ready)
{
	struct amp_desc desc = *ring_desc(&d->rx, k);
	struct interface *i = owner(d);
	struct frame *f = arrived(d, &desc, sizeof(struct ethernet_header));
	bool good = f;
	uint32_t n = 1;
	if (__builtin_expect(desc.options & AMP_DESC_CONTINUED, 0))
		n += collect(d, k + 1, ready, &good);
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

static void prefetch(struct device *d, uint32_t k)
{
	uint64_t addr = ring_desc(&d->rx, k)->addr, index = addr >> d->frames.shift;
	if (index < d->frames.count) {
		__builtin_prefetch(d->frames.area + addr);
		__builtin_prefetch(&d->frames.all[index], 1);
	}
}

static uint32_t take_in(struct device *d)
{
	uint32_t ready = ring_ready(&d->rx), room = device_room(d), packets = 0, k = 0;
	if (!ready || !room)
		return 0;
	if (room > DEVICE_BATCH)
		room = DEVICE_BATCH;
	prefetch(d, 0);
	for (; k < ready && packets < room; packets++) {
		if (k + 1 < ready)
			prefetch(d, k + 1);
		k += receive(d, k, ready);
	}
	ring_consume(&d->rx, k);
	return k;
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

bool device_poll(struct loop_source *source)
{
	struct device *d = container_of(source, struct device, source);
	uint32_t done = reap(d);
	done += take_in(d);
	done += d->unpublished;
	publish(d);
	uint32_t before = d->receiving;
	refill(d);
	/* A tender that ran out of frames and sleeps has to hear of new ones. A wait does that as
	 * well. */
	if (d->receiving != before && d->source.concurrent) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (ring_wants_kick(&d->fill))
			gate_kick(d->index);
	}
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

static void flush(struct loop_source *source)
{
	struct device *d = container_of(source, struct device, source);
	publish(d);
	if (d->sending && ring_wants_kick(&d->tx))
		gate_kick(d->index);
}

int device_send(struct device *d, struct frame *f)
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

COLD int device_send_parts(struct device *d, struct frame *head, const struct device_part *parts,
                           uint32_t count)
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

COLD int device_open(struct device *d, const struct amp_device *from)
{
	int error = frames_open(&d->frames, from);
	if (error)
		return error;
	ring_open(&d->fill, &from->fill);
	ring_open(&d->rx, &from->rx);
	ring_open(&d->tx, &from->tx);
	ring_open(&d->completion, &from->completion);
	d->index = (uint32_t)(from - (const struct amp_device *)boot->devices);
	d->features = from->features;
	d->refill = d->fill.size / 4 < DEVICE_BATCH ? d->fill.size / 4 : DEVICE_BATCH;
	d->receiving_max = d->frames.count / 2;
	if (d->refill > d->receiving_max / 2)
		d->refill = d->receiving_max / 2;
	d->source = (struct loop_source){ .poll = device_poll,
		                          .events = events,
		                          .flush = flush,
		                          .concurrent = from->features & AMP_NET_CONCURRENT };
	refill(d);
	loop_add(&d->source);
	return OK;
}
