/* SPDX-License-Identifier: ISC */
/*
 * Parts are laid one behind the other: into the head's frame as far as it goes, then into frames of
 * their own, but for static ones, which become descriptors. The checksum is the device's business
 * where it takes that, and is else made over the one frame that a packet is then.
 */
#include <net/packet.h>

#include <core/boot.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/raw.h>
#include <net/checksum.h>
#include <net/interface_internal.h>
#include <net/ip4.h>

#define NEEDS_CSUM   1u /* struct amp_frame_header */
#define SEGMENT_TCP4 1u
#define SEGMENT_ECN  0x80u
#define TCP_FLAGS_AT 13u
#define TCP_FLAG_CWR 0x80u
#define SEGMENT_TCP6 4u

/* Before a packet's head: of the link, and of IP. */
static uint32_t headers(const struct ip4_route *r)
{
	return (uint32_t)sizeof(struct ethernet_header) + ip4_header_size(r->destination);
}

/* A packet being laid out. */
struct layout {
	struct device_part parts[AMP_PACKET_DESCS_MAX - 1];
	uint32_t count, rest; /* parts, and the bytes in them */
	bool leased;          /* one of them is lent */
};

uint32_t packet_payload_max(const struct ip4_route *r, uint32_t segment_size)
{
	uint32_t wanted = AMP_NET_TX_SEGMENT | AMP_NET_TX_CHECKSUM;
	wanted |= ip6_is(r->destination) ? AMP_NET_TX_SEGMENT6 : 0;
	if ((r->interface->device.features & wanted) != wanted || segment_size < AMP_SEGMENT_MIN ||
	    !ip4_hop(r))
		return 0;
	return PACKET_PAYLOAD_MAX;
}

uint32_t packet_room(const struct interface *i)
{
	uint32_t room = device_room(&i->device), frames = i->device.frames.free_count;
	return room < frames ? room : frames;
}

struct frame *packet_head(const struct ip4_route *r, uint32_t size)
{
	struct interface *i = r->interface;
	struct frame *f = frame_alloc(&i->device.frames);
	if (!f) {
		interface_count(i, COUNT_TX_NO_FRAME);
		return NULL;
	}
	frame_view(f, AMP_FRAME_HEADROOM + ip4_header_size(r->destination), size);
	return f;
}

static COLD int give_up(struct packet *p, struct layout *l, int error)
{
	frame_drop(p->head);
	for (uint32_t k = 0; k < l->count; k++) {
		if (l->parts[k].frame)
			frame_drop(l->parts[k].frame);
	}
	return error;
}

/* The frame that takes the next copied bytes: the last one, if it has room, or a new one. */
static struct frame *open_frame(struct packet *p, struct layout *l)
{
	struct frame *f = l->count ? l->parts[l->count - 1].frame : p->head;
	struct frames *all = p->head->frames;
	if (f && f->start + f->size < all->frame_size)
		return f;
	f = l->count < AMP_PACKET_DESCS_MAX - 1 ? frame_alloc(all) : NULL;
	if (f) {
		frame_view(f, 0, 0);
		l->parts[l->count++] = (struct device_part){ .frame = f };
	}
	return f;
}

/* May these bytes go to the device as they lie? */
static bool goes_direct(const struct packet_part *part, uint32_t features)
{
	return part->is_lent ? features & AMP_NET_TX_MEMORY
	                     : part->is_static && features & AMP_NET_TX_DIRECT &&
	                               boot_constant(part->bytes, part->size);
}

/* False: no frame was left, or it takes too many descriptors. features: those that it may use. */
static COLD bool lay_out(struct packet *p, struct layout *l, uint32_t features)
{
	for (uint32_t k = 0; k < p->part_count; k++) {
		const uint8_t *bytes = p->parts[k].bytes;
		uint32_t left = p->parts[k].size;
		if (left >= PACKET_COPY_MAX && goes_direct(&p->parts[k], features)) {
			if (l->count == AMP_PACKET_DESCS_MAX - 1)
				return false;
			l->parts[l->count++] =
			        (struct device_part){ .direct = bytes, .size = left };
			l->rest += left;
			l->leased |= p->parts[k].is_lent;
			continue;
		}
		while (left) {
			struct frame *f = open_frame(p, l);
			if (!f)
				return false;
			uint32_t at = f->size, room = f->frames->frame_size - f->start - at;
			uint32_t n = left < room ? left : room;
			memcpy(frame_view(f, f->start, at + n) + at, bytes, n);
			l->rest += f == p->head ? 0 : n;
			bytes += n;
			left -= n;
		}
	}
	return true;
}

/* Leaves the checksum, and the cutting, to the device. */
static void ask_device(struct packet *p, const struct ip4_route *r, uint32_t whole, uint64_t sum)
{
	uint8_t *header = frame_base(p->head) + p->head->start;
	struct amp_frame_header h = { .flags = NEEDS_CSUM,
		                      .csum_start = (uint16_t)headers(r),
		                      .csum_offset = p->checksum_at };
	if (p->segment_size && whole > p->header_size + p->segment_size) {
		bool cwr = r->protocol == IP4_PROTOCOL_TCP && header[TCP_FLAGS_AT] & TCP_FLAG_CWR;
		h.gso_type = (ip6_is(r->destination) ? SEGMENT_TCP6 : SEGMENT_TCP4) |
		             (cwr ? SEGMENT_ECN : 0);
		h.gso_size = p->segment_size;
	}
	uint16_t folded = checksum_fold(sum);
	memcpy(header + p->checksum_at, &folded, sizeof folded);
	memcpy(header - headers(r) - sizeof h, &h, sizeof h);
	p->head->flags |= FRAME_METADATA;
}

int packet_send(const struct ip4_route *r, struct packet *p)
{
	struct interface *i = r->interface;
	uint32_t whole = p->header_size, features = i->device.features;
	struct layout l RAW;
	l.count = l.rest = 0;
	l.leased = false;
	for (uint32_t k = 0; k < p->part_count; k++) {
		whole += p->parts[k].size;
	}
	uint32_t most = i->mtu - ip4_header_size(r->destination);
	if (p->segment_size
	            ? !(features & AMP_NET_TX_SEGMENT) || p->header_size + p->segment_size > most ||
	                      whole > p->header_size + PACKET_PAYLOAD_MAX
	            : whole > most) {
		interface_count(i, COUNT_TX_TOO_BIG);
		return give_up(p, &l, ERR_TOO_BIG);
	}
	if (!device_room(&i->device)) {
		interface_count(i, COUNT_TX_RING_FULL);
		return give_up(p, &l, ERR_MEMORY);
	}
	const uint8_t *hop = ip4_hop(r);
	if (p->part_count &&
	    !lay_out(p, &l, hop && features & AMP_NET_TX_CHECKSUM ? features : 0)) {
		interface_count(i, COUNT_TX_NO_FRAME);
		return give_up(p, &l, ERR_MEMORY);
	}
	struct frame *f = p->head;
	uint8_t *header = frame_base(f) + f->start;
	ensure(p->checksum_at + 2u <= p->header_size);
	uint64_t sum = ip4_pseudo(r->source, r->destination, r->protocol, (uint16_t)whole);
	if (features & AMP_NET_TX_CHECKSUM) {
		ask_device(p, r, whole, sum);
	} else {
		memset(header + p->checksum_at, 0, 2);
		checksum_store(header + p->checksum_at, checksum_add(sum, header, whole));
	}
	if (!l.count && !hop)
		return ip4_send_frame(r, f); /* which asks for the neighbour */
	int error = hop ? ip4_send_parts(r, hop, f, l.parts, l.count, l.rest) : ERR_UNREACHABLE;
	if (error)
		return give_up(p, &l, error);
	if (l.leased) {
		f->flags |= FRAME_LEASED;
		f->lease = p->lease;
		p->lease->packets++;
	}
	return OK;
}
