/* SPDX-License-Identifier: ISC */
/*
 * PCI (virtio 1.2, section 4.1), by the ports of configuration mechanism 1, which all platforms have that we know. Interrupts are
 * messages (MSI-X), one for all queues. Cards of others are named where they are network cards, so that nobody wonders.
 */
#include <stdio.h>

#include <boot/apic.h>
#include <boot/memory.h>
#include <boot/processor.h>
#include <boot/virtio.h>

#define ADDRESS    0xcf8u
#define DATA       0xcfcu
#define VIRTIO     0x1af4u
#define COMMAND    0x04u
#define BARS       0x10u
#define POINTER    0x34u
#define CAP_VENDOR 0x09u
#define CAP_MSIX   0x11u
#define CAPS_MAX   48u
#define MEMORY     2u
#define MASTER     4u
#define NO_INTX    0x400u
#define NO_VECTOR  0xffffu

/* struct virtio_pci_common_cfg */
enum {
	FEATURES_WHICH = 0,
	FEATURES = 4,
	ACCEPT_WHICH = 8,
	ACCEPT = 12,
	CONFIG_VECTOR = 16,
	STATUS = 20,
	QUEUE = 22,
	QUEUE_SIZE = 24,
	QUEUE_VECTOR = 26,
	QUEUE_ENABLE = 28,
	QUEUE_NOTIFY = 30,
	QUEUE_DESCS = 32,
	QUEUE_AVAIL = 40,
	QUEUE_USED = 48,
	COMMON_SIZE = 56
};

static uint32_t get32(uint32_t at, uint32_t reg)
{
	out32(ADDRESS, 0x80000000u | at | (reg & 0xfc));
	return in32(DATA);
}

static void set32(uint32_t at, uint32_t reg, uint32_t v)
{
	out32(ADDRESS, 0x80000000u | at | (reg & 0xfc));
	out32(DATA, v);
}

static uint8_t get8(uint32_t at, uint32_t reg)
{
	return (uint8_t)(get32(at, reg) >> (reg & 3) * 8);
}

static volatile uint8_t *bar(uint32_t at, uint8_t which, uint32_t offset, uint32_t size)
{
	if (which > 5)
		return NULL;
	uint64_t low = get32(at, BARS + which * 4u);
	if (low & 1)
		return NULL;
	uint64_t base = low & ~15ull;
	if ((low >> 1 & 3) == 2 && which < 5)
		base |= (uint64_t)get32(at, BARS + which * 4u + 4) << 32;
	return base ? memory_device(base + offset, size) : NULL;
}

static uint64_t features(struct virtio *v)
{
	uint64_t f = 0;
	for (uint32_t k = 0; k < 2; k++) {
		*(volatile uint32_t *)(v->common + FEATURES_WHICH) = k;
		f |= (uint64_t)*(volatile uint32_t *)(v->common + FEATURES) << 32 * k;
	}
	return f;
}

static void accept(struct virtio *v, uint64_t f)
{
	for (uint32_t k = 0; k < 2; k++) {
		*(volatile uint32_t *)(v->common + ACCEPT_WHICH) = k;
		*(volatile uint32_t *)(v->common + ACCEPT) = (uint32_t)(f >> 32 * k);
	}
}

static uint8_t status(struct virtio *v)
{
	return v->common[STATUS];
}

static void set_status(struct virtio *v, uint8_t s)
{
	v->common[STATUS] = s;
}

static uint16_t queue_most(struct virtio *v, uint16_t which)
{
	*(volatile uint16_t *)(v->common + QUEUE) = which;
	return *(volatile uint16_t *)(v->common + QUEUE_SIZE);
}

static void set64(struct virtio *v, unsigned at, const volatile void *p)
{
	*(volatile uint32_t *)(v->common + at) = (uint32_t)(uint64_t)p;
	*(volatile uint32_t *)(v->common + at + 4) = (uint32_t)((uint64_t)p >> 32);
}

static bool queue_set(struct virtio *v, uint16_t which, const struct virtq *q)
{
	volatile uint32_t *entry = (volatile uint32_t *)v->vectors;
	if (which >= VIRTIO_QUEUES)
		return false;
	entry[0] = APIC_MESSAGE_AT;
	entry[1] = 0;
	entry[2] = apic_message();
	entry[3] = 0;
	*(volatile uint16_t *)(v->common + CONFIG_VECTOR) = NO_VECTOR;
	*(volatile uint16_t *)(v->common + QUEUE) = which;
	*(volatile uint16_t *)(v->common + QUEUE_SIZE) = q->size;
	*(volatile uint16_t *)(v->common + QUEUE_VECTOR) = 0;
	set64(v, QUEUE_DESCS, q->descs);
	set64(v, QUEUE_AVAIL, q->avail);
	set64(v, QUEUE_USED, q->used);
	v->notify_at[which] = *(volatile uint16_t *)(v->common + QUEUE_NOTIFY);
	*(volatile uint16_t *)(v->common + QUEUE_ENABLE) = 1;
	return *(volatile uint16_t *)(v->common + QUEUE_VECTOR) == 0;
}

static void notify(struct virtio *v, uint16_t which)
{
	*(volatile uint16_t *)(v->notify + (uint64_t)v->notify_at[which] * v->notify_step) = which;
}

static void settle(struct virtio *v)
{
	(void)v;
}

static const struct virtio_transport pci = { features,   accept,    status, set_status,
	                                     queue_most, queue_set, notify, settle };

#define NOTIFY_ROOM 0x10000u /* bytes of the notification area that are mapped */

static void read_caps(struct virtio *v, uint32_t at)
{
	uint8_t cap = get8(at, POINTER) & 0xfc;
	for (unsigned i = 0; cap && i < CAPS_MAX; i++, cap = get8(at, cap + 1u) & 0xfc) {
		uint8_t id = get8(at, cap);
		if (id == CAP_MSIX) {
			uint32_t table = get32(at, cap + 4u);
			v->vectors = bar(at, table & 7, table & ~7u, 16);
			set32(at, cap, get32(at, cap) | 1u << 31);
		}
		if (id != CAP_VENDOR)
			continue;
		uint8_t type = get8(at, cap + 3u), which = get8(at, cap + 4u);
		uint32_t offset = get32(at, cap + 8u), size = get32(at, cap + 12u);
		if (type == 1 && size >= COMMON_SIZE && !v->common)
			v->common = bar(at, which, offset, COMMON_SIZE);
		if (type == 2 && !v->notify) {
			v->notify = bar(at, which, offset, size < NOTIFY_ROOM ? size : NOTIFY_ROOM);
			v->notify_step = get32(at, cap + 16u);
		}
		if (type == 4 && !v->config && size) {
			v->config_size = size < 4096 ? size : 4096;
			v->config = bar(at, which, offset, v->config_size);
		}
	}
}

/* Cards that clouds have, and this kernel no driver for. */
static void name_stranger(uint32_t id, uint32_t at)
{
	static const struct {
		uint32_t id;
		const char *name;
	} known[] = { { 0xec201d0f, "Amazon's ENA" },       { 0x0ec21d0f, "Amazon's ENA" },
		      { 0x00421ae0, "Google's gVNIC" },     { 0x100e8086, "Intel's e1000" },
		      { 0x10d38086, "Intel's e1000e" },     { 0x813910ec, "Realtek's RTL8139" },
		      { 0x07b015ad, "VMware's vmxnet3" },   { 0x101815b3, "Mellanox's ConnectX" },
		      { 0x101a15b3, "Mellanox's ConnectX" } };
	for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].id == id) {
			say("PCI %02x:%02x.%x is %s network card, which this kernel has no driver "
			    "for: "
			    "give the machine a virtio one",
			    at >> 16 & 255, at >> 11 & 31, at >> 8 & 7, known[i].name);
			return;
		}
}

static void look(uint32_t at)
{
	uint32_t id = get32(at, 0), device = id >> 16;
	if ((id & 0xffff) != VIRTIO) {
		name_stranger(id, at);
		return;
	}
	uint32_t kind = device >= 0x1040   ? device - 0x1040
	                : device == 0x1000 ? VIRTIO_NET
	                : device == 0x1001 ? VIRTIO_BLOCK
	                : device == 0x1003 ? VIRTIO_CONSOLE
	                : device == 0x1005 ? VIRTIO_RANDOM
	                                   : 0;
	if (kind < VIRTIO_NET || kind > VIRTIO_RANDOM)
		return;
	struct virtio *v = virtio_add((enum virtio_kind)kind, &pci);
	if (!v)
		return;
	snprintf(v->place, sizeof v->place, "PCI %02x:%02x.%x", at >> 16 & 255, at >> 11 & 31,
	         at >> 8 & 7);
	v->address = at;
	set32(at, COMMAND, (get32(at, COMMAND) & 0xffff) | MEMORY | MASTER | NO_INTX);
	read_caps(v, at);
	uint64_t step = (uint64_t)VIRTIO_QUEUES * v->notify_step;
	if (v->common && v->notify && v->vectors && step < NOTIFY_ROOM)
		return;
	say("the device at %s is of virtio before 1, or has no MSI-X, which this kernel needs: "
	    "QEMU "
	    "wants disable-legacy=on",
	    v->place);
	virtio_count--;
}

/* All functions of all devices of a bus, and behind its bridges. */
static void look_at_bus(uint32_t bus, unsigned depth)
{
	for (uint32_t device = 0; device < 32; device++)
		for (uint32_t function = 0; function < 8; function++) {
			uint32_t at = bus << 16 | device << 11 | function << 8;
			if (get32(at, 0) == 0xffffffff) {
				if (!function)
					break;
				continue;
			}
			uint8_t type = get8(at, 0x0e);
			if ((type & 0x7f) == 1) {
				uint32_t next = get8(at, 0x19);
				if (next > bus && depth < 8)
					look_at_bus(next, depth + 1);
			} else {
				look(at);
			}
			if (!function && !(type & 0x80))
				break;
		}
}

void virtio_pci_find(void)
{
	out32(ADDRESS, 0x80000000u);
	if (in32(ADDRESS) == 0x80000000u) /* is there any? */
		look_at_bus(0, 0);
}
