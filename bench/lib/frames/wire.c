/* SPDX-License-Identifier: ISC */
/* The tender's part in this image: see wire.h. Its side of a ring is core/ring.h's, since those are
 * the same on both sides. */
#include "wire.h"

#include <string.h>

#include <core/bytes.h>
#include <core/clock.h>
#include <core/heap.h>
#include <core/panic.h>
#include <core/task.h>
#include <net/checksum.h>
#include <net/interface_internal.h>
#include <net/wire.h>

static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 9 };

struct counters {
	_Alignas(64) uint32_t producer;
	_Alignas(64) uint32_t consumer, flags;
};

static void make_ring(struct ring *ours, struct amp_ring *theirs, uint32_t entry)
{
	struct counters *c = heap_alloc_zero(1, sizeof *c);
	void *entries = heap_alloc_zero(WIRE_ENTRIES, entry);
	ensure(c && entries);
	*theirs = (struct amp_ring){ .producer = (uint64_t)&c->producer,
		                     .consumer = (uint64_t)&c->consumer,
		                     .flags = (uint64_t)&c->flags,
		                     .entries = (uint64_t)entries,
		                     .size = WIRE_ENTRIES };
	ring_open(ours, theirs);
}

void wire_open(struct wire *w, const char *name, uint32_t features)
{
	*w = (struct wire){ .features = features };
	struct amp_device *d = &w->device;
	*d = (struct amp_device){ .type = AMP_DEVICE_NET,
		                  .features = features,
		                  .mac = { 2, 0, 0, 0, 0, 2 },
		                  .mtu = 1500,
		                  .frame_size = AMP_FRAME_SIZE,
		                  .frame_count = WIRE_FRAMES };
	d->frames = (uint64_t)extent_alloc(WIRE_FRAMES * AMP_FRAME_SIZE / AMP_PAGE);
	ensure(d->frames);
	make_ring(&w->fill, &d->fill, sizeof(uint64_t));
	make_ring(&w->rx, &d->rx, sizeof(struct amp_desc));
	make_ring(&w->tx, &d->tx, sizeof(struct amp_desc));
	make_ring(&w->completion, &d->completion, sizeof(uint64_t));
	for (uint32_t k = 0; k < interface_config_count; k++) {
		if (strcmp(interface_configs[k].name, name) == 0) {
			ensure(interface_open(&interface_configs[k], d) == 0);
			return;
		}
	}
	panic("no interface %s in the manifest", name);
}

uint8_t *wire_put(struct wire *w)
{
	w->fill.theirs = __atomic_load_n(
	        w->fill.producer, __ATOMIC_ACQUIRE); /* ring_ready would not look before the last */
	ensure(w->fill.theirs - w->fill.mine > w->written &&
	       ring_free(&w->rx, w->written + 1) > w->written);
	return (uint8_t *)w->device.frames + *ring_addr(&w->fill, w->written) + AMP_FRAME_HEADROOM;
}

void wire_add(struct wire *w, uint32_t size, bool checked)
{
	uint64_t at = *ring_addr(&w->fill, w->written) + AMP_FRAME_HEADROOM;
	bool metadata = checked && w->features & AMP_NET_RX_CHECKSUM;
	if (metadata) {
		struct amp_frame_header h = { .flags = 2 }; /* DATA_VALID */
		memcpy((uint8_t *)w->device.frames + at - sizeof h, &h, sizeof h);
	}
	*ring_desc(&w->rx, w->written++) = (struct amp_desc){
		.addr = at, .len = size, .options = metadata ? AMP_DESC_METADATA : 0
	};
}

uint64_t wire_turn(struct wire *w)
{
	ring_consume(&w->fill, w->written);
	uint64_t start = clock_now();
	ring_produce(&w->rx, w->written);
	task_yield();
	w->written = 0;
	return clock_now() - start;
}

uint32_t wire_collect(struct wire *w, wire_sent_fn *fn, void *context)
{
	uint32_t n, packets = 0;
	while ((n = ring_ready(&w->tx)) != 0) {
		uint32_t k = 0, frames = 0;
		while (k < n) {
			const struct amp_desc *first = ring_desc(&w->tx, k), *d;
			uint32_t whole = 0;
			do {
				ensure(k < n);
				d = ring_desc(&w->tx, k++);
				whole += d->len;
				if (!(d->options & AMP_DESC_DIRECT)) {
					ensure(ring_free(&w->completion, frames + 1) > frames);
					*ring_addr(&w->completion, frames++) = d->addr;
				}
			} while (d->options & AMP_DESC_CONTINUED);
			packets++;
			fn(context, (const uint8_t *)w->device.frames + first->addr, first->len,
			   whole);
		}
		ring_consume(&w->tx, k);
		ring_produce(&w->completion, frames);
	}
	return packets;
}

void wire_peer(struct wire_peer *p, struct wire *w, uint32_t us)
{
	*p = (struct wire_peer){ .wire = w, .us = us, .peer = (us & ~255u) | 9 };
	memcpy(p->us_mac, w->device.mac, sizeof p->us_mac);
}

void wire_send_ip4(const struct wire_peer *p, uint8_t *packet, uint8_t protocol, uint32_t size,
                   uint32_t checksum)
{
	struct ethernet_header *e = (void *)packet;
	struct ip4_header *h = (void *)(packet + sizeof *e);
	uint8_t *payload = packet + WIRE_HEADERS;
	memcpy(e->destination, p->us_mac, 6);
	memcpy(e->source, peer_mac, 6);
	bytes_store_u16(e->type, ETHERNET_TYPE_IP4);
	*h = (struct ip4_header){ .version_size = 0x45, .ttl = 64, .protocol = protocol };
	bytes_store_u16(h->total, (uint16_t)(size + sizeof *h));
	bytes_store_u16(h->fragment, IP4_DF);
	bytes_store_u32(h->source, p->peer);
	bytes_store_u32(h->destination, p->us);
	checksum_store(h->checksum, checksum_header(h));
	memset(payload + checksum, 0, 2);
	uint64_t sum = checksum_pseudo(h->source, protocol, (uint16_t)size);
	checksum_store(payload + checksum, checksum_add(sum, payload, size));
	wire_add(p->wire, WIRE_HEADERS + size, true);
}
