/* SPDX-License-Identifier: ISC */
/* Multicast reception: UDP sockets in groups, and IGMP (RFC 3376, RFC 2236) as routers see it. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <core/error.h>
#include <net/igmp.h>

#define GROUP 0xef010203u /* 239.1.2.3, 01:00:5e:01:02:03 */

static const uint8_t group_mac[6] = { 1, 0, 0x5e, 1, 2, 3 };
static struct udp_socket *member, *other;
static uint32_t calls;

static void echo(void *context, struct udp_packet *p)
{
	(void)context;
	calls++;
	udp_reply(p, p->size);
}

static int setup(void **state)
{
	(void)state;
	world_open((struct options){ 0 });
	calls = 0;
	return udp_open(&member, NULL, 7, echo, NULL) || udp_open(&other, NULL, 9, echo, NULL);
}

static int teardown(void **state)
{
	(void)state;
	udp_close(member); /* leaves, and has it told */
	udp_close(other);
	world_advance(300 * SECOND);
	arp_clear(world.interface);
	bool balanced = world_frames_balanced();
	world_close();
	return balanced ? 0 : -1;
}

struct message {
	uint32_t to, group;
	uint8_t type, record; /* record: of version 3 */
};

/* The next IGMP message that came out; false: none. */
static bool told(struct message *m)
{
	struct packet out;
	world_turn();
	do {
		if (!world_sent(&out))
			return false;
	} while (ip_of(&out)->protocol != 2);
	const uint8_t *at = out.bytes + 14;
	uint32_t size = out.size - 14;
	assert_int_equal(at[0], 0x46); /* RFC 3376 §4: TTL 1, Router Alert, TOS 0xc0 */
	assert_int_equal(at[1], 0xc0);
	assert_int_equal(at[8], 1);
	assert_memory_equal(at + 20, "\x94\x04\0\0", 4);
	assert_int_equal(bytes_load_u16(at + 2), size);
	assert_int_equal(naive_checksum(at, 24, 0), 0);
	assert_int_equal(naive_checksum(at + 24, size - 24, 0), 0);
	*m = (struct message){ .to = bytes_load_u32(at + 16), .type = at[24] };
	uint8_t mac[6] = { 1, 0, 0x5e, at[17] & 0x7f, at[18], at[19] };
	assert_memory_equal(out.bytes, mac, 6);
	if (m->type == 0x22) {
		assert_int_equal(size, 40);
		assert_int_equal(bytes_load_u16(at + 30), 1);
		m->record = at[32];
		m->group = bytes_load_u32(at + 36);
		assert_int_equal(bytes_load_u16(at + 34), 0);
	} else {
		assert_int_equal(size, 32);
		m->group = bytes_load_u32(at + 28);
	}
	return true;
}

static void tells(uint32_t to, uint8_t type, uint8_t record)
{
	struct message m;
	assert_true(told(&m));
	assert_int_equal(m.to, to);
	assert_int_equal(m.type, type);
	assert_int_equal(m.record, record);
	assert_int_equal(m.group, GROUP);
}

static void tells_nothing(void)
{
	struct message m;
	assert_false(told(&m));
}

static struct packet query(uint32_t group, uint8_t code, uint32_t size, uint8_t type)
{
	struct packet p;
	uint8_t message[12] = { type, code };
	uint32_t to = group ? group : IGMP_ALL_SYSTEMS;
	uint8_t mac[6] = { 1, 0, 0x5e, to >> 16 & 0x7f, to >> 8 & 255, to & 255 };
	bytes_store_u32(message + 4, group);
	bytes_store_u16(message + 2, naive_checksum(message, size, 0));
	packet_start(&p, mac, gateway_mac, 0x0800);
	packet_ip(&p,
	          (struct ip_spec){ .source = GATEWAY,
	                            .destination = to,
	                            .protocol = 2,
	                            .options = "\x94\x04\0\0",
	                            .options_size = 4 },
	          message, size);
	return p;
}

static void ask(uint32_t group, uint8_t code, uint32_t size)
{
	struct packet p = query(group, code, size, 0x11);
	assert_true(world_receive(&p));
	world_turn();
}

static struct packet to_group(uint32_t group, const uint8_t *mac, uint16_t port)
{
	struct packet p;
	packet_udp(&p, PEER, group, 5000, port, "x", 1);
	memcpy(p.bytes, mac, 6);
	return p;
}

static void a_socket_receives_what_its_groups_get(void **state)
{
	(void)state;
	struct packet in = to_group(GROUP, group_mac, 7), out;
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_OTHER_MAC), 1); /* nobody has joined */
	assert_int_equal(udp_join(member, NULL, GROUP), 0);
	assert_int_equal(udp_join(member, world.interface, GROUP), ERR_EXISTS);
	assert_int_equal(udp_join(member, NULL, PEER), ERR_INVALID);
	world_drain();
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	assert_int_equal(bytes_load_u32(ip_of(&out)->source), US); /* a group is no source */
	assert_int_equal(bytes_load_u32(ip_of(&out)->destination), PEER);
	assert_memory_equal(ethernet_of(&out)->destination, peer_mac, 6);
	in = to_group(GROUP, group_mac, 9); /* the other socket has not joined */
	assert_false(world_exchange(&in, &out));
	in = to_group(GROUP, group_mac, 4711); /* and nobody hears of closed ports */
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_NO_PORT), 2);
	in = to_group(GROUP + 0x01000000, group_mac, 7); /* another group of the same MAC address */
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_OTHER_ADDRESS), 1);
	in = to_group(GROUP, (const uint8_t[]){ 1, 0, 0x5e, 1, 2, 4 }, 7);
	assert_false(world_exchange(&in, &out));
	packet_echo(&in, PEER, GROUP, 1, 8);
	memcpy(in.bytes, group_mac, 6);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(calls, 1);
	assert_int_equal(udp_leave(member, NULL, GROUP + 1), ERR_ABSENT);
	assert_int_equal(udp_leave(member, NULL, GROUP), 0);
	world_drain();
	in = to_group(GROUP, group_mac, 7);
	assert_false(world_exchange(&in, &out));
}

static void joining_and_leaving_are_told_twice(void **state)
{
	(void)state;
	assert_int_equal(udp_join(member, NULL, GROUP), 0);
	tells(IGMP_V3_ROUTERS, 0x22, 4);
	assert_int_equal(udp_join(other, NULL, GROUP), 0); /* already said */
	tells_nothing();
	world_advance(SECOND);
	tells(IGMP_V3_ROUTERS, 0x22, 4);
	world_advance(100 * SECOND);
	tells_nothing();
	udp_leave(member, NULL, GROUP);
	tells_nothing();
	udp_close(other);
	assert_int_equal(udp_open(&other, NULL, 9, echo, NULL), 0);
	tells(IGMP_V3_ROUTERS, 0x22, 3);
	world_advance(SECOND);
	tells(IGMP_V3_ROUTERS, 0x22, 3);
	world_advance(100 * SECOND);
	tells_nothing();
	assert_int_equal(udp_join(member, NULL, IGMP_ALL_SYSTEMS), 0); /* RFC 3376 §6: never told */
	world_advance(100 * SECOND);
	tells_nothing();
}

static void queries_are_answered_in_their_time(void **state)
{
	(void)state;
	const struct {
		uint8_t code;
		uint64_t ns;
	} cases[] = { { 100, 10 * SECOND },
		      { 1, 100 * MILLI },
		      { 0x80, 12800 * MILLI },
		      { 0x9f, 49600 * MILLI } };
	udp_join(member, NULL, GROUP);
	world_advance(2 * SECOND);
	world_drain();
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		ask(k % 2 ? GROUP : 0, cases[k].code, 12);
		ask(0, cases[k].code, 12); /* one answer is enough */
		world_advance(cases[k].ns + MILLI);
		tells(IGMP_V3_ROUTERS, 0x22, 2);
		tells_nothing();
	}
	ask(GROUP + 1, 10, 12);
	struct packet p = query(0, 10, 12, 0x11), out;
	p.bytes[14 + 24 + 9] ^= 1;
	assert_false(world_exchange(&p, &out));
	assert_int_equal(count(COUNT_RX_BAD_CHECKSUM), 1);
	p = query(0, 10, 7, 0x11);
	assert_false(world_exchange(&p, &out));
	assert_int_equal(count(COUNT_RX_SHORT), 1);
	world_advance(10 * SECOND);
	tells_nothing();
}

/* Regression: the answer was left to the change, which is no answer (RFC 3376 §5.2). */
static void a_query_is_answered_though_a_change_is_still_to_be_told(void **state)
{
	(void)state;
	udp_join(member, NULL, GROUP);
	tells(IGMP_V3_ROUTERS, 0x22, 4);
	ask(0, 1, 12);
	world_advance(2 * SECOND);
	struct packet p;
	uint32_t answers = 0, changes = 0;
	while (world_sent(&p)) {
		answers += p.bytes[14 + 24 + 8] == 2;
		changes += p.bytes[14 + 24 + 8] == 4;
	}
	assert_int_equal(answers, 1);
	assert_int_equal(changes, 1);
}

static void a_router_of_version_2_is_talked_to_in_it(void **state)
{
	(void)state;
	udp_join(member, NULL, GROUP);
	world_advance(2 * SECOND);
	world_drain();
	ask(0, 100, 8);
	world_advance(10 * SECOND + MILLI);
	tells(GROUP, 0x16, 0);
	ask(0, 100, 8);
	struct packet p = query(GROUP, 0, 8, 0x16), out; /* another member was first: RFC 2236 §3 */
	memcpy(p.bytes + 6, peer_mac, 6);
	world_exchange(&p, &out);
	world_advance(11 * SECOND);
	tells_nothing();
	udp_leave(member, NULL, GROUP);
	tells(IGMP_ALL_ROUTERS, 0x17, 0);
	world_advance(IGMP_OLDER_NS);
	world_drain();
	udp_join(member, NULL, GROUP); /* it has not asked for long */
	tells(IGMP_V3_ROUTERS, 0x22, 4);
}

static void a_new_address_tells_its_groups(void **state)
{
	(void)state;
	struct packet out;
	udp_join(member, NULL, GROUP);
	world_advance(2 * SECOND);
	world_drain();
	interface_set_address(world.interface, US + 5, 24, GATEWAY);
	world_advance(2 * SECOND);
	uint32_t reports = 0;
	while (world_sent(&out)) {
		if (ip_of(&out)->protocol == 2 &&
		    bytes_load_u16(ethernet_of(&out)->type) == 0x0800) {
			assert_int_equal(bytes_load_u32(ip_of(&out)->source), US + 5);
			reports++;
		}
	}
	assert_int_equal(reports, IGMP_ROBUSTNESS);
	world.memory_fails = true;
	assert_int_equal(udp_join(other, NULL, GROUP), ERR_MEMORY);
	assert_int_equal(udp_join(other, NULL, GROUP + 1), ERR_MEMORY);
	world.memory_fails = false;
}

#define TEST(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_socket_receives_what_its_groups_get),
		TEST(joining_and_leaving_are_told_twice),
		TEST(queries_are_answered_in_their_time),
		TEST(a_query_is_answered_though_a_change_is_still_to_be_told),
		TEST(a_router_of_version_2_is_talked_to_in_it),
		TEST(a_new_address_tells_its_groups),
	};
	return cmocka_run_group_tests_name("net igmp", tests, NULL, NULL);
}
