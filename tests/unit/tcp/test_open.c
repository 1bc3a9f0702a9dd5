/* SPDX-License-Identifier: ISC */
/* Opening: handshakes, options, retries, backlog, floods. */
#include "harness.h"

#include <net/resolver.h>

static void whoever_comes_before_the_first_listener_is_reset(void **state)
{
	(void)state;
	h.deaf = true;
	h.ack = 1;
	in(SYN, .mss = 1460);
	out(RST | ACK, .ack = FIRST);
	in(ACK);
	out(RST);
	assert_int_equal(count(COUNT_ICMP_ERRORS_SENT), 0);
}

static void a_syn_is_answered_and_the_ack_opens(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK, .ack = FIRST, .mss = 1460);
	state_is(TCP_SYN_RECEIVED);
	assert_null(h.c);
	in(ACK);
	quiet();
	state_is(TCP_ESTABLISHED);
	assert_non_null(h.c);
	counted(TCP_COUNT_ACCEPTED, 1);
	counted(TCP_NOW_OPEN, 1);
}

static void data_on_the_handshakes_ack_is_taken(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(ACK, .data = "hello");
	assert_memory_equal(h.got, "hello", 5);
}

static void data_on_a_syn_is_not_taken_but_comes_again(void **state)
{
	(void)state;
	in(SYN, .mss = 1460, .data = "early");
	out(SYN | ACK, .ack = FIRST);
	h.seq = FIRST;
	in(ACK, .data = "early");
	assert_int_equal(h.got_size, 5);
}

static void a_fin_on_the_handshakes_ack_is_taken(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(ACK | FIN);
	out(ACK, .ack = FIRST + 1);
	state_is(TCP_CLOSE_WAIT);
	assert_int_equal(h.finished, 1);
}

static void options_are_offered_back_only_if_offered(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK, .mss = 1460);
	assert_int_equal(h.last.scale, 0);
	assert_int_equal(h.last.value, 0);
	assert_false(h.last.sack_ok);
	in(SYN, .seq = ISS, .mss = 1460, .scale = 3, .sack_ok = true, .value = 77, .port = 4001);
	out(SYN | ACK, .mss = 1460, .scale = 8, .sack_ok = true, .echo = 77);
}

static void the_syn_acks_window_is_not_scaled(void **state)
{
	(void)state;
	in(SYN, .mss = 1460, .scale = 8);
	out(SYN | ACK, .win = 65535);
	in(ACK, .win = 100);
	write_bytes(1000);
	out(ACK, .seq = 1, .size = 1000); /* 100 << 7 */
}

static void a_window_scale_above_14_is_taken_as_14(void **state)
{
	(void)state;
	in(SYN, .mss = 1460, .scale = 16);
	out(SYN | ACK);
	in(ACK, .win = 1);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.send_window, 1u << 14);
}

static void without_mss_segments_are_small(void **state)
{
	(void)state;
	in(SYN);
	out(SYN | ACK);
	in(ACK);
	write_bytes(2000);
	out(ACK, .seq = 1, .size = SIX ? 1220 : 536);
}

/* Options count: whoever can take so little gets neither timestamps nor SACK blocks. */
static void a_tiny_mss_is_not_exceeded(void **state)
{
	static const uint16_t sizes[] = { 1, 12, 20, 63 };
	(void)state;
	h.stamps = true;
	for (uint32_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
		h.peer = (uint16_t)(4000 + k);
		h.seq = ISS;
		h.ack = 0;
		in(SYN, .mss = sizes[k], .sack_ok = true);
		out(SYN | ACK);
		assert_false(h.last.sack_ok || h.last.value);
		in(ACK, .no_stamp = true);
		/* What came out of order would have SACK blocks. */
		in(ACK, .seq = h.seq + 10, .size = 10, .no_stamp = true);
		out(ACK);
		assert_int_equal(h.last.sack_count, 0);
		write_bytes(200);
		out(ACK, .seq = 1, .size = sizes[k]);
		skip_all();
	}
}

static void an_mss_of_0_says_nothing(void **state)
{
	(void)state;
	in(SYN, .mss = ZERO_MSS);
	out(SYN | ACK);
	in(ACK);
	write_bytes(2000);
	out(ACK, .seq = 1, .size = SIX ? 1220 : 536);
}

/* A SYN-ACK's timestamps are agreed on by that: they come off the little there is. */
static void a_tiny_mss_in_a_syn_ack_is_not_exceeded(void **state)
{
	(void)state;
	h.stamps = true;
	connecting();
	in(SYN | ACK, .mss = 40);
	out(ACK, .seq = 1);
	assert_int_not_equal(h.last.value, 0);
	write_bytes(200);
	out(ACK, .seq = 1, .size = 28);
	skip_all();
}

static void a_large_mss_is_cut_to_the_interface(void **state)
{
	(void)state;
	in(SYN, .mss = 9000);
	out(SYN | ACK);
	in(ACK);
	write_bytes(3000);
	out(ACK, .seq = 1, .size = 1460);
}

static void timestamps_take_room_from_segments(void **state)
{
	(void)state;
	opened_fully();
	write_bytes(3000);
	out(ACK, .seq = 1, .size = 1448);
}

static void a_lost_syn_ack_is_repeated_with_back_off(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	pass(990);
	quiet();
	pass(20);
	out(SYN | ACK, .ack = FIRST);
	pass(1980);
	quiet();
	pass(40);
	out(SYN | ACK, .ack = FIRST);
	in(ACK);
	state_is(TCP_ESTABLISHED);
}

static void a_syn_ack_that_nobody_answers_is_given_up(void **state)
{
	(void)state;
	uint32_t n = 0;
	in(SYN, .mss = 1460);
	for (uint32_t k = 0; k < 200; k++) {
		pass(1000);
		n += skip_all();
	}
	assert_in_range(n, 4, 8);
	state_is(TCP_CLOSED);
	counted(TCP_NOW_OPEN, 0);
}

static void a_repeated_syn_gets_the_same_syn_ack(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	uint32_t iss = h.iss;
	in(SYN, .seq = ISS, .mss = 1460);
	out(SYN | ACK, .ack = FIRST);
	assert_int_equal(h.iss, iss);
}

static void a_wrong_ack_in_syn_received_is_reset(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(ACK, .ack = 99);
	out(RST, .seq = 99);
	state_is(TCP_SYN_RECEIVED);
}

static void a_reset_in_syn_received_ends_it_silently(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(RST);
	quiet();
	state_is(TCP_CLOSED);
}

static void a_syn_to_a_closed_port_is_reset(void **state)
{
	(void)state;
	h.us = 81;
	in(SYN, .mss = 1460);
	out(RST | ACK, .ack = FIRST);
	counted(TCP_COUNT_NO_LISTENER, 1);
}

static void an_ack_to_a_closed_port_is_reset_with_its_number(void **state)
{
	(void)state;
	h.us = 81;
	in(ACK, .ack = 555);
	out(RST, .seq = 555);
}

static void a_reset_to_a_closed_port_is_not_answered(void **state)
{
	(void)state;
	h.us = 81;
	in(RST | ACK, .ack = 5);
	quiet();
}

static void an_ack_to_a_listener_is_reset(void **state)
{
	(void)state;
	in(ACK, .ack = 777);
	out(RST, .seq = 777);
}

static void a_reset_to_a_listener_is_ignored(void **state)
{
	(void)state;
	in(RST);
	quiet();
}

static void a_syn_with_fin_is_ignored(void **state)
{
	(void)state;
	in(SYN | FIN);
	quiet();
	state_is(TCP_CLOSED);
}

static void a_syn_ack_to_a_listener_is_reset(void **state)
{
	(void)state;
	in(SYN | ACK, .ack = 5);
	out(RST, .seq = 5);
}

static void a_segment_with_a_bad_checksum_is_dropped(void **state)
{
	(void)state;
	in(SYN, .mss = 1460, .bad_checksum = true);
	quiet();
	counted(TCP_COUNT_BAD_CHECKSUM, 1);
}

static void connections_are_told_apart_by_port(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK, .port = 4000);
	in(SYN, .seq = 9000, .mss = 1460, .port = 4001);
	out(SYN | ACK, .ack = 9001, .port = 4001);
}

static void initial_numbers_differ_by_connection_and_grow(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	uint32_t first = h.iss;
	in(RST);
	in(SYN, .seq = ISS, .mss = 1460, .port = 4001);
	out(SYN | ACK);
	assert_int_not_equal(first, h.iss);
	in(RST, .seq = FIRST, .port = 4001);
	pass(1000);
	in(SYN, .seq = ISS, .mss = 1460);
	out(SYN | ACK);
	assert_in_range(h.iss - first, 200000, 300000); /* a tick each 4 us */
}

static void a_refused_connection_is_reset(void **state)
{
	(void)state;
	h.refuse = true;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(ACK);
	out(RST | ACK, .seq = 1);
	state_is(TCP_CLOSED);
}

static void a_full_backlog_drops_syns(void **state)
{
	(void)state;
	h.options.backlog = 1;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	tcp_listen_watch(h.listener, NULL, NULL); /* nobody accepts */
	in(ACK);
	in(SYN, .seq = ISS, .mss = 1460, .port = 4001);
	quiet();
	counted(TCP_COUNT_BACKLOG_FULL, 1);
}

static void closing_a_listener_resets_what_waits(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	tcp_listen_watch(h.listener, NULL, NULL);
	in(ACK);
	in(SYN, .seq = ISS, .mss = 1460, .port = 4001);
	out(SYN | ACK);
	tcp_listener_close(h.listener);
	h.listener = NULL;
	assert_int_equal(skip_all(), 2);
	state_is(TCP_CLOSED);
}

static void accepted_connections_outlive_their_listener(void **state)
{
	(void)state;
	opened();
	tcp_listener_close(h.listener);
	h.listener = NULL;
	write_text("still here");
	out(ACK, .data = "still here");
	h.us = 80;
}

static void a_second_listener_on_a_port_is_refused(void **state)
{
	(void)state;
	struct tcp_listener *l;
	in(RST);
	assert_int_equal(tcp_listen(&l, NULL, 80, NULL), ERR_EXISTS);
	assert_int_equal(tcp_listen(&l, NULL, 0, NULL), ERR_INVALID);
}

/* ---- Active ---- */

static void connecting_sends_a_syn_with_all_options(void **state)
{
	(void)state;
	h.us = 50000;
	h.peer = 7;
	connecting();
	assert_true(h.last.sack_ok);
	assert_int_not_equal(h.last.scale, 0);
	assert_int_not_equal(h.last.value, 0);
	state_is(TCP_SYN_SENT);
	in(SYN | ACK, .mss = 1460);
	out(ACK, .seq = 1, .ack = FIRST);
	assert_int_equal(h.opened, 1);
	counted(TCP_COUNT_CONNECTED, 1);
}

static void a_syn_is_repeated_with_back_off(void **state)
{
	(void)state;
	connecting();
	pass(1010);
	out(SYN);
	pass(1000);
	quiet();
	pass(1020);
	out(SYN);
	in(SYN | ACK, .mss = 1460);
	out(ACK);
	assert_int_equal(h.opened, 1);
}

static void connecting_is_given_up_after_the_user_timeout(void **state)
{
	(void)state;
	h.options.user_timeout_ns = 10 * SECOND;
	connecting();
	for (uint32_t k = 0; k < 11; k++) {
		pass(1000);
		skip_all();
	}
	assert_int_equal(h.closed, 1);
	assert_int_equal(h.reason, ERR_TIMEOUT);
	skip_all();
}

static void a_reset_refuses(void **state)
{
	(void)state;
	connecting();
	in(RST | ACK);
	assert_int_equal(h.closed, 1);
	assert_int_equal(h.reason, ERR_REFUSED);
	quiet();
}

static void a_reset_without_ack_does_not_refuse(void **state)
{
	(void)state;
	connecting();
	in(RST);
	quiet();
	state_is(TCP_SYN_SENT);
}

static void a_reset_with_a_wrong_ack_does_not_refuse(void **state)
{
	(void)state;
	connecting();
	in(RST | ACK, .ack = 5);
	quiet();
	state_is(TCP_SYN_SENT);
}

static void a_syn_ack_with_a_wrong_ack_is_reset(void **state)
{
	(void)state;
	connecting();
	in(SYN | ACK, .ack = 5, .mss = 1460);
	out(RST, .seq = 5);
	state_is(TCP_SYN_SENT);
}

static void an_ack_without_syn_in_syn_sent_is_ignored(void **state)
{
	(void)state;
	connecting();
	in(ACK);
	quiet();
	state_is(TCP_SYN_SENT);
}

static void simultaneous_open_meets(void **state)
{
	(void)state;
	connecting();
	in(SYN, .mss = 1460);
	out(SYN | ACK, .ack = FIRST);
	state_is(TCP_SYN_RECEIVED);
	in(SYN | ACK, .seq = ISS, .ack = 1);
	skip_all();
	state_is(TCP_ESTABLISHED);
	assert_int_equal(h.opened, 1);
	in(ACK, .data = "x");
	assert_int_equal(h.got_size, 1);
}

static void simultaneous_open_with_data(void **state)
{
	(void)state;
	connecting();
	in(SYN, .mss = 1460);
	out(SYN | ACK, .ack = FIRST);
	in(SYN | ACK, .seq = ISS, .ack = 1, .data = "abc");
	skip_all();
	assert_true(h.got_size == 0 || h.got[0] == 'a');
}

static void a_taken_local_port_is_told(void **state)
{
	(void)state;
	connecting();
	struct tcp_connection *c;
	assert_int_equal(tcp_connect_watch(&c, address_of(PEER), 7, &h.options, NULL, NULL),
	                 ERR_EXISTS);
	assert_int_equal(tcp_connect_watch(&c, address_of(PEER), 0, NULL, NULL, NULL), ERR_INVALID);
	assert_int_equal(tcp_connect_watch(&c, net_ip4(0xe0000001), 7, NULL, NULL, NULL),
	                 ERR_INVALID);
	assert_int_equal(tcp_connect_watch(&c, net_ip4(SUBNET), 7, NULL, NULL, NULL), ERR_INVALID);
	static const struct net_address group6 = { .bytes = { 0xff, 2, [15] = 1 } };
	assert_int_equal(tcp_connect_watch(&c, group6, 7, NULL, NULL, NULL), ERR_INVALID);
}

static void ephemeral_ports_differ(void **state)
{
	(void)state;
	struct tcp_connection *a, *b;
	struct tcp_info x, y;
	assert_int_equal(tcp_connect_watch(&a, address_of(PEER), 7, NULL, NULL, NULL), OK);
	assert_int_equal(tcp_connect_watch(&b, address_of(PEER), 7, NULL, NULL, NULL), OK);
	tcp_info(a, &x);
	tcp_info(b, &y);
	assert_int_not_equal(x.local_port, y.local_port);
	assert_true(x.local_port >= 32768);
	tcp_abort(a);
	tcp_abort(b);
	skip_all();
}

/* ---- Floods ---- */

static void flood(uint32_t count)
{
	for (uint32_t k = 0; k < count; k++) {
		in(SYN, .seq = ISS, .mss = 1460, .port = (uint16_t)(10000 + k));
		skip_all();
	}
}

static void a_flood_is_answered_with_cookies(void **state)
{
	(void)state;
	flood(TCP_HALF_OPEN_MAX);
	counted(TCP_COUNT_COOKIES_SENT, 0);
	in(SYN, .seq = ISS, .mss = 1400);
	out(SYN | ACK, .ack = FIRST, .mss = 1460);
	counted(TCP_COUNT_COOKIES_SENT, 1);
	state_is(TCP_CLOSED);
	h.seq = FIRST;
	in(ACK, .data = "hi");
	state_is(TCP_ESTABLISHED);
	counted(TCP_COUNT_COOKIES_GOOD, 1);
	assert_memory_equal(h.got, "hi", 2);
	skip_all();
	write_bytes(3000);
	out(ACK, .seq = 1, .size = 1400); /* the MSS was in the cookie */
}

static void a_cookie_does_not_exceed_a_tiny_mss(void **state)
{
	(void)state;
	flood(TCP_HALF_OPEN_MAX);
	in(SYN, .seq = ISS,
	   .mss = 63); /* none can say that: it has to come again after the flood */
	quiet();
	counted(TCP_COUNT_COOKIES_SENT, 0);
	in(SYN, .seq = ISS, .mss = 64);
	out(SYN | ACK);
	h.seq = FIRST;
	in(ACK);
	skip_all();
	write_bytes(200);
	out(ACK, .seq = 1, .size = 64);
}

static void time_wait_ends_for_a_cookie(void **state)
{
	(void)state;
	to_state(TCP_TIME_WAIT);
	uint32_t next = h.seq;
	flood(TCP_HALF_OPEN_MAX);
	in(SYN, .seq = next + 1000, .mss = 1460);
	out(SYN | ACK, .ack = next + 1001);
	h.seq = next + 1001;
	h.ack = 1;
	in(ACK);
	state_is(TCP_ESTABLISHED);
}

static void a_cookie_brings_options_back_by_the_timestamp(void **state)
{
	(void)state;
	flood(TCP_HALF_OPEN_MAX);
	h.stamps = true;
	in(SYN, .seq = ISS, .mss = 1460, .scale = 8, .sack_ok = true);
	out(SYN | ACK, .sack_ok = true);
	h.seq = FIRST;
	in(ACK, .win = 100);
	state_is(TCP_ESTABLISHED);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_true(i.sack && i.timestamps && i.window_scaling);
	assert_int_equal(i.send_window, 100 << 7);
}

static void a_wrong_cookie_is_reset(void **state)
{
	(void)state;
	flood(TCP_HALF_OPEN_MAX);
	in(SYN, .seq = ISS, .mss = 1460);
	out(SYN | ACK);
	h.seq = FIRST;
	in(ACK, .ack = 2);
	out(RST, .seq = 2);
	counted(TCP_COUNT_COOKIES_BAD, 1);
	state_is(TCP_CLOSED);
}

static void an_old_cookie_is_reset(void **state)
{
	(void)state;
	flood(TCP_HALF_OPEN_MAX);
	in(SYN, .seq = ISS, .mss = 1460);
	out(SYN | ACK);
	uint32_t iss = h.iss;
	pass(200000);
	skip_all();
	h.iss = iss;
	h.seq = FIRST;
	in(ACK, .ack = 1);
	out(RST, .seq = 1);
}

static void without_a_flood_no_ack_is_taken_for_a_cookie(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(RST);
	in(ACK, .seq = FIRST);
	out(RST);
	counted(TCP_COUNT_COOKIES_BAD, 0);
}

/* ---- By name: RFC 8305 ---- */

static bool it_answers(uint64_t deadline)
{
	(void)deadline;
	out(SYN, .mss = 1460, .port = 7);
	in(SYN | ACK, .mss = 1460);
	out(ACK, .seq = 1, .ack = FIRST);
	return true;
}

static bool it_refuses(uint64_t deadline)
{
	(void)deadline;
	out(SYN, .mss = 1460, .port = 7);
	in(RST | ACK);
	return true;
}

static bool it_is_silent(uint64_t deadline)
{
	if (deadline > world_now())
		world_advance(deadline - world_now());
	return false;
}

static int connect_by_name(const char *name, bool (*meanwhile)(uint64_t), struct tcp_connection **c)
{
	h.us = 50000;
	h.peer = 7;
	h.iss = 0;
	h.options.local_port = 50000;
	world.on_wait = meanwhile;
	int error = resolver_connect(c, name, 7, &h.options, world_now() + SECOND);
	world.on_wait = NULL;
	return error;
}

static void a_connection_to_a_name_is_the_first_that_answers(void **state)
{
	struct tcp_connection *c = NULL;
	(void)state;
	assert_int_equal(connect_by_name(SIX ? "2001:db8::a00:9" : "10.0.0.9", it_answers, &c), OK);
	assert_non_null(c);
	struct tcp_info info;
	tcp_info(c, &info);
	assert_int_equal(info.state, TCP_ESTABLISHED);
	assert_true(net_address_same(info.remote, address_of(PEER)));
	tcp_abort(c);
	skip_all();
	pass(1);
}

static void a_connection_to_a_name_ends_with_its_last_error(void **state)
{
	struct tcp_connection *c = NULL;
	(void)state;
	assert_int_equal(connect_by_name(SIX ? "2001:db8::a00:9" : "10.0.0.9", it_refuses, &c),
	                 ERR_REFUSED);
	uint64_t start = world_now();
	assert_int_equal(connect_by_name(SIX ? "2001:db8::a00:9" : "10.0.0.9", it_is_silent, &c),
	                 ERR_TIMEOUT);
	assert_int_equal(world_now() - start, SECOND);
	assert_null(c);
	skip_all();
	assert_int_equal(connect_by_name("2001:db9::1", it_is_silent, &c), ERR_UNREACHABLE);
	assert_int_equal(connect_by_name("2001:db8:::1", it_is_silent, &c), ERR_MALFORMED);
}

int main(void)
{
	static const struct scenario list[] = {
		/* First: nothing has used TCP in this process. */
		S("9293 §3.10.7.1", whoever_comes_before_the_first_listener_is_reset),
		S("9293 §3.5", a_syn_is_answered_and_the_ack_opens),
		S("9293 §3.10.7.4", data_on_the_handshakes_ack_is_taken),
		S("9293 §3.4", data_on_a_syn_is_not_taken_but_comes_again),
		S("9293 §3.10.7.4", a_fin_on_the_handshakes_ack_is_taken),
		S("7323 §1.3", options_are_offered_back_only_if_offered),
		S("7323 §2.2", the_syn_acks_window_is_not_scaled),
		S("7323 §2.3", a_window_scale_above_14_is_taken_as_14),
		S("9293 §3.7.1", without_mss_segments_are_small),
		S("9293 §3.7.1", a_tiny_mss_is_not_exceeded),
		S("9293 §3.7.1", a_tiny_mss_in_a_syn_ack_is_not_exceeded),
		S("9293 §3.7.1", an_mss_of_0_says_nothing),
		S("9293 §3.7.1", a_large_mss_is_cut_to_the_interface),
		S("6691", timestamps_take_room_from_segments),
		S("6298 §5.5", a_lost_syn_ack_is_repeated_with_back_off),
		S("9293 §3.8.3", a_syn_ack_that_nobody_answers_is_given_up),
		S("9293 §3.5", a_repeated_syn_gets_the_same_syn_ack),
		S("9293 §3.10.7.4", a_wrong_ack_in_syn_received_is_reset),
		S("9293 §3.10.7.4", a_reset_in_syn_received_ends_it_silently),
		S("9293 §3.10.7.1", a_syn_to_a_closed_port_is_reset),
		S("9293 §3.10.7.1", an_ack_to_a_closed_port_is_reset_with_its_number),
		S("9293 §3.10.7.1", a_reset_to_a_closed_port_is_not_answered),
		S("9293 §3.10.7.2", an_ack_to_a_listener_is_reset),
		S("9293 §3.10.7.2", a_reset_to_a_listener_is_ignored),
		S("9293 §3.10.7.2", a_syn_with_fin_is_ignored),
		S("9293 §3.10.7.2", a_syn_ack_to_a_listener_is_reset),
		S("9293 §3.1", a_segment_with_a_bad_checksum_is_dropped),
		S("9293 §3.1", connections_are_told_apart_by_port),
		S("6528 §3", initial_numbers_differ_by_connection_and_grow),
		S("9293 §3.10.5", a_refused_connection_is_reset),
		S("4987 §3", a_full_backlog_drops_syns),
		S("9293 §3.10.4", closing_a_listener_resets_what_waits),
		S("9293 §3.10.4", accepted_connections_outlive_their_listener),
		S("9293 §3.10.1", a_second_listener_on_a_port_is_refused),
		S("9293 §3.10.1", connecting_sends_a_syn_with_all_options),
		S("6298 §5.5", a_syn_is_repeated_with_back_off),
		S("9293 §3.8.3", connecting_is_given_up_after_the_user_timeout),
		S("9293 §3.10.7.3", a_reset_refuses),
		S("9293 §3.10.7.3", a_reset_without_ack_does_not_refuse),
		S("9293 §3.10.7.3", a_reset_with_a_wrong_ack_does_not_refuse),
		S("9293 §3.10.7.3", a_syn_ack_with_a_wrong_ack_is_reset),
		S("9293 §3.10.7.3", an_ack_without_syn_in_syn_sent_is_ignored),
		S("9293 §3.5", simultaneous_open_meets),
		S("9293 §3.10.7.4", simultaneous_open_with_data),
		S("9293 §3.10.1", a_taken_local_port_is_told),
		S("6056 §3.3", ephemeral_ports_differ),
		S("4987 §3.6", a_flood_is_answered_with_cookies),
		S("4987 §3.6", a_cookie_does_not_exceed_a_tiny_mss),
		S("4987 §3.6", time_wait_ends_for_a_cookie),
		S("4987 §3.6", a_cookie_brings_options_back_by_the_timestamp),
		S("4987 §3.6", a_wrong_cookie_is_reset),
		S("4987 §3.6", an_old_cookie_is_reset),
		S("4987 §3.6", without_a_flood_no_ack_is_taken_for_a_cookie),
		S("8305 §5", a_connection_to_a_name_is_the_first_that_answers),
		S("8305 §5", a_connection_to_a_name_ends_with_its_last_error),
	};
	return run_scenarios(list, sizeof list / sizeof *list);
}
