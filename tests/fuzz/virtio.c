/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the boot kernel's network and disk drivers from both sides at once: the device answers with lies, writes into its queues and
 * into what it was given, and the image's rings hold anything. Whatever the device does, a pass ends, no frame is in two places, and the
 * image's counters stay in order.
 */
#include <boot/block.h>
#include <boot/net.h>

#include "boot_image.h"

#define CONFIG 64u

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* There is one device, which nobody has to find. */
void virtio_pci_find(void)
{
}

void virtio_mmio_find(const struct words *w)
{
	(void)w;
}

/* ---- The device ---- */

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
	struct image_memory m = image_memory(net_rings_size(note.ring_size),
	                                     (uint64_t)FRAMES * net_frame_size(n.mtu), &view);
	m.room.abi_minor = draw() & 3;
	honest = false;
	if (!net_place(&n, &m.room, &why))
		while (in.left) {
			uint8_t what = draw() % 10;
			switch (what) {
			default:
				image_net(&view, what);
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
			case 9:
				net_pass(&n);
			}
			assert(n.held_count <= AMP_PACKET_DESCS_MAX);
			assert(n.rx.free_count <= n.rx.size && n.tx.free_count <= n.tx.size);
		}
	image_free(&m);
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
	struct image_memory m = image_memory(block_rings_size(note.ring_size), 0, &view);
	honest = false;
	b.note = &note;
	block_place(&b, &m.room, &why);
	while (in.left) {
		uint8_t what = draw() % 7;
		switch (what) {
		default:
			image_block(&view, m.room.heap.bytes, what);
			break;
		case 4:
			act(0);
			break;
		case 5:
			block_listen(&b);
			block_woke(&b);
			break;
		case 6:
			block_pass(&b);
		}
		assert(b.q.free_count <= b.q.size);
	}
	image_free(&m);
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
	give_back();
	return 0;
}
