/* SPDX-License-Identifier: ISC */
/* What the fuzzers of the boot kernel's drivers have in common: the kernel's memory, the input's bytes, and an image whose rings hold
 * anything. Each piece of memory is a heap block of exactly its size, so that AddressSanitizer sees a step outside. */
#ifndef FUZZ_BOOT_IMAGE_H
#define FUZZ_BOOT_IMAGE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <boot/driver.h>
#include <boot/lazy.h>
#include <boot/memory.h>
#include <tender/device/net_packet.h>

#define RING    64u
#define FRAMES  256u
#define AREA    ((uint64_t)FRAMES * AMP_FRAME_SIZE)
#define HEAP    65536u
#define HEAP_AT 0x300000000000ull

static void *taken[64];
static unsigned taken_count;

void *memory_take(uint64_t bytes)
{
	assert(taken_count < sizeof taken / sizeof *taken);
	return taken[taken_count++] = aligned_alloc(4096, (bytes + 4095) & ~4095ull);
}

static void give_back(void)
{
	while (taken_count)
		free(taken[--taken_count]);
}

void lazy_touch(const struct pages *p, uint64_t address, uint64_t size)
{
	(void)p, (void)address, (void)size;
}

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

/* The image's side of a device: rings, frames, a heap. */
struct image_memory {
	struct driver_room room;
};

static struct image_memory image_memory(uint64_t rings, uint64_t frames, struct amp_device *view)
{
	struct image_memory m = { .room = { .view = view } };
	m.room.rings = (struct device_memory){ 0, rings, calloc(1, rings) };
	m.room.rings.at = (uint64_t)m.room.rings.bytes;
	m.room.frames = (struct device_memory){ 0, frames, malloc(frames) };
	m.room.heap = (struct device_memory){ HEAP_AT, HEAP, aligned_alloc(AMP_PAGE, HEAP) };
	memset(m.room.heap.bytes, 0, HEAP);
	return m;
}

static void image_free(const struct image_memory *m)
{
	free(m->room.rings.bytes);
	free(m->room.frames.bytes);
	free(m->room.heap.bytes);
}

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

/* Something that an image does with a network device (`what` is 0 to 5), and with a disk (0 to 3). */
static void image_net(const struct amp_device *view, uint8_t what)
{
	switch (what) {
	case 0:
		lie(&view->fill, sizeof(uint64_t));
		break;
	case 1:
		lie(&view->rx, sizeof(struct amp_desc));
		break;
	case 2:
		lie(&view->tx, sizeof(struct amp_desc));
		break;
	case 3:
		lie(&view->completion, sizeof(uint64_t));
		break;
	case 4:
		frames(&view->fill);
		break;
	default:
		packet(&view->tx);
	}
}

static void image_block(const struct amp_device *view, uint8_t *heap, uint8_t what)
{
	uint32_t at;
	struct amp_block_part *part;
	switch (what) {
	case 0:
		lie(&view->block.requests, sizeof(struct amp_block_request));
		break;
	case 1:
		lie(&view->block.answers, sizeof(struct amp_block_answer));
		break;
	case 2:
		part = (struct amp_block_part *)(heap + draw() % 64 * sizeof *part);
		*part = (struct amp_block_part){ HEAP_AT + draw() * 512u, draw() * 512u };
		break;
	default:
		at = (*(uint32_t *)view->block.requests.producer)++;
		((struct amp_block_request *)view->block.requests.entries)[at % RING] =
		        (struct amp_block_request){
			        .op = draw() % 5,
			        .part_count = draw() % 4,
			        .offset = draw() * 512u,
			        .size = draw() * 512u,
			        .parts = HEAP_AT + draw() % 64 * sizeof(struct amp_block_part)
		        };
	}
}

/* A request that fits: it reads or writes up to three parts, of 60 KiB together at most. */
__attribute__((unused)) static void image_block_well(const struct amp_device *view, uint8_t *heap)
{
	struct amp_block_part *parts = (struct amp_block_part *)heap;
	uint32_t count = 1 + draw() % 3, size = 0;
	for (uint32_t i = 0; i < count; i++) {
		parts[i] =
		        (struct amp_block_part){ HEAP_AT + 4096 + size, (1 + draw() % 40) * 512u };
		size += (uint32_t)parts[i].size;
	}
	uint32_t at = (*(uint32_t *)view->block.requests.producer)++;
	((struct amp_block_request *)view->block.requests.entries)[at % RING] =
	        (struct amp_block_request){
		        .op = draw() & 1, .part_count = count, .size = size, .parts = HEAP_AT
	        };
}

#endif
