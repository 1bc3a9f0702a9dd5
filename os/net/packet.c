/* SPDX-License-Identifier: ISC */
/*
 * Packets in parts, for devices that take them whole: all parts are copied behind the header in the
 * head's frame, one copy a byte, and the checksum is made on the way.
 */
#include <net/packet.h>

#include <core/error.h>
#include <net/checksum.h>
#include <net/interface_internal.h>
#include <net/ip4.h>

struct packet_limits packet_limits(const struct interface *i)
{
	(void)i;
	return (struct packet_limits){ .payload_max = 0 };
}

uint32_t packet_room(const struct interface *i)
{
	uint32_t room = device_room(&i->device), frames = i->device.frames.free_count;
	return room < frames ? room : frames;
}

struct frame *packet_head(struct interface *i, uint32_t size)
{
	struct frame *f = frame_alloc(&i->device.frames);
	if (!f) {
		interface_count(i, COUNT_TX_NO_FRAME);
		return NULL;
	}
	frame_view(f, AMP_FRAME_HEADROOM + (uint32_t)sizeof(struct ip4_header), size);
	return f;
}

int packet_send(const struct ip4_route *r, struct packet *p)
{
	struct interface *i = r->interface;
	struct frame *f = p->head;
	uint32_t size = 0;
	for (uint32_t k = 0; k < p->part_count; k++)
		size += p->parts[k].size;
	uint32_t whole = p->header_size + size;
	if (p->segment_size || whole + sizeof(struct ip4_header) > i->mtu) {
		interface_count(i, COUNT_TX_TOO_BIG);
		frame_drop(f);
		return ERR_TOO_BIG;
	}
	if (!device_room(&i->device)) {
		interface_count(i, COUNT_TX_RING_FULL);
		frame_drop(f);
		return ERR_MEMORY;
	}
	uint8_t *header = frame_view(f, f->start, whole);
	struct bytes_out out = bytes_out(header + p->header_size, size);
	for (uint32_t k = 0; k < p->part_count; k++)
		bytes_put_copy(&out, p->parts[k].bytes, p->parts[k].size);
	ensure(!out.failed && p->checksum_at + 2u <= p->header_size);
	uint8_t addresses[8];
	bytes_store_u32(addresses, r->source);
	bytes_store_u32(addresses + 4, r->destination);
	memset(header + p->checksum_at, 0, 2);
	checksum_store(header + p->checksum_at,
	               checksum_add(checksum_pseudo(addresses, r->protocol, (uint16_t)whole),
	                            header, whole));
	return ip4_send_frame(r, f);
}
