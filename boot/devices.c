/* SPDX-License-Identifier: ISC */
/* At most AMP_DEVICES_MAX of both types, in the note's order. */
#include <stdio.h>
#include <string.h>

#include <boot/block.h>
#include <boot/console.h>
#include <boot/devices.h>
#include <boot/memory.h>
#include <boot/net.h>
#include <boot/random.h>
#include <tender/device/net_words.h>

#define HEAD      8192u /* bytes of a disk that tell its format */
#define GUID_AT   (512u + 56u)
#define GUID      16u
#define RANDOM    64u
#define PUT_TRIES 100000000u

static struct net
        nets[AMP_DEVICES_MAX]; /* by the note's index; those without a card are not there */
static struct block blocks[AMP_DEVICES_MAX]; /* the same */
static struct block disks[VIRTIO_DEVICES];
static uint32_t device_count, disk_count;
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
static bool is_own(struct block *b, const char *guid)
{
	static uint8_t head[2 * AMP_PAGE] __attribute__((aligned(4096)));
	if (!guid || strlen(guid) != 2 * GUID || block_read(b, head, AMP_PAGE, 0))
		return false;
	for (unsigned i = 0; i < GUID; i++)
		if (hex(guid[2 * i]) * 16 + hex(guid[2 * i + 1]) != head[GUID_AT + i])
			return false;
	return !memcmp(head + 512, "EFI PART", 8);
}

static void open_disks(const struct words *w)
{
	struct defect why;
	for (struct virtio *v = NULL; (v = virtio_next(VIRTIO_BLOCK, v));) {
		struct block *b = &disks[disk_count];
		if (block_open(b, v, &why))
			say("%s", why.text);
		else if (!is_own(b, w->disk))
			disk_count++;
	}
}

static struct block *take_disk(const struct image *image, const char *name)
{
	struct block *first = NULL;
	for (uint32_t i = 0; i < disk_count; i++) {
		struct block *b = &disks[i];
		bool meant = false; /* for another one, by its name */
		if (!b->disk || (name && strncmp(b->serial, name, BLOCK_SERIAL)))
			continue;
		for (uint32_t k = 0; !name && k < image->note.device_count; k++)
			meant |= !strncmp(b->serial, image->devices[k].name, BLOCK_SERIAL);
		if (!meant && !first)
			first = b;
	}
	return first;
}

static int check_disk(struct block *b, const struct amp_note_device *note, struct defect *why)
{
	static uint8_t head[HEAD] __attribute__((aligned(4096)));
	struct defect what;
	if (b->extent.read_only && !(note->flags & AMP_NOTE_DEVICE_READ_ONLY))
		return defect_set(why, "block device %s: the disk at %s is read-only", note->name,
		                  b->disk->place);
	if (b->extent.size < note->size_min)
		return defect_set(why,
		                  "block device %s: the disk at %s has %llu bytes; %llu are needed",
		                  note->name, b->disk->place, (unsigned long long)b->extent.size,
		                  (unsigned long long)note->size_min);
	if (!*note->format)
		return 0;
	uint32_t size = b->extent.size < HEAD ? (uint32_t)b->extent.size : HEAD;
	if (block_read(b, head, size, 0))
		return defect_set(why, "block device %s: the disk at %s cannot be read", note->name,
		                  b->disk->place);
	if (block_format_check(head, size, note->format, &what))
		return defect_set(why, "block device %s: the disk at %s %s", note->name,
		                  b->disk->place, what.text);
	return 0;
}

static int missing(const struct amp_note_device *note, struct defect *why)
{
	if (note->flags & AMP_NOTE_DEVICE_OPTIONAL)
		return 0;
	return note->type == AMP_DEVICE_NET
	               ? defect_set(why,
	                            "needs network device %s, and the machine has no virtio "
	                            "network card (left) for it",
	                            note->name)
	               : defect_set(why,
	                            "needs block device %s, and the machine has no virtio disk "
	                            "(left) for it",
	                            note->name);
}

int devices_open(const struct image *image, const struct words *w, struct defect *why)
{
	struct virtio *card = NULL;
	char text[512];
	device_count = image->note.device_count;
	open_disks(w);
	for (uint32_t i = 0; i < device_count; i++) {
		const struct amp_note_device *note = &image->devices[i];
		if (note->type != AMP_DEVICE_BLOCK)
			continue;
		struct block *b = take_disk(image, note->name);
		if (!b)
			b = take_disk(image, NULL);
		if (!b) {
			if (missing(note, why))
				return -1;
			continue;
		}
		if (check_disk(b, note, why))
			return -1;
		blocks[i] = *b;
		blocks[i].note = note;
		if (note->flags & AMP_NOTE_DEVICE_READ_ONLY)
			blocks[i].extent.read_only = true;
		b->disk = NULL;
	}
	bool first = true;
	for (uint32_t i = 0; i < device_count; i++) {
		const struct amp_note_device *note = &image->devices[i];
		if (note->type != AMP_DEVICE_NET)
			continue;
		card = virtio_next(VIRTIO_NET, card);
		if (!card) {
			if (missing(note, why))
				return -1;
			card = &virtio_devices[virtio_count - 1];
			continue;
		}
		if (net_open(&nets[i], card, note, why))
			return -1;
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
	return nets[i].card     ? net_rings_size(entries)
	       : blocks[i].disk ? block_rings_size(entries)
	                        : 0;
}

void devices_need(const struct image *image, struct space_need *need)
{
	for (uint32_t i = 0; i < device_count; i++) {
		need->rings += rings_size(image, i);
		if (nets[i].card)
			need->frames[i] = (uint64_t)image->devices[i].frame_count *
			                  net_frame_size(nets[i].mtu);
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
	struct net_room room = { .constants = constants,
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
		if (nets[i].card && net_place(&nets[i], &room, why))
			return -1;
		if (blocks[i].disk &&
		    block_place(&blocks[i], &room.rings, &room.heap, pages, &views[i], why))
			return -1;
		if (nets[i].card && i == told_device && told.mtu && told.mtu < views[i].mtu)
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

/* ---- While it runs ---- */

uint32_t devices_pass(void)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < device_count; i++) {
		if (nets[i].card)
			n += net_pass(&nets[i]);
		if (blocks[i].disk)
			n += block_pass(&blocks[i]);
	}
	return n;
}

bool devices_ready(uint64_t events)
{
	for (uint32_t i = 0; i < device_count; i++)
		if ((nets[i].card && net_ready(&nets[i], events)) ||
		    (blocks[i].disk && block_ready(&blocks[i], events)))
			return true;
	return false;
}

void devices_listen(uint64_t events)
{
	for (uint32_t i = 0; i < device_count; i++) {
		if (nets[i].card)
			net_listen(&nets[i], events);
		if (blocks[i].disk)
			block_listen(&blocks[i]);
	}
}

void devices_woke(void)
{
	for (uint32_t i = 0; i < device_count; i++) {
		if (nets[i].card)
			net_woke(&nets[i]);
		if (blocks[i].disk)
			block_woke(&blocks[i]);
	}
}

bool devices_idle(void)
{
	for (uint32_t i = 0; i < device_count; i++)
		if ((nets[i].card && nets[i].tx.free_count < nets[i].tx.size) ||
		    (blocks[i].disk && blocks[i].in_flight))
			return false;
	return true;
}

bool devices_has(uint64_t index)
{
	return index < device_count && (nets[index].card || blocks[index].disk);
}
