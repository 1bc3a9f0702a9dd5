/* SPDX-License-Identifier: ISC */
/*
 * Registers in memory (virtio 1.2, section 4.2), of version 2 or, as QEMU has them unless it is told otherwise, of 1. The command line names them (Firecracker, QEMU's microvm); where it does not, those
 * places are looked at that microvm has.
 */
#include <stdio.h>

#include <boot/acpi.h>
#include <boot/apic.h>
#include <boot/memory.h>
#include <boot/processor.h>
#include <boot/virtio.h>

enum {
	MAGIC = 0x00,
	VERSION = 0x04,
	DEVICE = 0x08,
	FEATURES = 0x10,
	FEATURES_WHICH = 0x14,
	ACCEPT = 0x20,
	ACCEPT_WHICH = 0x24,
	PAGE_SIZE = 0x28,
	QUEUE = 0x30,
	QUEUE_MOST = 0x34,
	QUEUE_SIZE = 0x38,
	QUEUE_ALIGN = 0x3c,
	QUEUE_PAGE = 0x40,
	QUEUE_READY = 0x44,
	NOTIFY = 0x50,
	INTERRUPTS = 0x60,
	SETTLE = 0x64,
	STATUS = 0x70,
	QUEUE_DESCS = 0x80,
	QUEUE_AVAIL = 0x90,
	QUEUE_USED = 0xa0,
	CONFIG = 0x100
};
#define LEGACY_PAGE   4096u
#define IS_VIRTIO     0x74726976u
#define MICROVM_AT    0xfeb00000u
#define MICROVM_STEP  512u
#define MICROVM_COUNT 24u
#define MICROVM_LINE  16u

static uint32_t get(const struct virtio *v, unsigned at)
{
	return *(volatile uint32_t *)(v->common + at);
}

static void set(const struct virtio *v, unsigned at, uint32_t value)
{
	*(volatile uint32_t *)(v->common + at) = value;
}

static uint64_t features(struct virtio *v)
{
	uint64_t f = 0;
	for (uint32_t k = 0; k < (v->legacy ? 1 : 2); k++) {
		set(v, FEATURES_WHICH, k);
		f |= (uint64_t)get(v, FEATURES) << 32 * k;
	}
	return f;
}

static void accept(struct virtio *v, uint64_t f)
{
	if (v->legacy)
		set(v, PAGE_SIZE, LEGACY_PAGE);
	for (uint32_t k = 0; k < (v->legacy ? 1 : 2); k++) {
		set(v, ACCEPT_WHICH, k);
		set(v, ACCEPT, (uint32_t)(f >> 32 * k));
	}
}

static uint8_t status(struct virtio *v)
{
	return (uint8_t)get(v, STATUS);
}

static void set_status(struct virtio *v, uint8_t s)
{
	set(v, STATUS, s);
}

static uint16_t queue_most(struct virtio *v, uint16_t which)
{
	set(v, QUEUE, which);
	uint32_t most = get(v, QUEUE_MOST);
	return (uint16_t)(most > VIRTQ_SIZE_MAX ? VIRTQ_SIZE_MAX : most);
}

static void set_address(struct virtio *v, unsigned at, const volatile void *p)
{
	set(v, at, (uint32_t)(uint64_t)p);
	set(v, at + 4, (uint32_t)((uint64_t)p >> 32));
}

static bool queue_set(struct virtio *v, uint16_t which, const struct virtq *q)
{
	set(v, QUEUE, which);
	set(v, QUEUE_SIZE, q->size);
	apic_line(v->line);
	if (v->legacy) { /* all of it by the page where it begins (section 4.2.4) */
		if ((uint64_t)q->descs >> 44)
			return false;
		set(v, QUEUE_ALIGN, LEGACY_PAGE);
		set(v, QUEUE_PAGE, (uint32_t)((uint64_t)q->descs / LEGACY_PAGE));
		return true;
	}
	set_address(v, QUEUE_DESCS, q->descs);
	set_address(v, QUEUE_AVAIL, q->avail);
	set_address(v, QUEUE_USED, q->used);
	set(v, QUEUE_READY, 1);
	return get(v, QUEUE_READY) & 1;
}

static void notify(struct virtio *v, uint16_t which)
{
	set(v, NOTIFY, which);
}

static void settle(struct virtio *v)
{
	uint32_t which = get(v, INTERRUPTS);
	if (which)
		set(v, SETTLE, which);
}

static const struct virtio_transport mmio = { features,   accept,    status, set_status,
	                                      queue_most, queue_set, notify, settle };

static void look(uint64_t at, uint64_t size, uint32_t line)
{
	volatile uint8_t *r = size > CONFIG ? memory_device(at, size) : NULL;
	if (!r || *(volatile uint32_t *)r != IS_VIRTIO)
		return;
	uint32_t kind = *(volatile uint32_t *)(r + DEVICE);
	uint32_t version = *(volatile uint32_t *)(r + VERSION);
	if (kind < VIRTIO_NET || kind > VIRTIO_RANDOM)
		return;
	if (version < 1 || version > 2)
		return;
	struct virtio *v = virtio_add((enum virtio_kind)kind, &mmio);
	if (!v)
		return;
	snprintf(v->place, sizeof v->place, "0x%llx", (unsigned long long)at);
	v->common = r;
	v->config = r + CONFIG;
	v->config_size = (uint32_t)(size > 4096 ? 4096 : size) - CONFIG;
	v->line = line;
	v->legacy = version == 1;
}

/* microvm fills its places from the last one down; their interrupts are the second I/O APIC's, if there is one. */
static void look_at_microvm(void)
{
	uint32_t line = acpi.ioapic_count > 1 ? acpi.ioapics[1].first : MICROVM_LINE;
	if (virtio_count || !platform_is_qemu())
		return;
	for (uint32_t k = 0; k < MICROVM_COUNT; k++)
		look(MICROVM_AT + k * MICROVM_STEP, MICROVM_STEP, line + k);
}

void virtio_mmio_find(const struct words *w)
{
	for (uint32_t i = 0; i < w->mmio_count; i++)
		look(w->mmio[i].at, w->mmio[i].size, w->mmio[i].line);
	if (!w->mmio_count)
		look_at_microvm();
}
