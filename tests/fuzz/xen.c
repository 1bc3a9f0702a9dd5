/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the boot kernel's side of Xen: netfront and blkfront from both sides at once, and xenstore's client. The backend answers well
 * or with lies, writes into its rings and the pages that it was granted; xenstore answers in order, or with anything, at any
 * time; the image's rings hold anything. Whatever they do, a pass ends, and each page and each request is in one place.
 */
#include <stdio.h>

#include <boot/xen_block.h>
#include <boot/xen_events.h>
#include <boot/xen_grant.h>
#include <boot/xen_net.h>
#include <boot/xen_store.h>

#include "boot_image.h"

#define STORE_PORT  1u
#define DEVICE_PORT 2u
#define GRANTS      1024u
#define STORE_RING  1024u
#define MESSAGE     5000u
#define WAITS_MAX   4000u

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool honest; /* until the image runs, or never */
static uint32_t waits;

/* ---- Grants: what the backend may use ---- */

static uint8_t *granted[GRANTS];
static uint32_t grant_count;

uint32_t grant_page(uint16_t domain, const void *page)
{
	(void)domain;
	if (grant_count == GRANTS - 1)
		return 0;
	granted[++grant_count] = (uint8_t *)(uintptr_t)page;
	return grant_count;
}

static uint8_t *page_of(uint32_t grant)
{
	return grant && grant <= grant_count ? granted[grant] : NULL;
}

/* ---- Xenstore ---- */

static struct {
	char out[STORE_RING], in[STORE_RING];
	uint32_t out_read, out_written, in_read, in_written;
} ring;

static void say_bytes(const void *bytes, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		ring.in[ring.in_written++ % STORE_RING] = ((const char *)bytes)[i];
}

static void tell(uint32_t type, uint32_t id, const char *text, uint32_t size)
{
	const uint32_t head[4] = { type, id, 0, size };
	if (ring.in_written - ring.in_read + sizeof head + size > STORE_RING)
		return;
	say_bytes(head, sizeof head);
	say_bytes(text, size);
}

static const char *value_of(const char *path)
{
	static char text[16];
	static const struct {
		const char *node, *value;
	} known[] = { { "backend", "back" },      { "backend-id", "0" },
		      { "state", "4" },           { "mac", "00:16:3e:00:00:01" },
		      { "feature-rx-copy", "1" }, { "sectors", "128" },
		      { "sector-size", "512" },   { "info", "0" } };
	const char *node = strrchr(path, '/');
	for (unsigned i = 0; node && i < sizeof known / sizeof *known; i++)
		if (!strcmp(node + 1, known[i].node))
			return known[i].value;
	snprintf(text, sizeof text, "%u", draw() & 1);
	return text;
}

/* Answers one request. False: there is none. */
static bool answer_one(void)
{
	char bytes[MESSAGE];
	uint32_t head[4], n = 0;
	if (ring.out_written - ring.out_read < sizeof head)
		return false;
	for (; n < sizeof head; n++)
		((char *)head)[n] = ring.out[(ring.out_read + n) % STORE_RING];
	if (head[3] > 4096) { /* amid a message, after a lie about where it was read to */
		ring.out_read = ring.out_written;
		return false;
	}
	if (ring.out_written - ring.out_read - n < head[3])
		return false;
	for (uint32_t i = 0; i < head[3]; i++)
		bytes[i] = ring.out[(ring.out_read + n + i) % STORE_RING];
	bytes[head[3]] = 0;
	ring.out_read += n + head[3];
	if (!honest && draw() % 4 == 0) {
		/* Another type, another number, or another size than the bytes that follow. */
		const uint32_t lie[4] = { draw(), draw() & 1 ? head[1] : draw(), 0, draw32() };
		say_bytes(lie, sizeof lie);
		return true;
	}
	if (head[0] == 4)
		tell(15, 0, "p\0000", 4);
	const char *text = head[0] == 2 ? value_of(bytes) : head[0] == 1 ? "0\0001\0x" : "OK";
	tell(head[0], head[1], text, head[0] == 1 ? 6 : (uint32_t)strlen(text));
	return true;
}

static void store_act(void)
{
	if (!honest && draw() % 8 == 0) {
		switch (draw() % 4) {
		case 0:
			ring.in_written = draw32();
			break;
		case 1:
			ring.out_read = draw32();
			break;
		case 2:
			for (uint32_t k = draw(); k; k--)
				say_bytes(&(char){ (char)draw() }, 1);
			break;
		default:
			tell(15, 0, "back/state\0000", 12 + draw() % 2);
		}
		return;
	}
	if (ring.out_written - ring.out_read <= STORE_RING)
		while (answer_one())
			;
}

/* ---- Backends ---- */

static const struct xen_ring *rings[2];
static uint32_t done_of[2], answer_size;

static void scribble(uint8_t *page)
{
	for (uint32_t i = 0, at = draw() * 16u; page && i < 40; i++)
		page[(at + i) % AMP_PAGE] = draw();
}

/* A request is answered, well or badly; or anything is said. */
static void act(uint32_t which)
{
	const struct xen_ring *r = rings[which];
	uint8_t how = honest ? 0 : draw(), bytes[16], request[112];
	if (!r || !r->page)
		return;
	uint32_t at = r->page[2];
	uint8_t *to = (uint8_t *)(uintptr_t)r->page + XEN_RING_HEAD + at % r->size * r->entry;
	if (how < 160 && done_of[which] != r->page[0]) {
		memcpy(request,
		       (uint8_t *)(uintptr_t)r->page + XEN_RING_HEAD +
		               done_of[which]++ % r->size * r->entry,
		       r->entry);
		memset(bytes, 0, sizeof bytes);
		if (answer_size == 16) { /* a disk's: its number */
			memcpy(bytes, request + 8, 8);
			bytes[10] = how < 120 ? 0 : draw();
			uint32_t grant;
			memcpy(&grant, request + 24, sizeof grant);
			if (request[0] == 0 && request[1])
				scribble(page_of(grant));
		} else if (which) { /* tx */
			memcpy(bytes, request + 8, 2);
			bytes[2] = how < 120 ? 0 : draw();
		} else { /* rx: number, offset, flags, size */
			uint32_t grant;
			memcpy(bytes, request, 2);
			memcpy(&grant, request + 4, sizeof grant);
			scribble(page_of(grant));
			bytes[4] = how < 60 ? draw() & 3 : draw();
			bytes[6] = draw();
			bytes[7] = how < 120 ? draw() & 7 : draw();
			bytes[3] = how < 140 ? 0 : draw();
		}
		memcpy(to, bytes, answer_size);
		r->page[2] = at + 1;
	} else if (how < 200) {
		for (uint32_t k = 0; k < r->entry; k++)
			to[k] = draw();
		r->page[2] = at + 1;
	} else if (how < 220) {
		r->page[2] = draw32();
	} else {
		r->page[draw() % 4] = draw32();
	}
}

void events_open(uint32_t port)
{
	(void)port;
}

void events_clear(uint32_t port)
{
	(void)port;
}

uint32_t events_offer(uint16_t domain)
{
	(void)domain;
	return DEVICE_PORT;
}

void events_send(uint32_t port)
{
	if (port == STORE_PORT)
		store_act();
	for (uint8_t n = port == DEVICE_PORT ? honest ? 1 : draw() % 8 : 0; n; n--)
		act(n & 1);
}

void events_wait(uint32_t port, uint64_t ns)
{
	(void)ns;
	assert(++waits < WAITS_MAX); /* whatever they say, a wait has an end */
	events_send(port);
}

/* ---- Attacks ---- */

static void begin(void)
{
	memset(&ring, 0, sizeof ring);
	rings[0] = rings[1] = NULL;
	done_of[0] = done_of[1] = 0;
	grant_count = 0;
	waits = 0;
	store_begin(&ring, STORE_PORT);
}

/* What the others do, from the third number of a loop's on. */
static void others(const struct driver *d, void *of, uint8_t what)
{
	switch (what) {
	case 0:
		act(0);
		break;
	case 1:
		act(1);
		break;
	case 2:
		store_act();
		break;
	case 3:
		d->listen(of, draw());
		d->woke(of);
		break;
	default:
		waits = 0;
		d->pass(of);
		d->ready(of, draw());
		d->idle(of);
	}
}

static void attack_net(void)
{
	static const struct amp_note_device note = {
		.name = "n", .type = AMP_DEVICE_NET, .ring_size = RING * 2, .frame_count = FRAMES
	};
	static struct xen_net n;
	struct amp_device view = { 0 };
	struct defect why;
	answer_size = 8;
	if (xen_net_open(&n, 0, &note, &why))
		return;
	struct image_memory m = image_memory(net_rings_size(note.ring_size),
	                                     (uint64_t)FRAMES * net_frame_size(n.mtu), &view);
	m.room.abi_minor = draw() & 3;
	bool placed = !xen_net_driver.place(&n, &m.room, &why);
	rings[0] = &n.rx;
	rings[1] = &n.tx;
	honest = false;
	while (placed && in.left) {
		uint8_t what = draw() % 11;
		if (what < 6)
			image_net(&view, what);
		else
			others(&xen_net_driver, &n, what - 6);
		uint32_t out = 0;
		for (uint32_t i = 0; i < XEN_NET_RING; i++)
			out += n.tx_out[i];
		assert(out + n.tx_free_count == XEN_NET_RING);
		assert(n.frame_count <= AMP_PACKET_DESCS_MAX);
		assert(n.rx.made - n.rx.taken <= XEN_NET_RING &&
		       n.tx.made - n.tx.taken <= XEN_NET_RING);
	}
	image_free(&m);
}

static void attack_block(void)
{
	static const struct amp_note_device note = { .name = "d",
		                                     .type = AMP_DEVICE_BLOCK,
		                                     .ring_size = RING };
	static struct xen_block b;
	struct amp_device view = { 0 };
	struct defect why;
	uint8_t head[8192];
	answer_size = 16;
	if (xen_block_open(&b, 51712, &why))
		return;
	rings[0] = &b.ring;
	if (!xen_block_driver.read(&b, head, sizeof head, 0))
		assert(b.ring.taken);
	struct image_memory m = image_memory(block_rings_size(note.ring_size), 0, &view);
	b.note = &note;
	xen_block_driver.place(&b, &m.room, &why);
	honest = false;
	while (in.left) {
		uint8_t what = draw() % 10;
		if (what < 4)
			image_block(&view, m.room.heap.bytes, what);
		else if (what == 9)
			image_block_well(&view, m.room.heap.bytes);
		else
			others(&xen_block_driver, &b, what - 4);
		uint32_t pieces = 0, under_way = 0, jobs = 0;
		for (uint32_t i = 0; i < XEN_BLOCK_RING; i++) {
			pieces += b.pieces[i].used && b.pieces[i].job < XEN_BLOCK_RING;
			jobs += b.jobs[i].used;
			under_way += b.jobs[i].used ? b.jobs[i].pieces : 0;
		}
		assert(jobs == b.job_count && pieces == under_way);
	}
	image_free(&m);
}

/* Xenstore alone: what it says of paths is a text of the size it says. */
static void attack_store(void)
{
	char text[64];
	while (in.left) {
		uint32_t numbers[4];
		waits = 0;
		switch (draw() % 5) {
		case 0:
			assert(store_read("a/b", text, sizeof text) < (int)sizeof text);
			break;
		case 1:
			assert(xen_bus_list("vif", numbers, 4) <= 4);
			break;
		case 2:
			store_write("a/b", "1");
			break;
		case 3:
			store_fired(store_watch("a"));
			break;
		default:
			store_act();
			store_fired(draw());
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	in = (struct input){ bytes, size };
	uint8_t what = draw();
	begin();
	honest = what & 3 && !(what & 64); /* else it lies from the first word on */
	switch (what & 3) {
	case 0:
		attack_store();
		break;
	case 1:
		attack_block();
		break;
	default:
		attack_net();
	}
	give_back();
	return 0;
}
