/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the boot kernel's network and disk drivers from both sides at once: the device answers with lies, writes into its queues and
 * into what it was given, and the image's rings hold anything. Each piece of memory is a heap block of exactly its size, so
 * that AddressSanitizer sees a step outside. Whatever the device does, a pass ends, no frame is in two places, and the
 * image's counters stay in order.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <boot/block.h>
#include <boot/lazy.h>
#include <boot/memory.h>
#include <boot/net.h>

#define RING    64u
#define FRAMES  256u
#define AREA    ((uint64_t)FRAMES * AMP_FRAME_SIZE)
#define HEAP    65536u
#define HEAP_AT 0x300000000000ull
#define CONFIG  64u

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* ---- What the kernel has, in place of its memory ---- */

static void *taken[64];
static unsigned taken_count;

void *memory_take(uint64_t bytes)
{
	assert(taken_count < sizeof taken / sizeof *taken);
	return taken[taken_count++] = aligned_alloc(4096, (bytes + 4095) & ~4095ull);
}

void lazy_touch(const struct pages *p, uint64_t address, uint64_t size)
{
	(void)p, (void)address, (void)size;
}

/* There is one device, which nobody has to find. */
void virtio_pci_find(void)
{
}

void virtio_mmio_find(const struct words *w)
{
	(void)w;
}

/* ---- The device ---- */

struct input {
	const uint8_t *bytes;
	size_t left;
};
static struct input in;

static uint8_t draw(void)
{
	if (!in.left)
		return 0;
	in.left--;
	return *in.bytes++;
}

static uint32_t draw32(void)
{
	uint32_t v = draw();
	return v < 200 ? v : v << 24 | (uint32_t)draw() << 16 | (uint32_t)draw() << 8 | draw();
}

static struct virtio device;
static uint8_t config[CONFIG];
static uint8_t status;
static uint64_t has;
static struct virtq *queues[2];
static uint16_t handled[2]; /* of avail */
static bool honest;         /* until the image runs */

static uint64_t features(struct virtio *v)
{
	(void)v;
	return has | VIRTIO_VERSION_1;
}

static void accept(struct virtio *v, uint64_t f)
{
	(void)v, (void)f;
}

static uint8_t get_status(struct virtio *v)
{
	(void)v;
	return status;
}

static void set_status(struct virtio *v, uint8_t s)
{
	(void)v;
	status = s;
}

static uint16_t queue_most(struct virtio *v, uint16_t which)
{
	(void)v, (void)which;
	return 64;
}

static bool queue_set(struct virtio *v, uint16_t which, const struct virtq *q)
{
	(void)v;
	queues[which] = (struct virtq *)(uintptr_t)q;
	handled[which] = 0;
	return true;
}

/* Does the next chain, well or badly; or says anything. */
static void act(uint16_t which)
{
	struct virtq *q = queues[which];
	if (!q)
		return;
	volatile uint32_t *used = (volatile uint32_t *)(volatile void *)(q->used + 2);
	uint16_t at = q->used[1];
	uint8_t how = honest ? 0 : draw();
	if (how < 160 && (uint16_t)(q->avail[1] - handled[which]) > 0) {
		uint16_t head = q->avail[2 + handled[which]++ % q->size];
		uint32_t wrote = 0;
		for (uint16_t d = head, steps = 0; steps < q->size && d < q->size; steps++) {
			const struct virtq_desc e = q->descs[d];
			/* Writes to what it may write; AddressSanitizer knows whether that is there. */
			for (uint32_t k = 0; e.flags & 2 && k < e.size && k < 40; k++)
				((uint8_t *)e.at)[k] = honest ? 0
				                       : how < 100 && k == 10
				                               ? 1
				                               : draw() & (how < 100 ? 3 : 255);
			wrote += e.flags & 2 ? e.size : 0;
			if (!(e.flags & 1))
				break;
			d = e.next;
		}
		used[2 * (at % q->size)] = head;
		used[2 * (at % q->size) + 1] = how < 80 ? wrote : draw32();
		q->used[1] = (uint16_t)(at + 1);
	} else if (how < 200) {
		used[2 * (at % q->size)] = draw32();
		used[2 * (at % q->size) + 1] = draw32();
		q->used[1] = (uint16_t)(at + 1);
	} else if (how < 220) {
		q->used[1] = (uint16_t)draw32();
	} else if (how < 240) {
		/* Into the table of descriptors, which the driver does not read: it must not matter. */
		q->descs[draw() % q->size].next = (uint16_t)draw32();
	} else {
		q->used[0] = draw();
		q->used[2 + 4 * q->size] = (uint16_t)draw32();
	}
}

static void notify(struct virtio *v, uint16_t which)
{
	(void)v;
	for (uint8_t n = honest ? 1 : draw() % 8; n; n--)
		act(which);
}

static void settle(struct virtio *v)
{
	(void)v;
}

static const struct virtio_transport transport = { features,   accept,    get_status, set_status,
	                                           queue_most, queue_set, notify,     settle };

static void reset(enum virtio_kind kind)
{
	status = 0;
	honest = true;
	queues[0] = queues[1] = NULL;
	device = (struct virtio){
		.kind = kind, .transport = &transport, .config = config, .config_size = CONFIG
	};
	for (unsigned i = 0; i < CONFIG; i++)
		config[i] = draw();
	config[11] = (uint8_t)(config[11] % 32 | 4); /* an MTU that can be */
}

/* ---- The image ---- */

static void lie(const struct amp_ring *r, uint32_t entry)
{
	uint32_t *producer = (uint32_t *)r->producer, *consumer = (uint32_t *)r->consumer;
	uint8_t *to = (uint8_t *)r->entries + draw() % r->size * entry;
	switch (draw() % 6) {
	case 0:
		*producer = draw32();
		break;
	case 1:
		*consumer = draw32();
		break;
	case 2:
		*producer += draw() % 8;
		break;
	case 3:
		*consumer = *producer;
		break;
	default:
		for (uint32_t k = 0; k < entry; k++)
			to[k] = draw();
	}
}

static void frames(const struct amp_ring *fill)
{
	for (uint8_t n = draw() % 64; n; n--) {
		uint32_t at = (*(uint32_t *)fill->producer)++;
		((uint64_t *)fill->entries)[at % fill->size] = (uint64_t)draw() * AMP_FRAME_SIZE;
	}
}

static void packet(const struct amp_ring *tx)
{
	uint32_t at = (*(uint32_t *)tx->producer)++;
	((struct amp_desc *)tx->entries)[at % tx->size] =
	        (struct amp_desc){ .addr = (uint64_t)draw() * AMP_FRAME_SIZE + draw(),
		                   .len = draw() * 8u,
		                   .options = draw() & 7 };
}

static void attack_net(void)
{
	static const struct amp_note_device note = {
		.name = "n", .type = AMP_DEVICE_NET, .ring_size = RING * 2, .frame_count = FRAMES
	};
	static struct net n;
	struct amp_device view = { 0 };
	struct defect why;
	reset(VIRTIO_NET);
	has |= 1ull << 5;
	if (net_open(&n, &device, &note, &why))
		return;
	uint64_t size = net_rings_size(note.ring_size);
	uint32_t frame_size = net_frame_size(n.mtu);
	struct device_memory rings = { 0, size, calloc(1, size) };
	struct device_memory area = { 0, (uint64_t)FRAMES * frame_size,
		                      malloc((size_t)FRAMES * frame_size) };
	struct device_memory heap = { HEAP_AT, HEAP, malloc(HEAP) };
	rings.at = (uint64_t)rings.bytes;
	const struct net_room room = {
		.rings = rings, .frames = area, .heap = heap, .abi_minor = draw() & 3, .view = &view
	};
	honest = false;
	if (!net_place(&n, &room, &why))
		while (in.left) {
			switch (draw() % 10) {
			case 0:
				lie(&view.fill, sizeof(uint64_t));
				break;
			case 1:
				lie(&view.rx, sizeof(struct amp_desc));
				break;
			case 2:
				lie(&view.tx, sizeof(struct amp_desc));
				break;
			case 3:
				lie(&view.completion, sizeof(uint64_t));
				break;
			case 4:
				frames(&view.fill);
				break;
			case 5:
				packet(&view.tx);
				break;
			case 6:
				act(0);
				break;
			case 7:
				act(1);
				break;
			case 8:
				net_listen(&n, draw());
				net_woke(&n);
				break;
			default:
				net_pass(&n);
			}
			assert(n.held_count <= AMP_PACKET_DESCS_MAX);
			assert(n.rx.free_count <= n.rx.size && n.tx.free_count <= n.tx.size);
		}
	free(rings.bytes);
	free(area.bytes);
	free(heap.bytes);
}

static void attack_block(void)
{
	static const struct amp_note_device note = { .name = "d",
		                                     .type = AMP_DEVICE_BLOCK,
		                                     .ring_size = RING };
	static struct block b;
	struct amp_device view = { 0 };
	struct defect why;
	reset(VIRTIO_BLOCK);
	config[5] = config[6] = config[7] = 0; /* sizes that can be */
	config[9] |= 16;
	if (block_open(&b, &device, &why))
		return;
	uint64_t size = block_rings_size(note.ring_size);
	struct device_memory rings = { 0, size, calloc(1, size) };
	struct device_memory heap = { HEAP_AT, HEAP, malloc(HEAP) };
	rings.at = (uint64_t)rings.bytes;
	memset(heap.bytes, 0, HEAP);
	honest = false;
	b.note = &note;
	block_place(&b, &rings, &heap, NULL, &view, &why);
	while (in.left) {
		uint32_t at;
		struct amp_block_part *part;
		switch (draw() % 7) {
		case 0:
			lie(&view.block.requests, sizeof(struct amp_block_request));
			break;
		case 1:
			lie(&view.block.answers, sizeof(struct amp_block_answer));
			break;
		case 2:
			part = (struct amp_block_part *)(heap.bytes + draw() % 64 * sizeof *part);
			*part = (struct amp_block_part){ HEAP_AT + draw() * 512u, draw() * 512u };
			break;
		case 3:
			at = (*(uint32_t *)view.block.requests.producer)++;
			((struct amp_block_request *)view.block.requests.entries)[at % RING] =
			        (struct amp_block_request){
				        .op = draw() % 5,
				        .part_count = draw() % 4,
				        .offset = draw() * 512u,
				        .size = draw() * 512u,
				        .parts = HEAP_AT +
				                 draw() % 64 * sizeof(struct amp_block_part)
			        };
			break;
		case 4:
			act(0);
			break;
		case 5:
			block_listen(&b);
			block_woke(&b);
			break;
		default:
			block_pass(&b);
		}
		assert(b.q.free_count <= b.q.size);
	}
	free(rings.bytes);
	free(heap.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	in = (struct input){ bytes, size };
	uint8_t what = draw();
	has = (uint64_t)draw() << 32 | (uint64_t)draw() << 24 | (uint64_t)draw() << 16 |
	      (uint64_t)draw() << 8 | draw();
	has &= ~(VIRTIO_VERSION_1);
	if (what & 1)
		attack_net();
	else
		attack_block();
	while (taken_count)
		free(taken[--taken_count]);
	return 0;
}
