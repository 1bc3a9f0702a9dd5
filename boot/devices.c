/* SPDX-License-Identifier: ISC */
/* At most AMP_DEVICES_MAX of both types, in the note's order. */
#include <stdio.h>
#include <string.h>

#include <boot/block.h>
#include <boot/console.h>
#include <boot/devices.h>
#include <boot/memory.h>
#include <boot/net.h>
#include <boot/nocloud.h>
#include <boot/nvme.h>
#include <boot/random.h>
#include <boot/xen_block.h>
#include <boot/xen_net.h>
#include <tender/device/net_words.h>

#define HEAD      8192u /* bytes of a disk that tell its format */
#define GUID_AT   (512u + 56u)
#define GUID      16u
#define RANDOM    64u
#define PUT_TRIES 100000000u
#define DISKS_MAX (VIRTIO_DEVICES + AMP_DEVICES_MAX + NVME_CONTROLLERS * NVME_DISKS)

/* By the note's index; without a driver: it is not there. */
static struct device {
	const struct driver *driver;
	void *of;
	uint16_t mtu; /* of a network card */
} devices[AMP_DEVICES_MAX];
static struct driver_disk disks[DISKS_MAX];
static uint32_t device_count, disk_count;
/* Network cards of Xen's, and how many of them are taken. */
static uint32_t vifs[AMP_DEVICES_MAX], vif_count, vifs_taken;
static struct virtio *last_card; /* of virtio's, that is taken */
static struct net_words told;
static uint32_t told_device;

/* ---- The kernel's own ---- */

static struct virtio *console_device;
static struct virtq console_queue;
static char *console_bytes;

/* Each text waits for its turn: the console is not what has to be fast. */
static void console_put_virtio(const char *bytes, size_t size)
{
	while (size) {
		uint32_t n = size < AMP_PAGE ? (uint32_t)size : AMP_PAGE, wrote;
		memcpy(console_bytes, bytes, n);
		const struct virtq_part part = { console_bytes, n, false };
		if (virtq_give(&console_queue, &part, 1) == VIRTQ_NONE)
			return;
		virtio_kick(console_device, 1, &console_queue);
		for (uint32_t i = 0; virtq_take(&console_queue, &wrote) == VIRTQ_NONE; i++)
			if (i == PUT_TRIES)
				return; /* it stays given: the next text finds less room, and at last none */
		bytes += n;
		size -= n;
	}
}

static void open_console(struct virtio *v)
{
	struct virtq receive;
	struct defect why;
	if (virtio_agree(v, 0, &why) || virtio_queue(v, 0, &receive, 4, &why) ||
	    virtio_queue(v, 1, &console_queue, 16, &why)) {
		say("%s", why.text);
		return;
	}
	console_device = v;
	console_bytes = memory_take(AMP_PAGE);
	virtio_begin(v);
	console_add(console_put_virtio);
}

static void draw(struct virtio *v)
{
	struct virtq q;
	struct defect why;
	uint32_t size = 0;
	uint8_t *bytes = memory_take(AMP_PAGE);
	const struct virtq_part part = { bytes, RANDOM, true };
	if (virtio_agree(v, 0, &why) || virtio_queue(v, 0, &q, 8, &why)) {
		say("%s", why.text);
		return;
	}
	virtio_begin(v);
	virtq_give(&q, &part, 1);
	virtio_kick(v, 0, &q);
	for (uint32_t i = 0; virtq_take(&q, &size) == VIRTQ_NONE && i < PUT_TRIES; i++)
		;
	if (size)
		random_add(bytes, size);
	explicit_bzero(bytes, RANDOM);
}

void devices_own(void)
{
	struct virtio *v = virtio_next(VIRTIO_CONSOLE, NULL);
	if (v)
		open_console(v);
	v = virtio_next(VIRTIO_RANDOM, NULL);
	if (v)
		draw(v);
}

/* ---- Which is which ---- */

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Is it the disk that the kernel came from? */
static bool is_own(const struct driver_disk *d, const char *guid)
{
	static uint8_t head[2 * AMP_PAGE] __attribute__((aligned(4096)));
	if (!guid || strlen(guid) != 2 * GUID || d->driver->read(d->of, head, AMP_PAGE, 0))
		return false;
	for (unsigned i = 0; i < GUID; i++)
		if (hex(guid[2 * i]) * 16 + hex(guid[2 * i + 1]) != head[GUID_AT + i])
			return false;
	return !memcmp(head + 512, "EFI PART", 8);
}

static void open_disks(const struct words *w)
{
	struct defect why;
	uint32_t vbds[AMP_DEVICES_MAX], vbd_count = xen_bus_list("vbd", vbds, AMP_DEVICES_MAX);
	for (struct virtio *v = NULL; (v = virtio_next(VIRTIO_BLOCK, v));) {
		struct block *b = memory_take(sizeof *b);
		const struct driver_disk d = { &block_driver, b,        &b->extent,
			                       &b->note,      v->place, b->serial };
		if (block_open(b, v, &why))
			say("%s", why.text);
		else if (!is_own(&d, w->disk))
			disks[disk_count++] = d;
	}
	for (struct nvme *n = nvme_controllers; n < nvme_controllers + nvme_count; n++) {
		if (nvme_open(n, &why))
			say("%s", why.text);
		for (uint32_t i = 0; i < n->disk_count; i++) {
			struct nvme_disk *of = n->disks[i];
			const struct driver_disk d = { &nvme_driver, of,       &of->extent,
				                       &of->note,    n->place, n->serial };
			if (!is_own(&d, w->disk))
				disks[disk_count++] = d;
		}
	}
	for (uint32_t i = 0; i < vbd_count; i++) {
		struct xen_block *b = memory_take(sizeof *b);
		if (xen_block_open(b, vbds[i], &why))
			say("%s", why.text);
		else
			disks[disk_count++] =
			        (struct driver_disk){ &xen_block_driver, b, &b->extent, &b->note,
				                      b->bus.front,      "" };
	}
}

int devices_disks(struct words *w, struct defect *why)
{
	static char text[NOCLOUD_MOST + 1];
	static bool done;
	if (done)
		return 0;
	done = true;
	open_disks(w);
	for (uint32_t i = 0; i < disk_count; i++) {
		int is = nocloud_read(&disks[i], text, why);
		if (is < 0)
			return -1;
		if (!is)
			continue;
		disks[i].driver = NULL;
		return words_add(w, text, false, why);
	}
	return 0;
}

static struct driver_disk *take_disk(const struct image *image, const char *name)
{
	struct driver_disk *first = NULL;
	for (uint32_t i = 0; i < disk_count; i++) {
		struct driver_disk *d = &disks[i];
		bool meant = false; /* for another one, by its name */
		if (!d->driver || (name && strncmp(d->serial, name, BLOCK_SERIAL)))
			continue;
		for (uint32_t k = 0; !name && k < image->note.device_count; k++)
			meant |= !strncmp(d->serial, image->devices[k].name, BLOCK_SERIAL);
		if (!meant && !first)
			first = d;
	}
	return first;
}

static int check_disk(const struct driver_disk *d, const struct amp_note_device *note,
                      struct defect *why)
{
	static uint8_t head[HEAD] __attribute__((aligned(4096)));
	struct defect what;
	if (d->extent->read_only && !(note->flags & AMP_NOTE_DEVICE_READ_ONLY))
		return defect_set(why, "block device %s: the disk at %s is read-only", note->name,
		                  d->place);
	if (d->extent->size < note->size_min)
		return defect_set(why,
		                  "block device %s: the disk at %s has %llu bytes; %llu are needed",
		                  note->name, d->place, (unsigned long long)d->extent->size,
		                  (unsigned long long)note->size_min);
	if (!*note->format)
		return 0;
	uint32_t size = d->extent->size < HEAD ? (uint32_t)d->extent->size : HEAD;
	if (d->driver->read(d->of, head, size, 0))
		return defect_set(why, "block device %s: the disk at %s cannot be read", note->name,
		                  d->place);
	if (block_format_check(head, size, note->format, &what))
		return defect_set(why, "block device %s: the disk at %s %s", note->name, d->place,
		                  what.text);
	return 0;
}

static int missing(const struct amp_note_device *note, struct defect *why)
{
	if (note->flags & AMP_NOTE_DEVICE_OPTIONAL)
		return 0;
	return note->type == AMP_DEVICE_NET
	               ? defect_set(why,
	                            "needs network device %s, and the machine has no network "
	                            "card of virtio's or Xen's (left) for it",
	                            note->name)
	               : defect_set(why,
	                            "needs block device %s, and the machine has no disk of "
	                            "virtio's, NVMe's or Xen's (left) for it",
	                            note->name);
}

/* The next card that no device of the image's has. 0: it is `d`'s; 1: there is none; -1 with a defect. */
static int open_card(struct device *d, const struct amp_note_device *note, struct defect *why)
{
	struct virtio *card = virtio_next(VIRTIO_NET, last_card);
	if (card) {
		struct net *n = memory_take(sizeof *n);
		last_card = card;
		if (net_open(n, card, note, why))
			return -1;
		*d = (struct device){ &net_driver, n, n->mtu };
		return 0;
	}
	if (vifs_taken == vif_count)
		return 1;
	struct xen_net *n = memory_take(sizeof *n);
	if (xen_net_open(n, vifs[vifs_taken++], note, why))
		return -1;
	*d = (struct device){ &xen_net_driver, n, n->mtu };
	return 0;
}

static int open_disk(struct device *to, const struct image *image,
                     const struct amp_note_device *note, struct defect *why)
{
	struct driver_disk *d = take_disk(image, note->name);
	if (!d)
		d = take_disk(image, NULL);
	if (!d)
		return missing(note, why);
	if (check_disk(d, note, why))
		return -1;
	*to = (struct device){ .driver = d->driver, .of = d->of };
	*d->note = note;
	if (note->flags & AMP_NOTE_DEVICE_READ_ONLY)
		d->extent->read_only = true;
	d->driver = NULL;
	return 0;
}

int devices_open(const struct image *image, const struct words *w, struct defect *why)
{
	char text[512];
	device_count = image->note.device_count;
	vif_count = xen_bus_list("vif", vifs, AMP_DEVICES_MAX);
	for (uint32_t i = 0; i < device_count; i++)
		if (image->devices[i].type == AMP_DEVICE_BLOCK &&
		    open_disk(&devices[i], image, &image->devices[i], why))
			return -1;
	bool first = true;
	for (uint32_t i = 0; i < device_count; i++) {
		const struct amp_note_device *note = &image->devices[i];
		if (note->type != AMP_DEVICE_NET)
			continue;
		int none = open_card(&devices[i], note, why);
		if (none < 0 || (none && missing(note, why)))
			return -1;
		if (none)
			continue;
		if (first)
			told_device = i;
		first = false;
	}
	if (!w->net)
		return 0;
	if (first)
		return defect_set(why, "ampoule.net: there is no network device to tell it to");
	/* As if behind a kind's own text: words behind commas. */
	if (snprintf(text, sizeof text, ",%s", w->net) >= (int)sizeof text)
		return defect_set(why, "ampoule.net is too long");
	if (net_words_take(&told, text, why))
		return -1;
	return *text ? defect_set(why, "ampoule.net=%s: want " NET_WORDS_FORM, w->net) : 0;
}

/* ---- In the space ---- */

static uint64_t rings_size(const struct image *image, uint32_t i)
{
	uint32_t entries = image->devices[i].ring_size;
	return !devices[i].driver                         ? 0
	       : image->devices[i].type == AMP_DEVICE_NET ? net_rings_size(entries)
	                                                  : block_rings_size(entries);
}

void devices_need(const struct image *image, struct space_need *need)
{
	for (uint32_t i = 0; i < device_count; i++) {
		need->rings += rings_size(image, i);
		if (devices[i].mtu)
			need->frames[i] = (uint64_t)image->devices[i].frame_count *
			                  net_frame_size(devices[i].mtu);
	}
}

static struct device_memory memory(struct space *s, enum region_kind kind, uint32_t index)
{
	const struct region *r = space_region(s, kind, index);
	return r ? (struct device_memory){ r->at, r->size, r->host } : (struct device_memory){ 0 };
}

int devices_place(struct space *s, const struct pages *pages, const struct image *image,
                  struct amp_device *views, struct defect *why)
{
	struct device_memory constants[AMP_SEGMENTS_MAX], rings = memory(s, REGION_RINGS, 0);
	struct driver_room room = { .constants = constants,
		                    .heap = memory(s, REGION_HEAP, 0),
		                    .pages = pages,
		                    .abi_minor = image->note.abi_minor };
	for (uint32_t i = 0; i < s->region_count; i++) {
		const struct region *r = &s->regions[i];
		if (r->kind == REGION_SEGMENT && !(r->rights & RIGHT_W))
			constants[room.constant_count++] =
			        (struct device_memory){ r->at, r->size, r->host };
	}
	for (uint32_t i = 0; i < device_count; i++) {
		uint64_t size = rings_size(image, i);
		room.rings = (struct device_memory){ rings.at, size, rings.bytes };
		room.frames = memory(s, REGION_FRAMES, i);
		room.view = &views[i];
		if (!devices[i].driver)
			continue;
		if (devices[i].driver->place(devices[i].of, &room, why))
			return -1;
		if (devices[i].mtu && i == told_device && told.mtu && told.mtu < views[i].mtu)
			views[i].mtu = told.mtu;
		rings.at += size;
		rings.bytes += size;
	}
	return 0;
}

uint32_t devices_words(struct amp_net_word *to)
{
	return told.count ? net_words_write(&told, told_device, to) : 0;
}

int devices_forget(struct defect *why)
{
	if (vifs_taken)
		return defect_set(why, "ampoule.metadata: asks by cards of virtio's, not of Xen's");
	for (struct virtio *v = virtio_devices; v < virtio_devices + virtio_count; v++)
		if (v->kind == VIRTIO_NET && v->used && virtio_stop(v, why))
			return -1;
	last_card = NULL;
	memset(devices, 0, sizeof devices);
	device_count = 0;
	return 0;
}

/* ---- While it runs ---- */

uint32_t devices_pass(void)
{
	uint32_t n = 0;
	for (const struct device *d = devices; d < devices + device_count; d++)
		if (d->driver)
			n += d->driver->pass(d->of);
	return n;
}

bool devices_ready(uint64_t events)
{
	for (const struct device *d = devices; d < devices + device_count; d++)
		if (d->driver && d->driver->ready(d->of, events))
			return true;
	return false;
}

void devices_listen(uint64_t events)
{
	for (const struct device *d = devices; d < devices + device_count; d++)
		if (d->driver)
			d->driver->listen(d->of, events);
}

void devices_woke(void)
{
	for (const struct device *d = devices; d < devices + device_count; d++)
		if (d->driver)
			d->driver->woke(d->of);
}

uint64_t devices_until(void)
{
	uint64_t least = UINT64_MAX;
	for (const struct device *d = devices; d < devices + device_count; d++)
		if (d->driver && d->driver->until) {
			uint64_t tsc = d->driver->until(d->of);
			least = tsc < least ? tsc : least;
		}
	return least;
}

bool devices_idle(void)
{
	for (const struct device *d = devices; d < devices + device_count; d++)
		if (d->driver && !d->driver->idle(d->of))
			return false;
	return true;
}

bool devices_has(uint64_t index)
{
	return index < device_count && devices[index].driver;
}
