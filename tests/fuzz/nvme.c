/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the boot kernel's NVMe driver from both sides at once: the controller lies in registers, in what it identifies and in its
 * completions, and the image's rings hold anything. Whatever the controller does, a pass ends, each command's pages are the
 * image's and as many as its sectors, and no more commands are under way than a queue has room for.
 */
#include <boot/clock.h>
#include <boot/nvme.h>

#include "boot_image.h"

#define REGISTERS (NVME_DOORBELLS + 0x4000u)
#define QUEUES    (NVME_DISKS + 1u)
#define LONG      10000000000ull /* ns: a command's time is longer, a reset's shorter */

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool late; /* commands that are put now will be overdue at once */

uint64_t clock_ticks(uint64_t ns)
{
	return ns < LONG ? 20000 : late ? 0 : 1ull << 40;
}

/* ---- The controller ---- */

static struct nvme n;
static bool honest; /* until the image runs */
static uint32_t cap[2], cc, csts;
static uint64_t asq, acq;
static bool allowed;
static uint16_t sector_shift;
static const struct device_memory *heap;
static struct queue {
	uint64_t sq, cq;
	uint16_t depth, tail, head, back;
	bool phase;
} queues[QUEUES];

static void complete(struct queue *q, uint16_t of, uint16_t id, uint32_t result, uint16_t status)
{
	if (!q->cq || !q->depth)
		return;
	struct nvme_completion *c = (struct nvme_completion *)q->cq + q->back;
	c->result = result;
	c->head = (uint32_t)of << 16 | q->head;
	c->status = (uint32_t)status << 17 | (uint32_t)q->phase << 16 | id;
	if (++q->back == q->depth) {
		q->back = 0;
		q->phase = !q->phase;
	}
}

/* What it is told of is a page of the kernel's: all of it can be written. */
static void identify(uint8_t *to, uint32_t what, uint32_t nsid)
{
	memset(to, 0, AMP_PAGE);
	for (uint32_t i = 0; !honest && i < 64; i++)
		to[(draw() << 8 | draw()) % AMP_PAGE] = draw();
	if (what == 1) {
		to[77] = draw() % 12;
		to[512] = 0x66;
		to[513] = 0x44;
		to[520] = draw() & 4;
		to[525] = draw() & 1;
	} else if (what == 2) {
		for (uint8_t i = 0, count = draw() % 12; i < count; i++)
			to[4 * i] = (uint8_t)(i + 1);
	} else if (nsid) {
		to[2] = 1;
		to[130] = sector_shift = draw() & 1 ? 9 : 12;
	}
}

/* The pages of a read or a write are the heap's, and as many as its sectors; AddressSanitizer sees the rest. */
static void transfer(const struct nvme_command *c, bool in)
{
	uint64_t size = ((uint64_t)(c->d[2] & 0xffff) + 1) << sector_shift, done = 0;
	uint64_t first = AMP_PAGE - c->prp[0] % AMP_PAGE;
	bool listed = size > first + AMP_PAGE;
	for (uint32_t page = 0; done < size; page++) {
		uint64_t at = !page    ? c->prp[0]
		              : listed ? ((uint64_t *)c->prp[1])[page - 1]
		                       : c->prp[1];
		uint64_t step = AMP_PAGE - at % AMP_PAGE;
		assert(!page || step == AMP_PAGE);
		if (step > size - done)
			step = size - done;
		if (heap)
			assert(at - (uint64_t)heap->bytes <= heap->size &&
			       step <= heap->size - (at - (uint64_t)heap->bytes));
		if (in)
			memset((void *)at, 0x5a, step);
		done += step;
	}
}

static void obey(uint16_t which, const struct nvme_command *c)
{
	struct queue *q = &queues[which];
	uint16_t id = (uint16_t)(c->first >> 16);
	uint8_t how = honest ? 0 : draw();
	uint32_t result = 0;
	uint16_t made = c->d[0] & 0xffff;
	if (how > 200) /* it is lost */
		return;
	if (which) {
		if (how < 150 && ((c->first & 255) == 2 || (c->first & 255) == 1))
			transfer(c, (c->first & 255) == 2);
	} else if ((c->first & 255) == 6) {
		identify((uint8_t *)c->prp[0], c->d[0], c->nsid);
	} else if ((c->first & 255) == 9) {
		result = honest || draw() & 1 ? c->d[1] : draw32();
	} else if ((c->first & 255) == 5 && made < QUEUES) {
		queues[made].cq = c->prp[0];
		queues[made].depth = (uint16_t)((c->d[0] >> 16) + 1);
		queues[made].phase = true;
		queues[made].back = 0;
	} else if ((c->first & 255) == 1 && made < QUEUES) {
		queues[made].sq = c->prp[0];
		queues[made].tail = queues[made].head = 0;
	}
	if (how < 160)
		complete(q, which, id, result, honest || how < 120 ? 0 : draw());
	else
		complete(q, draw() % 3, (uint16_t)draw32(), draw32(), draw());
}

static void act(uint16_t which)
{
	struct queue *q = &queues[which];
	uint32_t under_way = 0;
	while (allowed && q->sq && q->depth && q->head != q->tail && under_way++ < q->depth) {
		const struct nvme_command c = ((struct nvme_command *)q->sq)[q->head];
		q->head = (uint16_t)((q->head + 1) % q->depth);
		obey(which, &c);
	}
}

/* Writes anything into a completion queue, as a controller may at any time. */
static void scribble(uint16_t which)
{
	struct queue *q = &queues[which];
	if (!allowed || !q->cq || !q->depth)
		return;
	for (uint8_t k = draw() % 8; k; k--)
		((uint32_t *)q->cq)[draw() % (q->depth * 4u)] = draw32();
	if (draw() & 1)
		complete(q, which, draw() % 40, 0, 0);
}

static uint32_t get(struct nvme *of, uint32_t at)
{
	(void)of;
	if (at == 0 || at == 4)
		return cap[at / 4];
	if (at == 0x1c && !honest && draw() > 250)
		return draw() & 1 ? UINT32_MAX : draw();
	return at == 0x1c ? csts : 0;
}

static void set(struct nvme *of, uint32_t at, uint32_t v)
{
	assert(at < REGISTERS && at % 4 == 0);
	if (at == 0x14) {
		cc = v;
		csts = v & 1;
		memset(queues, 0, sizeof queues);
		queues[0] = (struct queue){ .sq = asq, .cq = acq, .depth = 4, .phase = true };
	} else if (at == 0x28 || at == 0x30) {
		*(at == 0x28 ? &asq : &acq) = v;
	} else if (at == 0x2c || at == 0x34) {
		*(at == 0x2c ? &asq : &acq) |= (uint64_t)v << 32;
	} else if (at >= NVME_DOORBELLS) {
		uint32_t bell = (at - NVME_DOORBELLS) / of->stride;
		assert((at - NVME_DOORBELLS) % of->stride == 0 && bell / 2 < QUEUES);
		if (bell & 1)
			return;
		assert(v < NVME_DEPTH);
		queues[bell / 2].tail = (uint16_t)v;
		if (honest || draw() % 4)
			act((uint16_t)(bell / 2));
	}
}

static void allow(struct nvme *of, bool on)
{
	(void)of;
	allowed = on;
}

static bool reach(struct nvme *of, uint32_t bytes)
{
	(void)of;
	return bytes <= REGISTERS;
}

static const struct nvme_transport transport = { get, set, allow, reach };

/* ---- The image ---- */

static void step(const struct amp_device *view, struct image_memory *m, struct nvme_disk *d)
{
	switch (draw() % 8) {
	case 0:
		act(d->q.id);
		break;
	case 1:
		scribble(d->q.id);
		break;
	case 2:
		nvme_driver.listen(d, AMP_WAIT_BLOCK);
		nvme_driver.woke(d);
		nvme_driver.until(d);
		break;
	case 3:
		late = draw() > 200;
		nvme_driver.pass(d);
		break;
	case 4:
		image_block_well(view, m->room.heap.bytes);
		break;
	default:
		image_block(view, m->room.heap.bytes, draw() % 4);
	}
	uint32_t used = 0;
	for (uint32_t k = 0; k < NVME_PIECES; k++)
		used += d->pieces[k].used;
	assert(used == d->in_flight && used < d->q.depth);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const struct amp_note_device note = { .name = "d",
		                                     .type = AMP_DEVICE_BLOCK,
		                                     .ring_size = RING };
	struct defect why;
	in = (struct input){ bytes, size };
	honest = draw() & 3;
	heap = NULL;
	allowed = true;
	late = false;
	csts = 0;
	memset(queues, 0, sizeof queues);
	cap[0] = draw() & 1 ? 63 : draw32();
	cap[1] = 1u << 5 | (draw() & 1 ? draw() % 8 : draw32());
	n = (struct nvme){ .transport = &transport, .place = "here" };
	if (!nvme_open(&n, &why) && n.disk_count) {
		struct nvme_disk *d = n.disks[draw() % n.disk_count];
		struct amp_device view = { 0 };
		uint8_t *head = aligned_alloc(AMP_PAGE, 2 * AMP_PAGE);
		struct image_memory m = image_memory(block_rings_size(note.ring_size), 0, &view);
		sector_shift = d->extent.sector_size == 512 ? 9 : 12;
		nvme_driver.read(d, head, 2 * AMP_PAGE, 0);
		heap = &m.room.heap;
		honest = false;
		d->note = &note;
		nvme_driver.place(d, &m.room, &why);
		/* What the kernel asked for itself, and gave up, it must not be asked again. */
		queues[d->q.id].tail = queues[d->q.id].head;
		while (in.left)
			step(&view, &m, d);
		image_free(&m);
		free(head);
	}
	give_back();
	return 0;
}
