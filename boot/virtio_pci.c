/* SPDX-License-Identifier: ISC */
/*
 * PCI (virtio 1.2, section 4.1). Interrupts are messages (MSI-X), one for all queues. Cards of others are named where they are
 * network cards, so that nobody wonders.
 */
#include <boot/pci.h>
#include <boot/virtio.h>

#define VIRTIO     0x1af4u
#define CAP_VENDOR 0x09u
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
	if (which >= VIRTIO_QUEUES)
		return false;
	pci_message_here((volatile uint32_t *)v->vectors);
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
	uint8_t cap = pci_get8(at, PCI_POINTER) & 0xfc;
	for (unsigned i = 0; cap && i < PCI_CAPS_MAX; i++, cap = pci_get8(at, cap + 1u) & 0xfc) {
		uint8_t id = pci_get8(at, cap);
		if (id != CAP_VENDOR)
			continue;
		uint8_t type = pci_get8(at, cap + 3u), which = pci_get8(at, cap + 4u);
		uint32_t offset = pci_get32(at, cap + 8u), size = pci_get32(at, cap + 12u);
		if (type == 1 && size >= COMMON_SIZE && !v->common)
			v->common = pci_bar(at, which, offset, COMMON_SIZE);
		if (type == 2 && !v->notify) {
			v->notify =
			        pci_bar(at, which, offset, size < NOTIFY_ROOM ? size : NOTIFY_ROOM);
			v->notify_step = pci_get32(at, cap + 16u);
		}
		if (type == 4 && !v->config && size) {
			v->config_size = size < 4096 ? size : 4096;
			v->config = pci_bar(at, which, offset, v->config_size);
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
	char place[PCI_PLACE];
	for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].id == id) {
			pci_place(at, place);
			say("%s is %s network card, which this kernel has no driver for: give the "
			    "machine a virtio one",
			    place, known[i].name);
			return;
		}
}

static void look(uint32_t at, uint32_t id)
{
	uint32_t device = id >> 16;
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
	pci_place(at, v->place);
	v->address = at;
	pci_enable(at);
	read_caps(v, at);
	v->vectors = (volatile uint8_t *)pci_messages(at);
	uint64_t step = (uint64_t)VIRTIO_QUEUES * v->notify_step;
	if (v->common && v->notify && v->vectors && step < NOTIFY_ROOM)
		return;
	say("the device at %s is of virtio before 1, or has no MSI-X, which this kernel needs: "
	    "QEMU wants disable-legacy=on",
	    v->place);
	virtio_count--;
}

void virtio_pci_find(void)
{
	pci_each(look);
}
