/* SPDX-License-Identifier: ISC */
/* IPv4 (RFC 791, RFC 1122 §3.2), reassembly (RFC 1122 §3.3.2, RFC 5722) and ICMP (RFC 792, RFC 1122
 * §3.2.2). */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <net/icmp.h>

static struct udp_socket *echo_socket;
static uint32_t calls;
static uint32_t last_size;

static void echo(void *context, struct udp_packet *p)
{
	(void)context;
	calls++;
	last_size = p->size;
	udp_reply(p, p->size);
}

static int setup_with(struct options o)
{
	world_open(o);
	calls = 0;
	return udp_open(&echo_socket, NULL, 7, echo, NULL);
}

static int setup(void **state)
{
	(void)state;
	return setup_with((struct options){ 0 });
}

static int teardown(void **state)
{
	(void)state;
	fragment_clear(world.interface);
	arp_clear(world.interface);
	bool balanced = world_frames_balanced();
	udp_close(echo_socket);
	world_close();
	return balanced ? 0 : -1;
}

static struct packet question(void)
{
	struct packet p;
	packet_udp(&p, PEER, US, 5000, 7, "question", 8);
	return p;
}

static void fix_checksum(struct packet *p)
{
	uint32_t header = (p->bytes[14] & 15u) * 4;
	bytes_store_u16(p->bytes + 24, 0);
	bytes_store_u16(p->bytes + 24, naive_checksum(p->bytes + 14, header, 0));
}

/* A packet changed at one place (checksum right again) is dropped for that cause. */
static void drops(uint32_t at, uint8_t value, enum interface_count cause)
{
	struct packet in = question(), out;
	uint64_t before = count(cause);
	in.bytes[at] = value;
	fix_checksum(&in);
	assert_false(world_exchange(&in, &out));
	if (count(cause) != before + 1)
		fail_msg("byte %u as %u is not counted as %s", at, value,
		         interface_counter_name(cause));
}

/* ---- Headers ---- */

static void bad_headers_are_dropped_and_counted(void **state)
{
	(void)state;
	struct packet in = question(), out;
	drops(14, 0x65, COUNT_RX_BAD_HEADER); /* version */
	in.bytes[14] = 0x44;                  /* header length */
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_BAD_HEADER), 2);
	drops(17, 19, COUNT_RX_BAD_HEADER); /* total below the header's */
	drops(17, 37, COUNT_RX_SHORT);      /* total above what came */
	in = question();
	in.bytes[25] ^= 1;
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_BAD_CHECKSUM), 1);
	assert_int_equal(calls, 0);
}

static void every_truncation_is_dropped(void **state)
{
	(void)state;
	struct packet in = question(), out;
	while (in.size > 14) {
		in.size--;
		assert_false(world_exchange(&in, &out));
	}
	assert_int_equal(count(COUNT_RX_SHORT), 36);
	assert_int_equal(calls, 0);
}

static void sources_that_no_host_has_are_dropped(void **state)
{
	(void)state;
	const uint32_t bad[] = { 0,          0x00000001, 0x7f000001, 0xe0000001,
		                 0xffffffff, SUBNET,     US,         0x0a000000 };
	struct packet in, out;
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) { /* RFC 1122 §3.2.1.3 */
		packet_udp(&in, PEER, US, 5000, 7, "x", 1);
		bytes_store_u32(in.bytes + 26, bad[k]);
		bytes_store_u16(in.bytes + 40, 0);
		fix_checksum(&in);
		assert_false(world_exchange(&in, &out));
		assert_int_equal(count(COUNT_RX_BAD_SOURCE), k + 1);
	}
	in = question();
	in.bytes[6] |= 1; /* a group as the link's source */
	assert_false(world_exchange(&in, &out));
	in = question();
	memcpy(in.bytes + 6, us_mac, 6);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_BAD_SOURCE), sizeof bad / sizeof *bad + 2);
}

static void what_is_for_others_is_dropped(void **state)
{
	(void)state;
	struct packet in, out;
	const uint32_t others[] = { PEER + 1, FAR, 0x7f000001, 0x0a000000, 0xe0000001 };
	for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
		packet_udp(&in, PEER, others[k], 5000, 7, "x", 1);
		assert_false(world_exchange(&in, &out));
		assert_int_equal(count(COUNT_RX_OTHER_ADDRESS), k + 1);
	}
	in = question();
	memcpy(in.bytes, other_mac, 6);
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_OTHER_MAC), 1);
	in = question();
	memcpy(in.bytes, all_mac, 6); /* a broadcast that names one host: RFC 1122 §3.3.6 */
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_OTHER_ADDRESS), sizeof others / sizeof *others + 1);
	in = question();
	in.bytes[12] = 0x86, in.bytes[13] = 0xdd;
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_UNKNOWN_TYPE), 1);
}

static void a_ttl_of_one_or_zero_is_received(void **state)
{
	(void)state;
	struct packet in, out; /* RFC 1122 §3.2.1.7 */
	for (uint8_t ttl = 0; ttl < 2; ttl++) {
		in = question();
		in.bytes[22] = ttl;
		fix_checksum(&in);
		assert_true(world_exchange(&in, &out));
		assert_true(packet_is_right(&out));
		assert_int_equal(ip_of(&out)->ttl, 64);
	}
}

static void small_packets_are_atomic_and_large_ones_have_ids_of_their_own(void **state)
{
	(void)state;
	struct packet in, out; /* RFC 6864 §4 */
	static uint8_t data[1472];
	uint16_t first;
	in = question();
	assert_true(world_exchange(&in, &out));
	assert_int_equal(bytes_load_u16(ip_of(&out)->fragment), IP4_DF);
	packet_udp(&in, PEER, US, 5000, 7, data, 1472);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(bytes_load_u16(ip_of(&out)->fragment), 0);
	first = bytes_load_u16(ip_of(&out)->id);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(bytes_load_u16(ip_of(&out)->id), (uint16_t)(first + 1));
}

static struct packet with_options(const void *options, uint32_t size, uint32_t payload)
{
	static uint8_t data[1500], message[2048];
	struct packet p;
	uint32_t n = message_udp(message, PEER, US, 5000, 7, data, payload);
	packet_start(&p, us_mac, peer_mac, 0x0800);
	packet_ip(&p, (struct ip_spec){ .protocol = 17, .options = options, .options_size = size },
	          message, n);
	return p;
}

static void options_are_parsed_and_tolerated(void **state)
{
	(void)state;
	struct packet in, out;
	const char *good[] = { "\1\1\1\0", "\0\377\377\377", "\x94\4\0\0", "\7\7\4\0\0\0\0\1",
		               "\x44\4\5\0" };
	const uint32_t size[] = { 4, 4, 4, 8, 4 };
	for (size_t k = 0; k < 5; k++) {
		in = with_options(good[k], size[k], 100);
		assert_true(world_exchange(&in, &out));
		assert_true(packet_is_right(&out)); /* the answer has none */
		assert_int_equal(out.size, 142);
	}
	assert_int_equal(calls, 5);
}

static void bad_options_and_source_routes_are_refused(void **state)
{
	(void)state;
	struct packet in, out;
	const char *bad[] = { "\7\0\0\0", "\7\1\0\0",   "\7\5\0\0",
		              "\1\1\1\7", "\x83\4\4\0", "\x89\4\4\0" };
	for (size_t k = 0; k < 6; k++) {
		in = with_options(bad[k], 4, 8);
		assert_false(world_exchange(&in, &out));
		assert_int_equal(count(COUNT_RX_BAD_OPTION), k + 1);
	}
}

static void any_change_of_any_header_byte_is_survived(void **state)
{
	(void)state;
	struct packet out;
	for (uint32_t at = 0; at < 42; at++) {
		for (uint32_t value = 0; value < 256; value++) {
			struct packet in = question();
			in.bytes[at] = (uint8_t)value;
			world_exchange(&in, &out);
			in = question();
			in.bytes[at] = (uint8_t)value;
			if (at >= 14 && at < 34 && (in.bytes[14] & 15) * 4 + 14u <= in.size)
				fix_checksum(&in);
			world_exchange(&in, &out);
			world_drain();
		}
	}
	fragment_clear(world.interface);
	arp_clear(world.interface);
	assert_true(world_frames_balanced());
}

static void received_longer_than_the_mtu_is_answered_in_fragments(void **state)
{
	(void)state;
	struct packet in, out;
	static uint8_t data[1700];
	world.interface->mtu = 1000;
	packet_udp(&in, PEER, US, 5000, 7, data, 1400);
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	assert_int_equal(bytes_load_u16(ip_of(&out)->fragment), IP4_MF);
	assert_true(world_sent(&out));
	assert_true(packet_is_right(&out));
}

/* ---- Reassembly ---- */

static struct packet pieces[160];
static uint32_t piece_count;
static uint8_t data[65536], message[65536 + 8];

static void keep(const struct packet *p, uint32_t n)
{
	pieces[n] = *p;
	piece_count = n + 1;
}

static void make_pieces(uint32_t size, uint32_t unit, uint16_t id)
{
	for (uint32_t k = 0; k < size; k++)
		data[k] = (uint8_t)(k * 13 + (k >> 8));
	uint32_t n = message_udp(message, PEER, US, 5000, 7, data, size);
	fragments_of((struct ip_spec){ .protocol = 17, .id = id }, message, n, unit, keep);
}

static void piece_in(uint32_t n)
{
	assert_true(world_receive(&pieces[n]));
	world_turn();
}

static void fragments_in_any_order_make_the_datagram(void **state)
{
	(void)state;
	uint32_t order[50];
	for (uint16_t round = 0; round < 200; round++) {
		make_pieces(8000 + round, 1480, round);
		for (uint32_t k = 0; k < piece_count; k++)
			order[k] = k;
		for (uint32_t k = piece_count; round && k-- > 1;) {
			uint32_t with = (round * 7919u + k * 104729u) % (k + 1), t = order[k];
			order[k] = order[with];
			order[with] = t;
		}
		for (uint32_t k = 0; k < piece_count; k++) {
			assert_int_equal(calls, round);
			piece_in(order[k]);
		}
		assert_int_equal(calls, round + 1);
		assert_int_equal(last_size, 8000 + round);
		world_drain();
	}
	assert_int_equal(world.interface->fragments.held, 0);
	assert_int_equal(count(COUNT_RX_BAD_CHECKSUM), 0);
}

static void duplicates_do_no_harm(void **state)
{
	(void)state;
	make_pieces(8000, 1480, 1);
	for (uint32_t k = 0; k < piece_count; k++) {
		piece_in(k);
		if (k + 1 < piece_count)
			piece_in(k);
	}
	assert_int_equal(calls, 1);
	assert_int_equal(count(COUNT_FRAGMENT_BAD), 0);
}

static void padding_after_the_last_fragment_is_not_data(void **state)
{
	(void)state;
	make_pieces(1480, 1480, 1);
	memset(pieces[1].bytes + pieces[1].size, 0xee, 60 - pieces[1].size);
	pieces[1].size = 60;
	piece_in(1);
	piece_in(0);
	assert_int_equal(calls, 1);
	assert_int_equal(last_size, 1480);
}

static struct packet piece(uint16_t id, uint32_t at, uint32_t size, bool more)
{
	struct packet p;
	packet_start(&p, us_mac, peer_mac, 0x0800);
	packet_ip(&p,
	          (struct ip_spec){ .protocol = 17,
	                            .id = id,
	                            .fragment = (uint16_t)(at / 8 | (more ? IP4_MF : 0)) },
	          data, size);
	return p;
}

static void in_piece(uint16_t id, uint32_t at, uint32_t size, bool more)
{
	struct packet p = piece(id, at, size, more);
	assert_true(world_receive(&p));
	world_turn();
}

static void overlaps_kill_the_datagram_for_good(void **state)
{
	(void)state;
	const struct {
		uint32_t at, size;
		bool more;
	} bad[] = {
		{ 8, 16, true },  /* over the end of the first */
		{ 0, 8, true },   /* the head of the first again */
		{ 0, 32, true },  /* around the first */
		{ 32, 16, true }, /* into the third */
		{ 40, 8, true },  /* within the third, its head */
		{ 48, 8, false }, /* an end before the third's */
		{ 0, 104, true }, /* all */
	};
	memset(data, 1, 200);
	for (uint16_t k = 0; k < sizeof bad / sizeof *bad; k++) { /* RFC 5722 §4 */
		in_piece(k, 0, 24, true);
		in_piece(k, 40, 24, true);
		in_piece(k, bad[k].at, bad[k].size, bad[k].more);
		assert_int_equal(count(COUNT_FRAGMENT_BAD), k + 1);
		assert_int_equal(world.interface->fragments.held, 0);
		/* Not even a whole set makes it now */
		in_piece(k, 0, 24, true);
		in_piece(k, 24, 16, true);
		in_piece(k, 40, 8, false);
		assert_int_equal(world.interface->fragments.held, 0);
	}
	assert_int_equal(count(COUNT_REASSEMBLED), 0);
}

static void same_place_with_other_content_is_an_overlap(void **state)
{
	(void)state;
	in_piece(1, 0, 24, true);
	data[5] ^= 1;
	in_piece(1, 0, 24, true);
	assert_int_equal(count(COUNT_FRAGMENT_BAD), 1);
}

static void impossible_fragments_are_counted(void **state)
{
	(void)state;
	in_piece(1, 0, 23, true);       /* not a multiple of 8 */
	in_piece(2, 0, 0, true);        /* empty */
	in_piece(3, 65528, 800, false); /* past what a length can say: the ping of death */
	in_piece(4, 65512, 8, true);
	assert_int_equal(count(COUNT_FRAGMENT_BAD), 4);
	in_piece(6, 80, 8, false);
	in_piece(6, 160, 8, true); /* after the end */
	in_piece(7, 80, 8, false);
	in_piece(7, 160, 8, false); /* two ends */
	in_piece(8, 160, 8, true);
	in_piece(8, 80, 8, false); /* an end before what is there */
	assert_int_equal(count(COUNT_FRAGMENT_BAD), 7);
	assert_int_equal(world.interface->fragments.held, 0);
}

static void the_largest_datagram_fits_exactly(void **state)
{
	(void)state;
	make_pieces(65507, 1480, 1);
	for (uint32_t k = 0; k < piece_count; k++)
		piece_in(k);
	assert_int_equal(last_size, 65507);
	make_pieces(65507, 552, 2); /* an MTU of 576 */
	for (uint32_t k = 0; k < piece_count; k++) {
		piece_in(k);
		world_drain();
	}
	assert_int_equal(calls, 2);
}

static void an_incomplete_datagram_times_out_with_an_icmp_error(void **state)
{
	(void)state;
	struct packet out;
	make_pieces(3000, 1480, 1);
	piece_in(1); /* without the first: nobody is told (RFC 792) */
	world_advance(31 * SECOND);
	assert_int_equal(count(COUNT_FRAGMENT_TIMEOUT), 1);
	assert_false(world_sent(&out));
	piece_in(0);
	world_advance(31 * SECOND);
	assert_int_equal(count(COUNT_FRAGMENT_TIMEOUT), 2);
	assert_true(world_sent(&out));
	assert_true(packet_is_right(&out));
	assert_int_equal(icmp_of(&out)->type, 11);
	assert_int_equal(icmp_of(&out)->code, 1);
	assert_memory_equal(out.bytes + 42, pieces[0].bytes + 14, 548);
	assert_int_equal(world.interface->fragments.held, 0);
	/* What comes after is a datagram of its own */
	piece_in(2);
	assert_int_equal(calls, 0);
}

static void floods_of_fragments_stay_within_bounds(void **state)
{
	(void)state;
	struct packet out;
	for (uint32_t k = 0; k < 20000; k++) {
		struct packet p = piece((uint16_t)k, 8 * (k % 1000), 8, true);
		bytes_store_u32(p.bytes + 26, 0x0a000003 + k % 200);
		fix_checksum(&p);
		assert_true(world_receive(&p));
		world_turn();
		assert_true(world.interface->fragments.held <= FRAGMENT_DATAGRAMS_MAX);
	}
	assert_true(count(COUNT_FRAGMENT_LIMIT) >= 20000 - 2 * FRAGMENT_DATAGRAMS_MAX);
	/* Many of one datagram */
	for (uint32_t k = 0; k < 5000; k++)
		in_piece(0x5555, 8 * (k + 1), 8, true);
	assert_true(world.interface->fragments.held <= FRAGMENT_DATAGRAMS_MAX);
	/* And service goes on: a datagram in fragments, and one in one piece */
	make_pieces(8000, 1480, 0x7777);
	for (uint32_t k = 0; k < piece_count; k++)
		piece_in(k);
	assert_int_equal(calls, 1);
	world_drain();
	struct packet in = question();
	assert_true(world_exchange(&in, &out));
	world_advance(40 * SECOND);
	assert_int_equal(world.interface->fragments.held, 0);
}

static void held_frames_are_bounded(void **state)
{
	(void)state;
	udp_close(echo_socket);
	world_close();
	setup_with((struct options){ .ring = 64, .frames = 128 });
	memset(data, 7, 2000);
	for (uint16_t id = 0; id < 60; id++) {
		for (uint32_t k = 0; k < 10; k++)
			in_piece(id, 1480 * k, 1480, true);
		assert_true(world.interface->fragments.held <= 32);
	}
	/* One that cannot fit at all is given up, and does not block the others */
	for (uint32_t k = 0; k < 40; k++)
		in_piece(0x9999, 1480 * k, 1480, true);
	assert_true(world.interface->fragments.held <= 32);
	make_pieces(8000, 1480, 0x7777);
	for (uint32_t k = 0; k < piece_count; k++)
		piece_in(k);
	assert_int_equal(calls, 1);
}

static void no_memory_for_the_whole_drops_it(void **state)
{
	(void)state;
	make_pieces(3000, 1480, 1);
	world.memory_fails = true;
	for (uint32_t k = 0; k < piece_count; k++)
		piece_in(k);
	world.memory_fails = false;
	assert_int_equal(calls, 0);
	assert_int_equal(world.interface->fragments.held, 0);
}

/* ---- ICMP ---- */

static void answers_pings_of_all_sizes(void **state)
{
	(void)state;
	struct packet in, out;
	for (uint32_t n = 0; n <= 1472; n++) {
		packet_echo(&in, PEER, US, (uint16_t)n, n);
		assert_true(world_exchange(&in, &out));
		assert_true(packet_is_right(&out));
		assert_int_equal(out.size, 42 + n);
		assert_int_equal(icmp_of(&out)->type, 0);
		assert_memory_equal(out.bytes + 38, in.bytes + 38, n + 4); /* id, sequence, data */
		assert_memory_equal(ethernet_of(&out)->destination, peer_mac, 6);
	}
}

static void answers_pings_in_fragments(void **state)
{
	(void)state;
	static uint8_t back[65536];
	const uint32_t sizes[] = { 1473, 8000, 60000, 65507 };
	for (size_t k = 0; k < 4; k++) {
		struct packet out;
		uint32_t n = message_echo(message, sizes[k]), got = 0;
		fragments_of((struct ip_spec){ .protocol = 1, .id = (uint16_t)k }, message, n, 1480,
		             keep);
		for (uint32_t p = 0; p < piece_count; p++)
			piece_in(p);
		while (world_sent(&out)) {
			assert_true(packet_is_right(&out));
			memcpy(back + (bytes_load_u16(ip_of(&out)->fragment) & IP4_OFFSET) * 8,
			       out.bytes + 34, out.size - 34);
			got += out.size - 34;
		}
		assert_int_equal(got, n);
		assert_int_equal(naive_checksum(back, n, 0), 0);
		assert_int_equal(back[0], 0);
		assert_memory_equal(back + 8, message + 8, sizes[k]);
		world_turn();
	}
}

static void pings_to_groups_and_broken_ones_are_not_answered(void **state)
{
	(void)state;
	struct packet in, out;
	packet_echo(&in, PEER, SUBNET, 1, 8); /* RFC 1122 §3.2.2.6 */
	memcpy(in.bytes, all_mac, 6);
	assert_false(world_exchange(&in, &out));
	packet_echo(&in, PEER, US, 1, 8);
	in.bytes[45] ^= 1;
	assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_BAD_CHECKSUM), 1);
	for (uint32_t type = 0; type < 256; type++) {
		if (type == 8)
			continue;
		packet_echo(&in, PEER, US, 1, 8);
		in.bytes[34] = (uint8_t)type;
		bytes_store_u16(in.bytes + 36, 0);
		bytes_store_u16(in.bytes + 36, naive_checksum(in.bytes + 34, 16, 0));
		assert_false(world_exchange(&in, &out));
	}
	/* Three types are errors, and these quote nothing that we can have sent. */
	assert_int_equal(count(COUNT_RX_UNKNOWN_TYPE), 253);
	assert_int_equal(count(COUNT_RX_SHORT), 3);
}

static void a_closed_port_and_an_unknown_protocol_are_reported(void **state)
{
	(void)state;
	struct packet in, out;
	packet_udp(&in, PEER, US, 5000, 9999, "closed", 6);
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	assert_int_equal(icmp_of(&out)->type, 3);
	assert_int_equal(icmp_of(&out)->code, 3);
	assert_memory_equal(out.bytes + 42, in.bytes + 14, in.size - 14);
	assert_int_equal(out.size, 42 + in.size - 14);
	in.bytes[23] = 99;
	fix_checksum(&in);
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	assert_int_equal(icmp_of(&out)->code, 2);
	assert_int_equal(count(COUNT_ICMP_ERRORS_SENT), 2);
	assert_int_equal(count(COUNT_RX_NO_PORT), 1);
	/* With options, and long: they are quoted, up to 576 bytes in all (RFC 1812 §4.3.2.3) */
	in = with_options("\1\1\1\0", 4, 1400);
	bytes_store_u16(in.bytes + 40, 9999);
	bytes_store_u16(in.bytes + 44, 0);
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	assert_int_equal(out.size, 590);
	assert_memory_equal(out.bytes + 42, in.bytes + 14, 548);
}

static void errors_are_not_sent_where_rfc_1122_forbids_them(void **state)
{
	(void)state;
	struct packet in, out;
	packet_udp(&in, PEER, SUBNET, 5000, 9999, "x", 1); /* to a group */
	assert_false(world_exchange(&in, &out));
	packet_udp(&in, PEER, UINT32_MAX, 5000, 9999, "x", 1);
	assert_false(world_exchange(&in, &out));
	/* About an ICMP error: a reassembly that times out of a fragmented one */
	message[0] = 3;
	fragments_of((struct ip_spec){ .protocol = 1, .id = 9 }, message, 3000, 1480, keep);
	piece_in(0);
	world_advance(31 * SECOND);
	assert_false(world_sent(&out));
	message_echo(message, 3000); /* about an echo it may be */
	fragments_of((struct ip_spec){ .protocol = 1, .id = 9 }, message, 3000, 1480, keep);
	piece_in(0);
	world_advance(31 * SECOND);
	assert_true(world_sent(&out));
}

static void errors_are_limited(void **state)
{
	(void)state;
	struct packet in, out;
	uint32_t sent = 0;
	packet_udp(&in, PEER, US, 5000, 9999, "x", 1);
	for (int k = 0; k < 1000; k++)
		sent += world_exchange(&in, &out);
	assert_true(sent >= ICMP_ERRORS_BURST - ICMP_ERRORS_BURST / 8 && sent <= ICMP_ERRORS_BURST);
	assert_int_equal(count(COUNT_ICMP_LIMITED), 1000 - sent);
	sent = 0;
	for (int k = 0; k < 10000; k++) {
		world_advance(MILLI);
		sent += world_exchange(&in, &out);
	}
	assert_in_range(sent, 1900, 2100); /* ten seconds' worth, in simulated time */
}

/* ---- Prefixes ---- */

static void a_prefix_of_31_has_no_broadcast(void **state)
{
	(void)state;
	struct packet in, out;
	udp_close(echo_socket);
	world_close();
	setup_with((struct options){ .prefix = 31 }); /* 10.0.0.2 and .3: RFC 3021 */
	packet_udp(&in, US + 1, US, 5000, 7, "x", 1);
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
}

static void a_prefix_of_32_reaches_all_by_its_gateway(void **state)
{
	(void)state;
	struct packet arp, out;
	udp_close(echo_socket);
	world_close();
	setup_with((struct options){ .prefix = 32 });
	assert_int_equal(udp_send(echo_socket, net_ip4(PEER), 9, "x", 1), 0);
	world_turn();
	assert_true(world_sent(&out));
	assert_int_equal(bytes_load_u32(arp_of(&out)->target_address), GATEWAY);
	packet_arp(&arp, 2, gateway_mac, GATEWAY, US);
	assert_true(world_exchange(&arp, &out));
	assert_true(packet_is_right(&out));
}

/* Regression: a sender or NAT that fragments itself may leave DF set (RFC 791 §2.3). */
static void fragments_that_may_not_be_cut_further_are_taken(void **state)
{
	(void)state;
	make_pieces(3000, 1480, 1);
	for (uint32_t k = 0; k < piece_count; k++) {
		pieces[k].bytes[20] |= 0x40;
		fix_checksum(&pieces[k]);
		piece_in(k);
	}
	assert_int_equal(last_size, 3000);
	assert_int_equal(count(COUNT_FRAGMENT_BAD), 0);
	world_drain();
}

/* Regression: CE on the question came back on the answer, as if the way back were congested. */
static void answers_do_not_copy_the_ecn_bits(void **state)
{
	(void)state;
	struct packet in, out;
	for (uint8_t k = 0; k < 8; k++) {
		if (k < 4)
			in = question();
		else
			packet_echo(&in, PEER, US, 1, 8);
		in.bytes[15] = 0xb8 | (k & 3);
		fix_checksum(&in);
		assert_true(world_exchange(&in, &out));
		assert_true(packet_is_right(&out));
		assert_int_equal(ip_of(&out)->tos, 0xb8);
	}
}

static void class_e_is_a_source_like_any_other(void **state)
{
	(void)state;
	struct packet in, out;
	const uint32_t sources[] = { 0xf0000001, 0xfffffffe };
	for (size_t k = 0; k < sizeof sources / sizeof *sources; k++) {
		packet_udp(&in, sources[k], US, 5000, 7, "x", 1);
		assert_int_equal(calls, k);
		world_exchange(&in, &out);
		assert_int_equal(calls, k + 1);
	}
	assert_int_equal(count(COUNT_RX_BAD_SOURCE), 0);
	packet_arp(&in, 2, gateway_mac, GATEWAY, US); /* and the answers go by the gateway */
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
}

static struct packet tagged(struct packet p, uint16_t control, uint32_t tags)
{
	for (; tags; tags--) {
		memmove(p.bytes + 16, p.bytes + 12, p.size - 12);
		bytes_store_u16(p.bytes + 12, 0x8100);
		bytes_store_u16(p.bytes + 14, control);
		p.size += 4;
	}
	return p;
}

/* Regression: a switch that marks priorities sends VLAN 0, which is no VLAN (IEEE 802.1Q §6.9.1). */
static void frames_with_a_priority_and_no_vlan_are_taken(void **state)
{
	(void)state;
	struct packet in, out;
	in = tagged(question(), 0xa000, 1);
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	assert_memory_equal(out.bytes + 42, "question", 8);
	packet_arp(&in, 1, peer_mac, PEER, US);
	in = tagged(in, 0, 1);
	assert_true(world_exchange(&in, &out));
	assert_int_equal(bytes_load_u16(arp_of(&out)->operation), 2);
	in = tagged(question(), 0xa001, 1); /* a VLAN that we are not in */
	assert_false(world_exchange(&in, &out));
	in = tagged(question(), 0, 2);
	assert_false(world_exchange(&in, &out));
	for (in = tagged(question(), 0, 1), in.size = 17; in.size > 13; in.size--)
		assert_false(world_exchange(&in, &out));
	assert_int_equal(count(COUNT_RX_UNKNOWN_TYPE), 6);
}

static uint32_t gone_address, gone_times;

static void note_gone(struct interface *i, uint32_t address)
{
	assert_ptr_equal(i, world.interface);
	gone_address = address;
	gone_times++;
}

static void never(struct ip4_packet *p)
{
	(void)p;
}

/* Regression: TCP went on for 100 s from an address that had been taken away. */
static void nothing_leaves_from_an_address_that_has_gone(void **state)
{
	(void)state;
	static const struct ip4_protocol protocol = { .input = never, .address_gone = note_gone };
	struct packet in, out;
	ip4_protocol_set(201, &protocol);
	gone_times = 0;
	packet_arp(&in, 1, peer_mac, PEER, US);
	world_exchange(&in, &out);
	struct ip4_route r = { .protocol = 17 };
	assert_int_equal(ip4_route(&r, NULL, PEER), 0);
	udp_send(echo_socket, net_ip4(PEER + 1), 9, "x", 1); /* waits for ARP */
	world_turn();
	world_drain();
	interface_set_address(world.interface, US, 24, GATEWAY);
	assert_int_equal(gone_times, 0); /* the same address again */
	udp_send(echo_socket, net_ip4(PEER + 1), 9, "x", 1);
	world_turn();
	world_drain();
	for (int k = 0; k < 2; k++) {
		if (k)
			interface_clear_address(world.interface);
		else
			interface_set_address(world.interface, US + 4, 24, GATEWAY);
		assert_int_equal(gone_times, k + 1);
		assert_int_equal(gone_address, k ? US + 4 : US);
		assert_int_equal(ip4_send(&r, "headhead", 8, "x", 1), -7);
		struct frame *f = frame_alloc(&world.interface->device.frames);
		frame_view(f, AMP_FRAME_HEADROOM + 40, 8);
		assert_int_equal(ip4_send_frame(&r, f), -7);
		f = frame_alloc(&world.interface->device.frames);
		frame_view(f, AMP_FRAME_HEADROOM + 40, 8);
		assert_int_equal(ip4_send_parts(&r, peer_mac, f, NULL, 0, 0), -7);
		frame_drop(f);
		packet_arp(&in, 2, peer_mac, PEER + 1, US);
		world_receive(&in);
		world_advance(10 * SECOND);
		while (world_sent(&out)) {
			assert_int_equal(bytes_load_u16(ethernet_of(&out)->type), 0x0806);
			assert_int_not_equal(bytes_load_u32(arp_of(&out)->sender_address), US);
		}
	}
	ip4_protocol_set(201, NULL);
}

static void the_interface_tells_its_link_address(void **state)
{
	(void)state;
	assert_memory_equal(interface_mac(world.interface), world.device.mac, 6);
	assert_memory_equal(interface_mac(world.interface), us_mac, 6);
}

/* ---- Further addresses and routes ---- */

#define SECOND_US   0xc0a80102u /* 192.168.1.2/24 */
#define SECOND_PEER 0xc0a80109u
#define THIRD_US    0x0a000082u /* 10.0.0.130/25: in the first one's network, and narrower */

static void reopen(struct options o)
{
	static const struct interface_network_config addresses[] = {
		{ .address = SECOND_US, .prefix = 24, .arg = -1 },
		{ .address = THIRD_US, .prefix = 25, .arg = -1 },
		{ .arg = -1 }, /* an argument that says: none */
	};
	udp_close(echo_socket);
	world_close();
	o.addresses = addresses;
	o.address_count = 3;
	setup_with(o);
}

static void every_address_is_announced_served_and_defended(void **state)
{
	(void)state;
	struct packet in, out;
	const uint32_t ours[] = { US, SECOND_US, THIRD_US };
	const uint32_t peers[] = { PEER, SECOND_PEER, THIRD_US + 1 };
	uint32_t announced = 0, probed = 0;
	reopen((struct options){ .keep_announcements = true });
	world_advance(10 * SECOND);
	while (world_sent(&out)) {
		bool own = bytes_load_u32(arp_of(&out)->sender_address) != 0;
		for (uint32_t k = 0; k < 3; k++) {
			if (bytes_load_u32(arp_of(&out)->target_address) == ours[k])
				*(own ? &announced : &probed) += 1u << 4 * k;
		}
	}
	assert_int_equal(probed, 0x111);
	assert_int_equal(announced, 0x222);
	for (uint32_t k = 0; k < 3; k++) {
		assert_int_equal(interface_address_at(world.interface, k), ours[k]);
		packet_arp(&in, 1, peer_mac, peers[k], ours[k]);
		assert_true(world_exchange(&in, &out));
		assert_int_equal(bytes_load_u32(arp_of(&out)->sender_address), ours[k]);
		assert_memory_equal(arp_known(world.interface, peers[k]), peer_mac, 6);
		for (uint32_t n = 0; n < 3; n++) { /* whoever asks whichever of them */
			packet_udp(&in, peers[k], ours[n], 5000, 7, "x", 1);
			assert_true(world_exchange(&in, &out));
			assert_true(packet_is_right(&out));
			assert_int_equal(bytes_load_u32(ip_of(&out)->source), ours[n]);
			packet_udp(&in, peers[k], ours[n], 5000, 9999, "x", 1);
			assert_true(world_exchange(&in, &out));
			assert_int_equal(bytes_load_u32(ip_of(&out)->source), ours[n]);
			packet_echo(&in, peers[k], ours[n], 1, 8);
			assert_true(world_exchange(&in, &out));
			assert_true(packet_is_right(&out));
			assert_int_equal(bytes_load_u32(ip_of(&out)->source), ours[n]);
		}
		assert_int_equal(udp_send(echo_socket, net_ip4(peers[k]), 9, "x", 1), 0);
		world_turn();
		assert_true(world_sent(&out));
		assert_true(packet_is_right(&out));
		assert_int_equal(bytes_load_u32(ip_of(&out)->source), ours[k]);
	}
	for (uint32_t k = 0; k < 3; k++) { /* each has its own ten seconds: RFC 5227 §2.4(c) */
		packet_arp(&in, 2, other_mac, ours[k], ours[k]);
		assert_true(world_exchange(&in, &out));
		assert_int_equal(bytes_load_u32(arp_of(&out)->sender_address), ours[k]);
		assert_false(world_exchange(&in, &out));
	}
	assert_int_equal(interface_address_at(world.interface, 3), 0);
	packet_udp(&in, SECOND_PEER, SECOND_US + 1, 5000, 7, "x", 1);
	assert_false(world_exchange(&in, &out));
}

static void of_each_network_the_impossible_sources_are_refused(void **state)
{
	(void)state;
	struct packet in, out;
	const uint32_t bad[] = { SECOND_US, 0xc0a80100, 0xc0a801ff, US, SUBNET, THIRD_US };
	reopen((struct options){ 0 });
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		for (int n = 0; n < 2; n++) {
			packet_udp(&in, PEER, n ? US : SECOND_US, 5000, 7, "x", 1);
			bytes_store_u32(in.bytes + 26, bad[k]);
			bytes_store_u16(in.bytes + 40, 0);
			fix_checksum(&in);
			assert_false(world_exchange(&in, &out));
			assert_int_equal(count(COUNT_RX_BAD_SOURCE), 2 * k + (uint32_t)n + 1);
		}
	}
	/* A broadcast of any network comes in, and goes out by the link's */
	packet_udp(&in, SECOND_PEER, 0xc0a801ff, 5000, 7, "x", 1);
	memcpy(in.bytes, all_mac, 6);
	assert_true(world_exchange(&in, &out));
	world_drain();
	assert_int_equal(calls, 1);
	assert_int_equal(udp_send(echo_socket, net_ip4(0xc0a801ff), 9, "x", 1), 0);
	world_turn();
	assert_true(world_sent(&out));
	assert_memory_equal(ethernet_of(&out)->destination, all_mac, 6);
	assert_int_equal(bytes_load_u32(ip_of(&out)->source), SECOND_US);
	assert_int_equal(udp_send(echo_socket, net_ip4(THIRD_US), 9, "x", 1), -7); /* ourselves */
}

static void the_narrowest_route_is_used(void **state)
{
	(void)state;
	static const struct interface_route_config routes[] = {
		{ 0xc0000000, 0x0a000003, -1, -1, 8 },
		{ 0xc0000200, SECOND_PEER, -1, -1, 24 },
		{ 0xc0000000, 0x0a000005, -1, -1, 16 },
		{ 0x0a0000f0, GATEWAY, -1, -1, 28 },
		{ 0, 0, -1, -1, 0 }, /* an argument that says: none */
	};
	struct packet in, out;
	reopen((struct options){ .routes = routes, .route_count = 5 });
	const struct {
		uint32_t to, hop, source;
	} cases[] = { { FAR, SECOND_PEER, SECOND_US },
		      { 0xc0000105, 0x0a000005, US },
		      { 0xc1000105, GATEWAY, US },
		      { 0xc0ff0105, 0x0a000003, US },
		      { PEER, PEER, US },
		      { 0x0a0000f7, GATEWAY, US },
		      { 0x0a0000ee, 0x0a0000ee, THIRD_US } };
	assert_int_equal(world.interface->route_count, 4);
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct ip4_route r;
		assert_int_equal(ip4_route(&r, NULL, cases[k].to), 0);
		assert_int_equal(interface_next_hop(world.interface, cases[k].to), cases[k].hop);
		assert_int_equal(r.source, cases[k].source);
	}
	udp_send(echo_socket, net_ip4(FAR), 9, "x", 1);
	world_turn();
	assert_true(world_sent(&out));
	assert_int_equal(bytes_load_u32(arp_of(&out)->target_address), SECOND_PEER);
	assert_int_equal(bytes_load_u32(arp_of(&out)->sender_address), SECOND_US);
	packet_arp(&in, 2, peer_mac, SECOND_PEER, SECOND_US);
	assert_true(world_exchange(&in, &out));
	assert_true(packet_is_right(&out));
	/* Answers go to the MAC address that they came from, if the route leads there: else by the route */
	packet_udp(&in, FAR, US, 5000, 7, "x", 1);
	memcpy(in.bytes + 6, other_mac, 6);
	assert_true(world_exchange(&in, &out));
	assert_memory_equal(ethernet_of(&out)->destination, peer_mac, 6);
}

#define TEST(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bad_headers_are_dropped_and_counted),
		TEST(every_truncation_is_dropped),
		TEST(sources_that_no_host_has_are_dropped),
		TEST(what_is_for_others_is_dropped),
		TEST(a_ttl_of_one_or_zero_is_received),
		TEST(small_packets_are_atomic_and_large_ones_have_ids_of_their_own),
		TEST(options_are_parsed_and_tolerated),
		TEST(bad_options_and_source_routes_are_refused),
		TEST(any_change_of_any_header_byte_is_survived),
		TEST(received_longer_than_the_mtu_is_answered_in_fragments),
		TEST(fragments_in_any_order_make_the_datagram),
		TEST(duplicates_do_no_harm),
		TEST(padding_after_the_last_fragment_is_not_data),
		TEST(overlaps_kill_the_datagram_for_good),
		TEST(same_place_with_other_content_is_an_overlap),
		TEST(impossible_fragments_are_counted),
		TEST(the_largest_datagram_fits_exactly),
		TEST(an_incomplete_datagram_times_out_with_an_icmp_error),
		TEST(floods_of_fragments_stay_within_bounds),
		TEST(held_frames_are_bounded),
		TEST(no_memory_for_the_whole_drops_it),
		TEST(answers_pings_of_all_sizes),
		TEST(answers_pings_in_fragments),
		TEST(pings_to_groups_and_broken_ones_are_not_answered),
		TEST(a_closed_port_and_an_unknown_protocol_are_reported),
		TEST(errors_are_not_sent_where_rfc_1122_forbids_them),
		TEST(errors_are_limited),
		TEST(a_prefix_of_31_has_no_broadcast),
		TEST(a_prefix_of_32_reaches_all_by_its_gateway),
		TEST(fragments_that_may_not_be_cut_further_are_taken),
		TEST(answers_do_not_copy_the_ecn_bits),
		TEST(class_e_is_a_source_like_any_other),
		TEST(frames_with_a_priority_and_no_vlan_are_taken),
		TEST(nothing_leaves_from_an_address_that_has_gone),
		TEST(the_interface_tells_its_link_address),
		TEST(every_address_is_announced_served_and_defended),
		TEST(of_each_network_the_impossible_sources_are_refused),
		TEST(the_narrowest_route_is_used),
	};
	return cmocka_run_group_tests_name("net ip4", tests, NULL, NULL);
}
