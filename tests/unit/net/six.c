/* SPDX-License-Identifier: ISC */
#include "six.h"

const uint8_t us6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 },
              new6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 8 },
              peer6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 9 },
              far6[16] = { 0x20, 1, 0xd, 0xb9, [15] = 1 }, router6[16] = { 0xfe, 0x80, [15] = 1 },
              solicited[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 2 },
              prefix6[16] = { 0x20, 1, 0xd, 0xb8, 0, 7 };
static const struct interface_ip6_network_config static_addresses[] = {
	{ .address = { 0x20, 1, 0xd, 0xb8, [15] = 2 }, .prefix = 64, .arg = -1 }
};
const struct interface_ip6_config static_config = { .addresses = static_addresses,
	                                            .address_count = 1 },
                                  auto_config = { .automatic = true, .temporary = true };

uint16_t sum6(const uint8_t *source, const uint8_t *destination, uint8_t next,
              const uint8_t *message, uint32_t size)
{
	uint8_t all[4096] = { 0 };
	memcpy(all, source, 16);
	memcpy(all + 16, destination, 16);
	bytes_store_u32(all + 32, size);
	all[39] = next;
	memcpy(all + 40, message, size);
	return naive_checksum(all, 40 + size, 0);
}

void packet6(struct packet *p, struct spec s, const void *message, uint32_t size, uint32_t sum_at)
{
	uint8_t header[40] = { 0x60 }, copy[4096];
	uint8_t last = s.before_size ? s.last : s.next;
	memcpy(copy, message, size);
	if (sum_at + 2 <= size) {
		memset(copy + sum_at, 0, 2);
		uint16_t sum = sum6(s.source, s.destination, last, copy, size);
		bytes_store_u16(copy + sum_at, (uint16_t)(sum + s.bad_sum));
	}
	packet_start(p, s.to_mac ? s.to_mac : us_mac, s.from_mac ? s.from_mac : peer_mac, 0x86dd);
	bytes_store_u16(header + 4, (uint16_t)(size + s.before_size));
	header[6] = s.next;
	header[7] = s.hops ? s.hops : 64;
	memcpy(header + 8, s.source, 16);
	memcpy(header + 24, s.destination, 16);
	packet_add(p, header, sizeof header);
	packet_add(p, s.before, s.before_size);
	packet_add(p, copy, size);
}

void echo6(struct packet *p, struct spec s, uint32_t size)
{
	uint8_t message[2048] = { 128, 0, 0, 0, 1, 2, 0, 3 };
	for (uint32_t k = 8; k < size; k++)
		message[k] = (uint8_t)k;
	s.source = s.source ? s.source : peer6;
	s.destination = s.destination ? s.destination : us6;
	s.next = s.before_size ? s.next : 58;
	s.last = s.last ? s.last : 58;
	packet6(p, s, message, size, 2);
}

void udp6(struct packet *p, struct spec s, uint16_t port, const char *text)
{
	uint8_t message[600] = { 0x13, 0x88 };
	uint32_t size = 8 + (uint32_t)strlen(text);
	bytes_store_u16(message + 2, port);
	bytes_store_u16(message + 4, (uint16_t)size);
	memcpy(message + 8, text, size - 8);
	s.source = s.source ? s.source : peer6;
	s.destination = s.destination ? s.destination : us6;
	s.next = 17;
	packet6(p, s, message, size, 6);
}

struct net_address of(const uint8_t a[16])
{
	struct net_address address;
	memcpy(address.bytes, a, 16);
	return address;
}

const uint8_t *body(const struct packet *p)
{
	return p->bytes + 54;
}

bool right6(const struct packet *p)
{
	const uint8_t *h = p->bytes + 14;
	uint32_t size = bytes_load_u16(h + 4);
	uint8_t next = h[6];
	if (bytes_load_u16(p->bytes + 12) != 0x86dd || h[0] >> 4 != 6 || p->size != size + 54)
		return false;
	if (next == 44)
		return true;
	const uint8_t *m = body(p);
	if (next == 0) {
		next = m[0];
		m += 8;
		size -= 8;
	}
	return sum6(h + 8, h + 24, next, m, size) == 0;
}

void neighbour6(struct packet *p, uint8_t type, uint8_t flags, const uint8_t *source,
                const uint8_t *destination, const uint8_t *target, const uint8_t *mac)
{
	uint8_t m[32] = { type, [4] = flags };
	memcpy(m + 8, target, 16);
	m[24] = type == 135 ? 1 : 2;
	m[25] = 1;
	if (mac)
		memcpy(m + 26, mac, 6);
	packet6(p,
	        (struct spec){ .source = source,
	                       .destination = destination,
	                       .to_mac = destination[0] == 0xff
	                                         ? (const uint8_t[]){ 0x33, 0x33, destination[12],
	                                                              destination[13],
	                                                              destination[14],
	                                                              destination[15] }
	                                         : us_mac,
	                       .next = 58,
	                       .hops = 255 },
	        m, mac ? 32 : 24, 2);
}

bool answer6(void)
{
	struct packet out, in;
	bool any = false;
	while (world_sent(&out)) {
		if (out.bytes[20] != 58 || body(&out)[0] != 135)
			continue;
		neighbour6(&in, 136, 0x60, body(&out) + 8, out.bytes + 22, body(&out) + 8,
		           peer_mac);
		any |= world_receive(&in);
	}
	world_turn();
	return any;
}

void greet(void)
{
	struct packet in;
	neighbour6(&in, 135, 0, peer6, solicited, us6, peer_mac);
	world_receive(&in);
	world_drain();
}

uint32_t advertisement(uint8_t m[512], uint16_t lifetime)
{
	memset(m, 0, 512);
	m[0] = 134;
	m[4] = 64;
	bytes_store_u16(m + 6, lifetime);
	return 16;
}

uint32_t add_prefix(uint8_t *m, uint32_t at, const uint8_t prefix[16], uint32_t valid,
                    uint32_t preferred)
{
	m[at] = 3;
	m[at + 1] = 4;
	m[at + 2] = 64;
	m[at + 3] = 0xc0;
	bytes_store_u32(m + at + 4, valid);
	bytes_store_u32(m + at + 8, preferred);
	memcpy(m + at + 16, prefix, 16);
	return at + 32;
}

void advertise(const uint8_t *m, uint32_t size)
{
	struct packet in;
	packet6(&in,
	        (struct spec){ .source = router6,
	                       .destination = ip6_all_nodes,
	                       .to_mac = (const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 },
	                       .from_mac = gateway_mac,
	                       .next = 58,
	                       .hops = 255 },
	        m, size, 2);
	if (!world_receive(&in))
		abort();
	world_turn();
}

uint32_t addresses(void)
{
	uint32_t n = 0;
	while (!net_address_none(interface_ip6_at(world.interface, n)))
		n++;
	return n;
}
