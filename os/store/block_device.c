/* SPDX-License-Identifier: ISC */
/*
 * The image's block devices. Each request takes a slot, whose parts the tender reads, until its
 * answer. Requests that find no slot wait in a list. All requests of one turn of the loop are handed
 * out in one piece, as packets are.
 */
#include <store/block.h>

#include <string.h>

#include <core/boot.h>
#include <core/check.h>
#include <core/clock.h>
#include <core/clone.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/gate.h>
#include <core/heap.h>
#include <core/list.h>
#include <core/log.h>
#include <core/loop.h>
#include <core/metric.h>
#include <core/panic.h>
#include <core/ring.h>
#include <store/block_internal.h>

/*
 * Few requests that take little time may be polled for: the way to the tender's sleep and back
 * costs as much as a small read. But where others need the processors, polling keeps them from the
 * tender and the disk. So both ways are measured: TRIAL requests in the one that seemed worse, now
 * and then, and the better one meanwhile.
 */
#define SOON_DEPTH    4u
#define SOON_MAX_NS   300000u /* what takes longer is not polled for */
#define SOON_FIRST_NS 100000u
#define TRIAL         16u
#define TRIALS_APART  512u /* requests */

struct slot {
	struct block_request *request; /* null: free */
	uint64_t since;                /* ns; 0: one of many */
	uint32_t next;                 /* in the list of free ones */
};

struct device {
	struct block block;
	struct loop_source source;
	struct ring requests, answers;
	bool concurrent; /* the tender works while we run */
	uint32_t index, slot_count, free, in_flight, unpublished;
	bool polling;          /* the way that is used now */
	uint32_t left;         /* requests until the next choice */
	bool trial;            /* of what seemed worse */
	uint64_t latencies[2]; /* ns: decaying averages of requests that are one of few, waited and
	                          polled for */
	struct slot *slots;
	struct amp_block_part (*parts)[AMP_BLOCK_PARTS_MAX]; /* a slot each */
	struct block_request *first, *last;                  /* waiting for a slot */
};

_Static_assert((uint32_t)BLOCK_PARTS_MAX == AMP_BLOCK_PARTS_MAX, "what the tender takes");
_Static_assert((uint32_t)BLOCK_READ == AMP_BLOCK_READ && (uint32_t)BLOCK_WRITE == AMP_BLOCK_WRITE &&
                       (uint32_t)BLOCK_FLUSH == AMP_BLOCK_FLUSH &&
                       (uint32_t)BLOCK_DISCARD == AMP_BLOCK_DISCARD,
               "the same numbers");

static struct device *devices[AMP_DEVICES_MAX];

/* How long polling pays. */
static void expect(struct device *d)
{
	bool few = d->in_flight && d->in_flight <= SOON_DEPTH && d->polling;
	uint64_t ns = 2 * d->latencies[true];
	d->source.concurrent = d->concurrent && d->in_flight;
	d->source.soon_ns = !few || ns > 2 * SOON_MAX_NS ? 0
	                    : ns < SOON_FIRST_NS         ? SOON_FIRST_NS
	                                                 : ns;
}

/* One of few requests took so long. */
static void learn(struct device *d, uint64_t ns)
{
	uint64_t *average = &d->latencies[d->polling];
	*average = *average ? *average + ns / 8 - *average / 8 : ns;
	if (d->left && --d->left)
		return;
	/* Polling has to be worth its processor's time. */
	bool known = d->latencies[false] && d->latencies[true];
	bool better = d->latencies[true] < d->latencies[false] / 4 * 3;
	d->trial = !known || !d->trial;
	d->polling = known ? better ^ d->trial : d->latencies[false] != 0;
	d->left = d->trial ? TRIAL : TRIALS_APART;
}

/* Writes the request of a slot into the ring. */
static void enter(struct device *d, uint32_t at)
{
	struct block_request *q = d->slots[at].request;
	struct amp_block_request r = { .id = at, .op = q->op, .offset = q->at, .size = q->size };
	if (q->op == BLOCK_READ || q->op == BLOCK_WRITE) {
		r.part_count = q->part_count;
		r.parts = (uint64_t)d->parts[at];
		for (uint32_t k = 0; k < q->part_count; k++)
			d->parts[at][k] = (struct amp_block_part){ (uint64_t)q->parts[k].bytes,
				                                   q->parts[k].size };
	}
	((struct amp_block_request *)
	         d->requests.entries)[(d->requests.mine + d->unpublished) & d->requests.mask] = r;
	d->unpublished++;
}

static void hand_out(struct device *d, struct block_request *q)
{
	uint32_t at = d->free;
	ensure(at < d->slot_count && !d->slots[at].request && q->part_count <= AMP_BLOCK_PARTS_MAX);
	struct slot *s = &d->slots[at];
	d->free = s->next;
	s->request = q;
	enter(d, at);
	s->since = d->in_flight++ < SOON_DEPTH && d->concurrent ? clock_now() : 0;
	expect(d);
}

static void submit(struct block *b, struct block_request *q)
{
	struct device *d = container_of(b, struct device, block);
	if (q->size > AMP_BLOCK_SIZE_MAX && q->op != BLOCK_DISCARD) {
		block_finish(b, q, ERR_TOO_BIG);
		return;
	}
	if (!d->first && d->in_flight < d->slot_count) {
		hand_out(d, q);
		return;
	}
	if (d->first)
		d->last->next = q;
	else
		d->first = q;
	d->last = q;
}

static void publish(struct device *d)
{
	if (!d->unpublished)
		return;
	ring_produce(&d->requests, d->unpublished);
	d->unpublished = 0;
	if (d->concurrent) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (ring_wants_kick(&d->requests))
			gate_kick(d->index);
	}
}

static void answered(struct device *d, const struct amp_block_answer *a)
{
	struct slot *s = a->id < d->slot_count ? &d->slots[a->id] : NULL;
	if (!s || !s->request) {
		log_warning("block", "%s: an answer to nothing", d->block.name);
		return;
	}
	struct block_request *q = s->request;
	ensure(d->in_flight > 0);
	s->request = NULL;
	s->next = d->free;
	d->free = (uint32_t)a->id;
	if (s->since)
		learn(d, clock_now() - s->since);
	d->in_flight--;
	expect(d);
	block_finish(&d->block, q,
	             a->result == 0               ? OK
	             : a->result == AMP_BLOCK_BAD ? ERR_INVALID
	                                          : ERR_IO);
}

static bool poll(struct loop_source *source)
{
	struct device *d = container_of(source, struct device, source);
	uint32_t n = d->in_flight ? ring_ready(&d->answers) : 0;
	for (uint32_t k = 0; k < n; k++) {
		struct amp_block_answer a =
		        ((struct amp_block_answer *)
		                 d->answers.entries)[d->answers.mine & d->answers.mask];
		ring_consume(&d->answers, 1);
		answered(d, &a);
	}
	while (d->first && d->in_flight < d->slot_count) {
		struct block_request *q = d->first;
		d->first = q->next;
		q->next = NULL;
		hand_out(d, q);
	}
	publish(d);
	return n != 0;
}

static uint64_t events(struct loop_source *source)
{
	struct device *d = container_of(source, struct device, source);
	publish(d);
	return d->in_flight ? AMP_WAIT_BLOCK : 0;
}

static void flush(struct loop_source *source)
{
	struct device *d = container_of(source, struct device, source);
	publish(d);
	if (d->in_flight && ring_wants_kick(&d->requests))
		gate_kick(d->index);
}

static const struct block_driver driver = { submit };

static int open_device(uint32_t index, const struct amp_device *from)
{
	struct device *d = heap_alloc_zero(1, sizeof *d);
	uint32_t count = from->block.requests.size;
	if (!d)
		return ERR_MEMORY;
	d->slots = heap_alloc_zero(count, sizeof *d->slots);
	d->parts = heap_alloc_zero(count, sizeof *d->parts);
	if (!d->slots || !d->parts) {
		heap_free(d->slots);
		heap_free(d->parts);
		heap_free(d);
		return ERR_MEMORY;
	}
	for (uint32_t k = 0; k < count; k++)
		d->slots[k].next = k + 1;
	d->slot_count = count;
	d->index = index;
	ring_open(&d->requests, &from->block.requests);
	ring_open(&d->answers, &from->block.answers);
	d->block = (struct block){ .name = from->name,
		                   .driver = &driver,
		                   .size = from->block.size,
		                   .sector_size = from->block.sector_size,
		                   .read_only = from->features & AMP_BLOCK_READ_ONLY };
	d->source = (struct loop_source){ .poll = poll, .events = events, .flush = flush };
	d->concurrent = from->features & AMP_NET_CONCURRENT;
	loop_add(&d->source);
	devices[index] = d;
	if (metric_shown)
		block_metrics_add(&d->block);
	return OK;
}

static int block_start(void)
{
	const struct amp_device *all = (const struct amp_device *)boot_info->devices;
	int error = OK;
	for (uint32_t k = 0; k < boot_info->device_count && !error; k++) {
		if (all[k].type == AMP_DEVICE_BLOCK)
			error = open_device(k, &all[k]);
	}
	return error;
}
BOOT_START(200, block_start);

/* A clone: the rings are new and empty. What had no answer is asked again, which writes the same bytes once more. */
static COLD void renew(struct device *d, const struct amp_device *from)
{
	ensure(from->type == AMP_DEVICE_BLOCK && from->block.requests.size == d->slot_count);
	if (from->block.size < d->block.size || from->block.sector_size != d->block.sector_size ||
	    (from->features & AMP_BLOCK_READ_ONLY && !d->block.read_only))
		panic("block: %s: the clone's device is smaller, of other sectors or read-only",
		      d->block.name);
	ring_open(&d->requests, &from->block.requests);
	ring_open(&d->answers, &from->block.answers);
	d->concurrent = from->features & AMP_NET_CONCURRENT;
	d->unpublished = 0;
	d->latencies[0] = d->latencies[1] = 0;
	for (uint32_t at = 0; at < d->slot_count; at++) {
		if (!d->slots[at].request)
			continue;
		d->slots[at].since = 0;
		enter(d, at);
	}
	expect(d);
}

static COLD void renew_all(void)
{
	const struct amp_device *all = (const struct amp_device *)boot_info->devices;
	for (uint32_t k = 0; k < AMP_DEVICES_MAX; k++) {
		if (devices[k])
			renew(devices[k], &all[k]);
	}
}
ON_CLONE(200, renew_all);

struct block *block_find(const char *name)
{
	for (uint32_t k = 0; k < AMP_DEVICES_MAX; k++) {
		if (devices[k] && strcmp(devices[k]->block.name, name) == 0)
			return &devices[k]->block;
	}
	return NULL;
}

/* Each slot has a request under way, or hangs in the list of free ones. */
static bool slots_hold(const struct device *d)
{
	uint32_t taken = 0, free = 0;
	for (uint32_t k = 0; k < d->slot_count; k++)
		taken += d->slots[k].request != NULL;
	for (uint32_t at = d->free; at < d->slot_count && free <= d->slot_count;
	     at = d->slots[at].next) {
		if (d->slots[at].request)
			return false;
		free++;
	}
	return taken == d->in_flight && free == d->slot_count - taken &&
	       d->unpublished <= d->in_flight && (!d->first || !d->last->next);
}

CHECK("store", "each request of a block device has one slot", devices_hold)
{
	for (uint32_t k = 0; k < AMP_DEVICES_MAX; k++)
		if (devices[k] && !slots_hold(devices[k]))
			return false;
	return true;
}
