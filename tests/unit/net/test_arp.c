/* SPDX-License-Identifier: ISC */
/* ARP: resolution (RFC 826, RFC 1122 §2.3.2), announcing and defending (RFC 5227). */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <core/error.h>

static struct udp_socket *socket_;

static void ignore(void *context, struct udp_packet *p)
{
	(void)context;
	(void)p;
}

static int setup(void **state)
{
	(void)state;
	world_open((struct options){ 0 });
	return udp_open(&socket_, NULL, 7, ignore, NULL);
}

static int teardown(void **state)
{
	(void)state;
	arp_clear(world.interface);
	bool balanced = world_frames_balanced();
	udp_close(socket_);
	world_close();
	return balanced ? 0 : -1;
}

static int send_to(uint32_t address)
{
	int result = udp_send(socket_, net_ip4(address), 9, "x", 1);
	world_turn();
	return result;
}

static bool is_request_for(const struct packet *p, uint32_t address)
{
	return p->size == 42 && bytes_load_u16(ethernet_of(p)->type) == 0x0806 &&
	       bytes_load_u16(arp_of(p)->operation) == 1 &&
	       bytes_load_u32(arp_of(p)->target_address) == address &&
	       memcmp(arp_of(p)->sender_mac, us_mac, 6) == 0;
}

static bool sent_request_for(uint32_t address)
{
	struct packet out;
	return world_sent(&out) && is_request_for(&out, address);
}

static void answers_requests_for_its_address(void **state)
{
	(void)state;
	struct packet in, out;
	packet_arp(&in, 1, peer_mac, PEER, US);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(out.size, 42);
	assert_memory_equal(ethernet_of(&out)->destination, peer_mac, 6);
	assert_memory_equal(ethernet_of(&out)->source, us_mac, 6);
	assert_int_equal(bytes_load_u16(arp_of(&out)->operation), 2);
	assert_memory_equal(arp_of(&out)->sender_mac, us_mac, 6);
	assert_int_equal(bytes_load_u32(arp_of(&out)->sender_address), US);
	assert_memory_equal(arp_of(&out)->target_mac, peer_mac, 6);
	assert_int_equal(bytes_load_u32(arp_of(&out)->target_address), PEER);
	packet_arp(&in, 1, peer_mac, PEER, PEER + 1);
	assert_false(world_exchange(&in, &out));
}

static void answers_probes_too(void **state)
{
	(void)state;
	struct packet in, out;
	packet_arp(&in, 1, peer_mac, 0, US); /* RFC 5227 §2.1.1 */
	assert_true(world_exchange(&in, &out));
	assert_int_equal(bytes_load_u16(arp_of(&out)->operation), 2);
	assert_int_equal(bytes_load_u32(arp_of(&out)->target_address), 0);
	assert_null(arp_known(world.interface, 0));
}

static void probes_then_announces_twice_at_start(void **state)
{
	(void)state;
	struct packet out;
	udp_close(socket_);
	world_close();
	world_open((struct options){ .keep_announcements = true });
	assert_true(world_sent(&out));
	assert_true(is_request_for(&out, US));
	assert_int_equal(bytes_load_u32(arp_of(&out)->sender_address), 0);
	for (int k = 0; k < 2; k++) { /* RFC 5227 §2.3 */
		assert_true(world_sent(&out));
		assert_true(is_request_for(&out, US));
		assert_memory_equal(ethernet_of(&out)->destination, all_mac, 6);
		assert_int_equal(bytes_load_u32(arp_of(&out)->sender_address), US);
		assert_false(world_sent(&out));
		world_advance(2 * SECOND);
	}
	world_advance(100 * SECOND);
	assert_false(world_sent(&out));
	assert_int_equal(udp_open(&socket_, NULL, 7, ignore, NULL), 0);
}

static void a_moved_clone_says_where_its_address_is_now(void **state)
{
	(void)state;
	static const uint8_t new_mac[6] = { 2, 0, 0, 0, 0, 0x77 };
	struct packet in, out;
	bool announced = false;
	packet_arp(&in, 1, peer_mac, PEER, US);
	world_exchange(&in, &out);
	world_move(new_mac);
	assert_int_equal(interface_address(world.interface), US);
	assert_null(arp_known(world.interface, PEER)); /* it may be elsewhere, too */
	while (world_sent(&out)) {
		assert_memory_equal(ethernet_of(&out)->source, new_mac, 6);
		announced |= bytes_load_u16(arp_of(&out)->operation) == 1 &&
		             bytes_load_u32(arp_of(&out)->target_address) == US &&
		             bytes_load_u32(arp_of(&out)->sender_address) == US &&
		             !memcmp(arp_of(&out)->sender_mac, new_mac, 6) &&
		             !memcmp(ethernet_of(&out)->destination, all_mac, 6);
	}
	assert_true(announced);
}

static void learns_who_asks_for_it(void **state)
{
	(void)state;
	struct packet in, out;
	packet_arp(&in, 1, peer_mac, PEER, US);
	world_exchange(&in, &out);
	assert_memory_equal(arp_known(world.interface, PEER), peer_mac, 6);
	assert_int_equal(send_to(PEER), 0);
	assert_true(world_sent(&out));
	assert_memory_equal(ethernet_of(&out)->destination, peer_mac, 6);
}

static void answers_that_nobody_asked_for_teach_nothing(void **state)
{
	(void)state;
	struct packet in, out;
	packet_arp(&in, 2, other_mac, PEER, US);
	assert_false(world_exchange(&in, &out));
	packet_arp(&in, 1, other_mac, PEER, PEER); /* nor do announcements of strangers */
	assert_false(world_exchange(&in, &out));
	assert_null(arp_known(world.interface, PEER));
}

static void of_two_answers_the_first_counts(void **state)
{
	(void)state;
	struct packet in, out;
	send_to(PEER);
	world_drain();
	packet_arp(&in, 2, peer_mac, PEER, US);
	assert_true(world_exchange(&in, &out));
	packet_arp(&in, 2, other_mac, PEER, US);
	world_exchange(&in, &out);
	assert_memory_equal(arp_known(world.interface, PEER), peer_mac, 6);
	/* Later, a neighbour may announce that it has moved (RFC 826's merge; fail-over) */
	world_advance(5 * SECOND);
	packet_arp(&in, 1, other_mac, PEER, PEER);
	world_exchange(&in, &out);
	assert_memory_equal(arp_known(world.interface, PEER), other_mac, 6);
}

static void asks_three_times_and_gives_up(void **state)
{
	(void)state;
	struct packet out;
	assert_int_equal(send_to(PEER), 0);
	assert_true(sent_request_for(PEER));
	world_advance(SECOND - MILLI);
	assert_false(world_sent(&out));
	world_advance(2 * MILLI);
	assert_true(sent_request_for(PEER)); /* after 1 s */
	world_advance(SECOND);
	assert_true(sent_request_for(PEER));
	assert_int_equal(count(COUNT_TX_UNRESOLVED), 0);
	world_advance(SECOND);
	assert_false(world_sent(&out));
	assert_int_equal(count(COUNT_TX_UNRESOLVED), 1);
	assert_int_equal(send_to(PEER), ERR_UNREACHABLE);
	assert_false(world_sent(&out));
	world_advance(4 * SECOND); /* then there is another chance */
	assert_int_equal(send_to(PEER), 0);
	assert_true(sent_request_for(PEER));
}

static void keeps_the_latest_frames_while_it_asks(void **state)
{
	(void)state;
	struct packet in, out;
	for (uint8_t k = 0; k < ARP_QUEUE_MAX + 3; k++)
		assert_int_equal(udp_send(socket_, net_ip4(PEER), 9, &k, 1), 0);
	world_turn();
	assert_true(sent_request_for(PEER)); /* one, not one for each */
	assert_false(world_sent(&out));
	assert_int_equal(count(COUNT_TX_UNRESOLVED), 3);
	packet_arp(&in, 2, peer_mac, PEER, US);
	world_receive(&in);
	world_turn();
	for (uint8_t k = 0; k < ARP_QUEUE_MAX; k++) {
		assert_true(world_sent(&out));
		assert_true(packet_is_right(&out));
		assert_int_equal(out.bytes[42],
		                 k + 3); /* RFC 1122 §2.3.2.2: in order, the latest */
	}
	assert_false(world_sent(&out));
}

static void frames_that_wait_are_bounded_over_all_neighbours(void **state)
{
	(void)state;
	for (uint32_t k = 10; k < 200; k++)
		send_to(US + k);
	assert_int_equal(world.interface->arp.queued, ARP_QUEUE_TOTAL_MAX);
	assert_int_equal(count(COUNT_TX_UNRESOLVED), 190 - ARP_QUEUE_TOTAL_MAX);
	world_advance(60 * SECOND);
	assert_int_equal(world.interface->arp.queued, 0);
	assert_int_equal(count(COUNT_TX_UNRESOLVED), 190);
}

static void old_entries_are_checked_when_used(void **state)
{
	(void)state;
	struct packet in, out;
	packet_arp(&in, 1, peer_mac, PEER, US);
	world_exchange(&in, &out);
	world_advance(61 * SECOND);
	assert_false(world_sent(&out)); /* not before it is used */
	assert_int_equal(send_to(PEER), 0);
	assert_true(world_sent(&out));
	assert_true(is_request_for(&out, PEER)); /* RFC 1122 §2.3.2.1(2): a unicast poll */
	assert_memory_equal(ethernet_of(&out)->destination, peer_mac, 6);
	assert_true(world_sent(&out));
	assert_true(packet_is_right(&out)); /* and the packet goes meanwhile */
	packet_arp(&in, 2, peer_mac, PEER, US);
	world_receive(&in);
	world_advance(30 * SECOND);
	assert_int_equal(send_to(PEER), 0);
	assert_true(world_sent(&out));
	assert_true(packet_is_right(&out));
	assert_false(world_sent(&out));
}

static void a_neighbour_that_has_gone_is_forgotten(void **state)
{
	(void)state;
	struct packet in, out;
	packet_arp(&in, 1, peer_mac, PEER, US);
	world_exchange(&in, &out);
	world_advance(61 * SECOND);
	send_to(PEER);
	world_drain();
	world_advance(3 * SECOND);
	assert_null(arp_known(world.interface, PEER)); /* asks everybody now */
	world_drain();
	world_advance(SECOND);
	assert_true(world_sent(&out));
	assert_memory_equal(ethernet_of(&out)->destination, all_mac, 6);
	world_advance(60 * SECOND);
	assert_int_equal(list_empty(&world.interface->arp.age), 1);
}

static void a_storm_of_requests_does_not_push_out_who_is_talked_to(void **state)
{
	(void)state;
	struct packet in, out;
	packet_arp(&in, 1, peer_mac, PEER, US);
	world_exchange(&in, &out);
	send_to(PEER);
	world_drain();
	udp_close(socket_);
	world_close();
	world_open((struct options){ .prefix = 8 });
	assert_int_equal(udp_open(&socket_, NULL, 7, ignore, NULL), 0);
	packet_arp(&in, 1, peer_mac, PEER, US);
	world_exchange(&in, &out);
	send_to(PEER);
	world_drain();
	for (uint32_t k = 0; k < 20000; k++) {
		uint8_t mac[6] = { 2, 1, 0, k >> 16 & 255, k >> 8 & 255, k & 255 };
		packet_arp(&in, 1, mac, 0x0a010000 + k, US);
		assert_true(world_exchange(&in, &out));
	}
	assert_memory_equal(arp_known(world.interface, PEER), peer_mac, 6);
	assert_non_null(arp_known(world.interface, 0x0a010000 + 19999));
}

static void malformed_messages_are_counted(void **state)
{
	(void)state;
	struct packet good, in, out;
	packet_arp(&good, 1, peer_mac, PEER, US);
	const struct {
		uint8_t at, value;
	} bad[] = {
		{ 15, 2 }, { 14, 1 },   { 16, 9 },   { 17, 1 }, /* hardware and protocol type */
		{ 18, 5 }, { 19, 16 },  { 21, 0 },   { 21, 3 }, /* sizes, operation */
		{ 20, 1 }, { 22, 3 },                           /* operation; a group as sender */
		{ 28, 0 }, { 28, 127 }, { 28, 224 },            /* senders that cannot be */
	};
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		in = good;
		in.bytes[bad[k].at] = bad[k].value;
		assert_false(world_exchange(&in, &out));
		assert_int_equal(count(COUNT_ARP_BAD), k + 1);
	}
	for (in = good; in.size > 14;) {
		in.size--;
		assert_false(world_exchange(&in, &out));
	}
	assert_int_equal(count(COUNT_ARP_BAD), sizeof bad / sizeof *bad + 28);
	assert_true(list_empty(&world.interface->arp.age));
}

static void a_conflict_is_reported_and_defended_once_in_ten_seconds(void **state)
{
	(void)state;
	struct packet in, out;
	packet_arp(&in, 2, other_mac, US, US);
	assert_true(world_exchange(&in, &out)); /* RFC 5227 §2.4(c) */
	assert_int_equal(bytes_load_u32(arp_of(&out)->sender_address), US);
	assert_memory_equal(ethernet_of(&out)->destination, all_mac, 6);
	assert_int_equal(world.warnings, 1);
	assert_non_null(strstr(world.log, "02:00:00:00:00:77"));
	assert_non_null(strstr(world.log, "10.0.0.2"));
	for (int k = 0; k < 100; k++)
		assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_ARP_CONFLICT), 101);
	assert_int_equal(world.warnings, 1);
	world_advance(10 * SECOND);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(world.warnings, 2);
	assert_int_equal(interface_address(world.interface), US); /* a configured address is kept */
}

static void its_own_messages_coming_back_are_no_conflict(void **state)
{
	(void)state;
	struct packet in, out;
	packet_arp(&in, 1, us_mac, US, US);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_ARP_CONFLICT), 0);
}

/* Regression: 74 s without the gateway after a fail-over that nobody announced. */
static void a_suspected_neighbour_is_asked_at_once_then_everybody(void **state)
{
	(void)state;
	struct packet in, out;
	packet_arp(&in, 1, peer_mac, PEER, US);
	world_exchange(&in, &out);
	arp_suspect(world.interface, PEER + 1); /* unknown: nothing */
	arp_suspect(world.interface, PEER);     /* just heard: nothing */
	world_turn();
	assert_false(world_sent(&out));
	world_advance(2 * SECOND);
	arp_suspect(world.interface, PEER);
	arp_suspect(world.interface, PEER);
	world_turn();
	assert_true(world_sent(&out));
	assert_true(is_request_for(&out, PEER));
	assert_memory_equal(ethernet_of(&out)->destination, peer_mac, 6);
	assert_false(world_sent(&out));
	assert_int_equal(send_to(PEER), 0); /* what is known serves meanwhile */
	assert_true(world_sent(&out));
	assert_memory_equal(ethernet_of(&out)->destination, peer_mac, 6);
	world_advance(SECOND + MILLI);
	assert_true(world_sent(&out));
	assert_true(is_request_for(&out, PEER));
	assert_memory_equal(ethernet_of(&out)->destination, all_mac, 6);
	packet_arp(&in, 2, other_mac, PEER, US);
	world_exchange(&in, &out);
	assert_memory_equal(arp_known(world.interface, PEER), other_mac, 6);
}

static uint32_t told_hop, told_times;

static void note_unreachable(struct interface *i, uint32_t next_hop)
{
	assert_ptr_equal(i, world.interface);
	told_hop = next_hop;
	told_times++;
}

static void never(struct ip4_packet *p)
{
	(void)p;
}

/* Regression: ARP gave up after 15 s, and told nobody. */
static void protocols_hear_of_a_neighbour_that_does_not_answer(void **state)
{
	(void)state;
	static const struct ip4_protocol protocol = { .input = never,
		                                      .unreachable = note_unreachable };
	ip4_protocol_set(200, &protocol);
	told_times = 0;
	send_to(FAR);
	world_advance(3 * SECOND - MILLI);
	assert_int_equal(told_times, 0);
	world_advance(2 * MILLI);
	assert_int_equal(told_times, 1);
	assert_int_equal(told_hop, GATEWAY);
	ip4_protocol_set(200, NULL);
}

/* Regression: a server behind a routed TAP became unreachable when its router's entry aged: requests from a
 * sender outside our subnet were not answered. What it says of itself is still not learnt. */
static void a_request_from_another_subnet_is_answered(void **state)
{
	(void)state;
	struct packet in, out;
	const uint32_t senders[] = { 0xc0a8010a, 0xf0000001, SUBNET };
	for (size_t k = 0; k < sizeof senders / sizeof *senders; k++) {
		packet_arp(&in, 1, other_mac, senders[k], US);
		assert_true(world_exchange(&in, &out));
		assert_int_equal(bytes_load_u16(arp_of(&out)->operation), 2);
		assert_memory_equal(ethernet_of(&out)->destination, other_mac, 6);
		assert_int_equal(bytes_load_u32(arp_of(&out)->target_address), senders[k]);
		assert_null(arp_known(world.interface, senders[k]));
		packet_arp(&in, 1, other_mac, senders[k], US + 1);
		assert_false(world_exchange(&in, &out));
	}
	assert_int_equal(count(COUNT_ARP_BAD), 0);
}

#define TEST(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_requests_for_its_address),
		TEST(answers_probes_too),
		TEST(probes_then_announces_twice_at_start),
		TEST(a_moved_clone_says_where_its_address_is_now),
		TEST(learns_who_asks_for_it),
		TEST(answers_that_nobody_asked_for_teach_nothing),
		TEST(of_two_answers_the_first_counts),
		TEST(asks_three_times_and_gives_up),
		TEST(keeps_the_latest_frames_while_it_asks),
		TEST(frames_that_wait_are_bounded_over_all_neighbours),
		TEST(old_entries_are_checked_when_used),
		TEST(a_neighbour_that_has_gone_is_forgotten),
		TEST(a_storm_of_requests_does_not_push_out_who_is_talked_to),
		TEST(malformed_messages_are_counted),
		TEST(a_conflict_is_reported_and_defended_once_in_ten_seconds),
		TEST(its_own_messages_coming_back_are_no_conflict),
		TEST(a_suspected_neighbour_is_asked_at_once_then_everybody),
		TEST(protocols_hear_of_a_neighbour_that_does_not_answer),
		TEST(a_request_from_another_subnet_is_answered),
	};
	return cmocka_run_group_tests_name("net arp", tests, NULL, NULL);
}
