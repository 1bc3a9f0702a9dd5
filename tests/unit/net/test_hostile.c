/* SPDX-License-Identifier: ISC */
/*
 * Hostile traffic in bulk: packets of every kind, mutated and with their checksums repaired, while
 * the device stalls, memory runs out and time goes by. Whatever they are, all frames and all memory
 * come back, and service goes on. Random, but the same in each run.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <core/random.h>

#define PACKETS 1000000u /* of the mutated ones, in all */

static struct udp_socket *echo_socket, *queue_socket;

static void echo(void *context, struct udp_packet *p)
{
	(void)context;
	uint32_t size = random_below(3) ? p->size : p->room;
	udp_reply(p, size < 3000 ? size : 3000);
}

static void dhcp_message(struct packet *p)
{
	static const uint8_t types[] = { 2, 5, 6, 1, 3 };
	uint8_t m[400] = { 2, 1, 6, 0 };
	bytes_store_u32(m + 4, world.interface->dhcp.xid);
	bytes_store_u32(m + 16, US + random_below(3));
	memcpy(m + 28, us_mac, 6);
	bytes_store_u32(m + 236, 0x63825363);
	uint8_t options[] = { 53,  1,   types[random_below(5)],
		              54,  4,   10,
		              0,   0,   1,
		              51,  4,   0,
		              0,   0,   (uint8_t)random_below(4),
		              1,   4,   255,
		              255, 255, 0,
		              3,   4,   10,
		              0,   0,   1,
		              58,  4,   0,
		              0,   0,   1,
		              26,  2,   2,
		              68,  52,  1,
		              3,   255 };
	if (!random_below(4))
		memset(options + 11, 255, 4);
	memcpy(m + 240, options, sizeof options);
	packet_udp(p, GATEWAY, random_below(2) ? UINT32_MAX : US, 67, 68, m, 300);
}

static uint32_t some_address(void)
{
	static const uint32_t all[] = { PEER, GATEWAY, FAR, US, SUBNET, 0, 0x7f000001, UINT32_MAX };
	return random_below(4) ? PEER + random_below(300) : all[random_below(8)];
}

/* A packet as it should be. */
static void draw(struct packet *p)
{
	uint8_t payload[1400], message[1500];
	uint32_t size = random_below(8) ? random_below(64) : random_below(1400);
	static const uint16_t ports[] = { 7, 9, 68, 53, 0 };
	static const uint8_t lsrr[] = { 131, 7, 4, 10, 0, 0, 9, 0 };
	for (uint32_t k = 0; k < size; k++)
		payload[k] = (uint8_t)random_u32();
	switch (random_below(8)) {
	case 0:
		packet_arp(p, 1 + (uint16_t)random_below(2), random_below(8) ? peer_mac : other_mac,
		           some_address(), random_below(2) ? US : some_address());
		break;
	case 1:
		packet_echo(p, some_address(), random_below(8) ? US : SUBNET, 1, size);
		break;
	case 2:
		dhcp_message(p);
		break;
	case 3:
	case 4: { /* a fragment of one of a few datagrams */
		uint32_t source = PEER + random_below(90), n = 8 * (1 + size / 8);
		uint32_t at = random_below(4) ? random_below(4) * n / 8 : random_below(0x2000);
		message_udp(message, source, US, 5000, 7, payload, n < 1400 ? n - 8 : 0);
		packet_start(p, us_mac, peer_mac, 0x0800);
		packet_ip(p,
		          (struct ip_spec){
		                  .source = source,
		                  .protocol = random_below(8) ? 17 : 1,
		                  .id = (uint16_t)random_below(4),
		                  .fragment = (uint16_t)(at | (random_below(3) ? IP4_MF : 0)) },
		          message, n < 1400 ? n : 1400);
		break;
	}
	case 5:
		packet_start(p, us_mac, peer_mac, 0x0800);
		packet_ip(p,
		          (struct ip_spec){ .protocol = (uint8_t)random_u32(),
		                            .options = lsrr,
		                            .options_size = random_below(2) ? 8 : 0 },
		          payload, size);
		break;
	default:
		packet_udp(p, some_address(), US, random_below(8) ? 5000 : 0,
		           ports[random_below(5)], payload, size);
	}
}

static void mutate(struct packet *p)
{
	for (uint32_t n = random_below(4); n--;) {
		uint32_t at = random_below(2) ? random_below(p->size < 60 ? p->size : 60)
		                              : random_below(p->size);
		p->bytes[at] = random_below(2) ? (uint8_t)random_u32()
		                               : p->bytes[at] ^ (uint8_t)(1u << random_below(8));
	}
	if (!random_below(16))
		p->size = 1 + random_below(p->size);
	if (!random_below(16) && p->size < 1500)
		p->size += random_below(64); /* what was there before: padding */
	/* Most get a header checksum that is right, and no checksum for UDP. */
	uint32_t header = p->size > 34 ? (p->bytes[14] & 15u) * 4 : 0;
	if (header >= 20 && 14 + header <= p->size && random_below(8)) {
		memset(p->bytes + 24, 0, 2);
		bytes_store_u16(p->bytes + 24, naive_checksum(p->bytes + 14, header, 0));
		if (p->bytes[23] == 17 && p->size >= 14 + header + 8 && random_below(2))
			memset(p->bytes + 14 + header + 6, 0, 2);
	}
}

static void queue_read(void)
{
	uint8_t to[100];
	while (udp_receive(queue_socket, to, sizeof to, NULL, NULL, 0) >= 0)
		;
}

static void attack(struct options o, uint32_t packets)
{
	struct packet p = { 0 };
	uint32_t lost = 0;
	world_open(o);
	assert_int_equal(udp_open(&echo_socket, NULL, 7, echo, NULL), 0);
	assert_int_equal(udp_open(&queue_socket, NULL, 9, NULL, NULL), 0);
	for (uint32_t k = 0; k < packets; k++) {
		draw(&p);
		mutate(&p);
		lost += !world_receive(&p);
		if (random_below(4))
			continue;
		world.hold_tx = !random_below(8);
		world.memory_fails = !random_below(8);
		switch (random_below(64)) {
		case 0:
			world_advance(random_below(40) * SECOND);
			break;
		case 1:
			world_receive_raw((struct amp_desc){ .addr = random_u32(),
			                                     .len = random_u32(),
			                                     .options = random_below(4) });
			break;
		case 2:
			queue_read();
			break;
		}
		if (random_below(2))
			world_turn();
		else
			world_drain();
	}
	world.hold_tx = world.memory_fails = false;
	assert_true(lost < packets / 2); /* else this tested little */

	/* Nothing is held for longer than its time, and all of it serves again. */
	world_drain();
	world_advance(120 * SECOND);
	assert_true(world_frames_balanced());
	if (!o.dhcp) {
		struct packet out;
		packet_echo(&p, PEER, US, 1, 100);
		assert_true(world_exchange(&p, &out) && packet_is_right(&out));
	}
	udp_close(echo_socket);
	udp_close(queue_socket);
	world_close();
}

static void mutated_packets_lose_no_frame(void **state)
{
	(void)state;
	attack((struct options){ .frames = 256, .ring = 256 }, PACKETS / 2);
	attack((struct options){ .frames = 128,
	                         .ring = 256,
	                         .concurrent = true,
	                         .features = AMP_NET_RX_CHECKSUM },
	       PACKETS / 4);
}

static void mutated_packets_lose_no_frame_of_the_fewest(void **state)
{
	(void)state;
	attack((struct options){ .frames = 64, .ring = 256 }, PACKETS / 8);
}

static void mutated_packets_lose_no_frame_of_a_dhcp_client(void **state)
{
	(void)state;
	attack((struct options){ .frames = 256, .ring = 256, .dhcp = true }, PACKETS / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutated_packets_lose_no_frame),
		cmocka_unit_test(mutated_packets_lose_no_frame_of_the_fewest),
		cmocka_unit_test(mutated_packets_lose_no_frame_of_a_dhcp_client),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
