/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes all that comes in from the network. An input is a byte of options (1: DHCP, 2: few frames, 4: in a
 * multicast group, 8: further addresses and routes)
 * and records: what to do, a size of two bytes, and so many bytes. After each input the world is
 * closed, which fails if a frame or memory was lost.
 */
#include "world.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { PACKET, REPAIRED, TIME, DESCRIPTOR, DRAIN };

static void answer(void *context, struct udp_packet *p)
{
	(void)context;
	memset(p->payload, 0x5a, p->room);
	udp_reply(p, p->room < 2 * p->size ? p->room : 2 * p->size);
}

/* Lets more than one in 65536 mutations past the checksums and the MAC filter. */
static void repair(struct packet *p)
{
	if (p->size < 14)
		return;
	if (!(p->bytes[0] & 1))
		memcpy(p->bytes, us_mac, 6);
	p->bytes[6] &= 0xfe;
	uint32_t header = p->size > 14 ? (p->bytes[14] & 15u) * 4 : 0;
	if (p->bytes[12] != 8 || p->bytes[13] || header < 20 || 14 + header > p->size)
		return;
	uint32_t total = bytes_load_u16(p->bytes + 16), at = 14 + header;
	bytes_store_u16(p->bytes + 24, 0);
	bytes_store_u16(p->bytes + 24, naive_checksum(p->bytes + 14, header, 0));
	if (p->bytes[23] == 17 && p->size >= at + 8)
		bytes_store_u16(p->bytes + at + 6, 0);
	if ((p->bytes[23] == 1 || p->bytes[23] == 2) && p->size >= at + 8 && total > header &&
	    14 + total <= p->size) {
		bytes_store_u16(p->bytes + at + 2, 0);
		bytes_store_u16(p->bytes + at + 2,
		                naive_checksum(p->bytes + at, total - header, 0));
	}
}

/* The client's transaction number, so that DHCP messages get in. */
static void repair_dhcp(struct packet *p)
{
	if (p->size >= 50 && p->bytes[23] == 17 && bytes_load_u16(p->bytes + 36) == 68)
		bytes_store_u32(p->bytes + 46, world.interface->dhcp.xid);
}

static const struct interface_network_config addresses[] = {
	{ .address = 0xc0a80102, .prefix = 24, .arg = -1 },
};
static const struct interface_route_config routes[] = { { 0xc0000000, PEER, -1, -1, 8 } };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes_in in = bytes_in(data, size);
	uint8_t options = bytes_get_u8(&in);
	world_open((struct options){ .dhcp = options & 1,
	                             .ring = 64,
	                             .frames = options & 2 ? 64 : 256,
	                             .addresses = addresses,
	                             .address_count = options & 8 ? 1 : 0,
	                             .routes = routes,
	                             .route_count = options & 8 ? 1 : 0,
	                             .features = AMP_NET_RX_CHECKSUM });
	struct udp_socket *callback = NULL, *queue = NULL;
	udp_open(&callback, NULL, 7, answer, NULL);
	udp_open(&queue, NULL, 9, NULL, NULL);
	udp_hear(queue, NULL);
	if (options & 4)
		udp_join(queue, NULL, 0xef010203);
	while (bytes_left(&in) && !in.failed) {
		struct packet p;
		uint8_t what = bytes_get_u8(&in);
		uint16_t n = bytes_get_u16(&in);
		if (n > bytes_left(&in))
			n = (uint16_t)bytes_left(&in);
		const uint8_t *bytes = bytes_get(&in, n);
		switch (what % 5) {
		case PACKET:
		case REPAIRED:
			p.size = n < 1700 ? n : 1700;
			if (p.size)
				memcpy(p.bytes, bytes, p.size);
			if (what % 5 == REPAIRED) {
				repair(&p);
				repair_dhcp(&p);
			}
			world_receive(&p);
			world_turn();
			break;
		case TIME:
			world_advance(n * 100 * MILLI);
			break;
		case DESCRIPTOR:
			if (n >= sizeof(struct amp_desc)) {
				struct amp_desc desc;
				memcpy(&desc, bytes, sizeof desc);
				world_receive_raw(desc);
				world_turn();
			}
			break;
		case DRAIN:
			while (world_sent(&p)) {
				if (bytes_load_u16(p.bytes + 12) == 0x0800 &&
				    p.bytes[23] != IP4_PROTOCOL_IGMP && !packet_is_right(&p))
					abort();
			}
			world_turn();
			uint8_t to[64];
			udp_receive(queue, to, sizeof to, NULL, NULL, 0);
		}
	}
	udp_close(callback);
	udp_close(queue);
	world_advance(5 * SECOND); /* what is left of the group is told, and gone */
	arp_clear(world.interface);
	fragment_clear(world.interface);
	if (!world_frames_balanced())
		abort();
	world_close();
	return 0;
}
