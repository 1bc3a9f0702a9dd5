/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes IPv6's ways in. An input is a byte of options (1: as routers say, 2: few frames, 4: static address, 8: TCP listens)
 * and records: what to do, a size of two bytes, and so many bytes. A repaired packet gets our MAC address, a
 * destination of ours, its length, hop limit 255 and the checksum of its ICMPv6, UDP or TCP. After each input the world
 * is closed, which fails if a frame, memory or the number of an address was lost.
 */
#include "world.h"

#include <net/ip6/internal.h>
#include <net/tcp/internal.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { PACKET, REPAIRED, TIME, SEND, DRAIN };

static void answer(void *context, struct udp_packet *p)
{
	(void)context;
	udp_reply(p, p->room < 2 * p->size ? p->room : 2 * p->size);
}

static void sum(struct packet *p)
{
	uint8_t all[4096] = { 0 }, next = p->bytes[20];
	uint32_t size = p->size - 54, at = next == 58 ? 2 : next == 17 ? 6 : next == 6 ? 16 : 0;
	if (!at || at + 2 > size)
		return;
	if (next == 17)
		bytes_store_u16(p->bytes + 54 + 4, (uint16_t)size);
	memcpy(all, p->bytes + 22, 32);
	bytes_store_u32(all + 32, size);
	all[39] = next;
	bytes_store_u16(p->bytes + 54 + at, 0);
	memcpy(all + 40, p->bytes + 54, size);
	bytes_store_u16(p->bytes + 54 + at, naive_checksum(all, 40 + size, 0));
}

static void repair(struct packet *p)
{
	static const uint8_t all_nodes[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	if (p->size < 54)
		return;
	uint32_t which = p->bytes[1] % 4;
	struct net_address to = interface_ip6_at(world.interface, which);
	bool group = p->bytes[0] & 1;
	memcpy(p->bytes, group ? all_nodes : us_mac, 6);
	memcpy(p->bytes + 6, peer_mac, 6);
	bytes_store_u16(p->bytes + 12, 0x86dd);
	p->bytes[14] = (uint8_t)(0x60 | (p->bytes[14] & 15));
	bytes_store_u16(p->bytes + 18, (uint16_t)(p->size - 54));
	if (p->bytes[21] & 1)
		p->bytes[21] = 255;
	if (group)
		memcpy(p->bytes + 38, ip6_all_nodes, 16);
	else if (!net_address_none(to))
		memcpy(p->bytes + 38, to.bytes, 16);
	if (p->bytes[22] & 1) /* from the link */
		memcpy(p->bytes + 22, (uint8_t[8]){ 0xfe, 0x80 }, 8);
	sum(p);
}

static const struct interface_ip6_network_config addresses[] = {
	{ .address = { 0x20, 1, 0xd, 0xb8, [15] = 2 }, .prefix = 64, .arg = -1 }
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes_in in = bytes_in(data, size);
	uint8_t options = bytes_get_u8(&in);
	struct interface_ip6_config six = { .automatic = options & 1,
		                            .temporary = options & 1,
		                            .addresses = addresses,
		                            .address_count = options & 4 ? 1 : 0 };
	world_open((struct options){ .ip6 = &six,
	                             .no_ip4 = true,
	                             .ring = 64,
	                             .frames = options & 2 ? 64 : 256,
	                             .keep_announcements = true });
	struct udp_socket *callback = NULL, *queue = NULL;
	struct tcp_listener *listener = NULL;
	udp_open(&callback, NULL, 7, answer, NULL);
	udp_open(&queue, NULL, 9, NULL, NULL);
	udp_hear(queue, NULL);
	if (options & 8)
		tcp_listen(&listener, NULL, 80, NULL);
	while (bytes_left(&in) && !in.failed) {
		struct packet p;
		uint8_t what = bytes_get_u8(&in);
		uint16_t n = bytes_get_u16(&in);
		if (n > bytes_left(&in))
			n = (uint16_t)bytes_left(&in);
		const uint8_t *bytes = bytes_get(&in, n);
		struct net_address to = { .bytes = { 0x20, 1, 0xd, 0xb8 } };
		switch (what % 5) {
		case PACKET:
		case REPAIRED:
			p.size = n < 1700 ? n : 1700;
			if (p.size)
				memcpy(p.bytes, bytes, p.size);
			if (what % 5 == REPAIRED)
				repair(&p);
			world_receive(&p);
			world_turn();
			break;
		case TIME:
			world_advance(n * 100 * MILLI);
			break;
		case SEND:
			if (n)
				memcpy(to.bytes + 16 - (n < 16 ? n : 16), bytes, n < 16 ? n : 16);
			if (bytes)
				udp_send(queue, to, 9, bytes, n);
			world_turn();
			break;
		case DRAIN:
			while (world_sent(&p))
				;
			world_turn();
			uint8_t got[64];
			udp_receive(queue, got, sizeof got, NULL, NULL, 0);
		}
	}
	if (listener)
		tcp_listener_close(listener);
	tcp_stop();
	udp_close(callback);
	udp_close(queue);
	world_drain();
	/* Parts of a packet that expire are told of to their sender, whose address is asked for, in turn. */
	fragment_clear(world.interface);
	/* A packet is kept while its neighbour is asked for: three times, as far apart as a router may say. */
	world_advance((3 * IP6_RETRANSMIT_MAX + 1000) * MILLI);
	world_drain();
	if (!world_frames_balanced())
		abort();
	world_close();
	return 0;
}
