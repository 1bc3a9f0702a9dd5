/* SPDX-License-Identifier: ISC */
/* Data both ways: order, acknowledgment, windows, Nagle, static bytes. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static void taken_data_is_acknowledged_late(void **state)
{
	(void)state;
	opened();
	in(ACK, .data = "abc");
	quiet();
	pass(39);
	quiet();
	pass(2);
	out(ACK, .ack = FIRST + 3);
}

static void two_full_segments_are_acknowledged_at_once(void **state)
{
	(void)state;
	opened();
	in(ACK, .size = 1460);
	quiet();
	in(ACK, .size = 1460);
	out(ACK, .ack = FIRST + 2920);
}

static void an_answer_carries_the_acknowledgment(void **state)
{
	(void)state;
	opened();
	in(ACK, .data = "ping");
	write_text("pong");
	out(ACK | PSH, .ack = FIRST + 4, .data = "pong");
	pass(100);
	quiet();
}

static void order_is_restored(void **state)
{
	(void)state;
	opened();
	in(ACK, .seq = FIRST + 3, .data = "def");
	out(ACK, .ack = FIRST);
	assert_int_equal(h.got_size, 0);
	in(ACK, .seq = FIRST, .data = "abc");
	out(ACK, .ack = FIRST + 6);
	assert_memory_equal(h.got, "abcdef", 6);
	counted(TCP_COUNT_OUT_OF_ORDER, 1);
}

static void sacks_tell_what_came(void **state)
{
	(void)state;
	opened_fully();
	in(ACK, .seq = FIRST + 10, .data = "xx");
	out(ACK, .ack = FIRST, .sack_count = 1, .sacks = { { FIRST + 10, FIRST + 12 } });
	in(ACK, .seq = FIRST + 20, .data = "yy");
	out(ACK, .ack = FIRST, .sack_count = 2,
	    .sacks = { { FIRST + 20, FIRST + 22 }, { FIRST + 10, FIRST + 12 } });
	in(ACK, .seq = FIRST + 12, .data = "zz");
	out(ACK, .ack = FIRST, .sack_count = 2,
	    .sacks = { { FIRST + 10, FIRST + 14 }, { FIRST + 20, FIRST + 22 } });
}

static void three_sack_blocks_fit_beside_timestamps(void **state)
{
	(void)state;
	opened_fully();
	for (uint32_t k = 1; k <= 5; k++)
		in(ACK, .seq = FIRST + 10 * k, .data = "x");
	for (uint32_t k = 0; k < 4; k++)
		out(ACK);
	out(ACK, .sack_count = 3,
	    .sacks = { { FIRST + 50, FIRST + 51 },
	               { FIRST + 40, FIRST + 41 },
	               { FIRST + 30, FIRST + 31 } });
}

static void a_duplicate_is_told_by_dsack(void **state)
{
	(void)state;
	opened_fully();
	in(ACK, .data = "abcd");
	pass(50);
	out(ACK, .ack = FIRST + 4);
	in(ACK, .seq = FIRST, .data = "abcd");
	out(ACK, .ack = FIRST + 4, .sack_count = 1, .sacks = { { FIRST, FIRST + 4 } });
	assert_int_equal(h.got_size, 4);
	counted(TCP_COUNT_DUPLICATE, 1);
}

/* RFC 2883 §4.1.2, 4.1.3: the second block is the run in which it lies. */
static void a_duplicate_ahead_of_a_hole_is_told_by_dsack(void **state)
{
	(void)state;
	opened_fully();
	in(ACK, .seq = FIRST + 10, .size = 20);
	out(ACK, .sack_count = 1, .sacks = { { FIRST + 10, FIRST + 30 } });
	in(ACK, .seq = FIRST + 10, .size = 20);
	out(ACK, .ack = FIRST, .sack_count = 2,
	    .sacks = { { FIRST + 10, FIRST + 30 }, { FIRST + 10, FIRST + 30 } });
	in(ACK, .seq = FIRST + 15, .size = 5);
	out(ACK, .ack = FIRST, .sack_count = 2,
	    .sacks = { { FIRST + 15, FIRST + 20 }, { FIRST + 10, FIRST + 30 } });
	in(ACK, .seq = FIRST + 40, .size = 10); /* something else is no duplicate */
	out(ACK, .ack = FIRST, .sack_count = 2,
	    .sacks = { { FIRST + 40, FIRST + 50 }, { FIRST + 10, FIRST + 30 } });
}

/* §4.2.1, 4.2.2: parts of a segment. */
static void what_overlaps_ahead_of_a_hole_is_told_by_dsack(void **state)
{
	(void)state;
	opened_fully();
	in(ACK, .seq = FIRST + 10, .size = 10);
	skip_all();
	in(ACK, .seq = FIRST + 15, .size = 10); /* its front */
	out(ACK, .ack = FIRST, .sack_count = 2,
	    .sacks = { { FIRST + 15, FIRST + 20 }, { FIRST + 10, FIRST + 25 } });
	in(ACK, .seq = FIRST + 5, .size = 10); /* its end */
	out(ACK, .ack = FIRST, .sack_count = 2,
	    .sacks = { { FIRST + 10, FIRST + 15 }, { FIRST + 5, FIRST + 25 } });
	in(ACK, .seq = FIRST + 40, .size = 10);
	skip_all();
	in(ACK, .seq = FIRST + 20, .size = 30); /* of two runs: the first (§4.2.3) */
	out(ACK, .ack = FIRST, .sack_count = 2,
	    .sacks = { { FIRST + 20, FIRST + 25 }, { FIRST + 5, FIRST + 50 } });
}

static void what_closes_a_hole_and_overlaps_is_told_by_dsack(void **state)
{
	(void)state;
	for (uint32_t taken = 0; taken < 2; taken++) { /* kept, or shown in place */
		h.peer = (uint16_t)(4000 + taken);
		h.seq = ISS;
		h.ack = 0;
		h.got_size = 0;
		opened_fully();
		h.take = taken ? UINT32_MAX : 0;
		in(ACK, .seq = FIRST + 10, .size = 10);
		skip_all();
		in(ACK, .seq = FIRST, .size = 30);
		out(ACK, .ack = FIRST + 30, .sack_count = 1,
		    .sacks = { { FIRST + 10, FIRST + 20 } });
		in(ACK, .seq = FIRST + 40, .size = 10);
		skip_all();
		in(ACK, .seq = FIRST + 25, .size = 15); /* adjacent is no overlap: old bytes are */
		out(ACK, .ack = FIRST + 50, .sack_count = 1,
		    .sacks = { { FIRST + 25, FIRST + 30 } });
	}
}

static void overlapping_data_is_taken_once(void **state)
{
	(void)state;
	opened();
	in(ACK, .data = "abcd");
	in(ACK, .seq = FIRST + 2, .data = "cdef");
	assert_int_equal(h.got_size, 6);
	assert_memory_equal(h.got, "abcdef", 6);
}

static void no_sack_without_agreement(void **state)
{
	(void)state;
	opened();
	in(ACK, .seq = FIRST + 10, .data = "xx");
	out(ACK, .ack = FIRST);
	assert_int_equal(h.last.sack_count, 0);
}

static void what_the_handler_leaves_is_shown_again(void **state)
{
	(void)state;
	opened();
	h.take = 2;
	in(ACK, .data = "abcdef");
	assert_int_equal(h.got_size, 2);
	h.take = UINT32_MAX;
	tcp_resume(h.c);
	world_turn();
	assert_memory_equal(h.got, "abcdef", 6);
}

static void what_waits_comes_before_what_comes(void **state)
{
	(void)state;
	opened();
	h.take = 0;
	in(ACK, .data = "abc");
	in(ACK, .data = "def");
	assert_int_equal(h.got_size, 0);
	h.take = UINT32_MAX;
	in(ACK, .data = "ghi");
	assert_memory_equal(h.got, "abcdefghi", 9);
}

static void what_is_left_may_have_come_before(void **state)
{
	(void)state;
	opened();
	in(ACK, .seq = FIRST + 2, .data = "cd");
	out(ACK, .ack = FIRST);
	h.take = 2;
	in(ACK, .seq = FIRST, .data = "abcdef");
	h.take = UINT32_MAX;
	tcp_resume(h.c);
	world_turn();
	assert_int_equal(h.got_size, 6);
	assert_memory_equal(h.got, "abcdef", 6);
}

static void the_window_closes_while_nothing_is_taken(void **state)
{
	(void)state;
	opened();
	h.take = 0;
	uint32_t sent = 0;
	while (sent < 65535) {
		uint32_t n = 65535 - sent < 1460 ? 65535 - sent : 1460;
		in(ACK, .size = n);
		sent += n;
	}
	pass(50);
	skip_all();
	assert_int_equal(h.last.win, 0);
	in(ACK, .size = 1);
	out(ACK, .ack = FIRST + 65535, .win = NO_WINDOW);
	h.take = UINT32_MAX;
	tcp_resume(h.c);
	out(ACK, .ack = FIRST + 65535);
	assert_true(h.last.win > 32768);
	assert_int_equal(h.got_size, 65535);
}

static void a_little_room_is_not_told(void **state)
{
	(void)state;
	opened();
	h.take = 0;
	for (uint32_t k = 0; k < 44; k++)
		in(ACK, .size = 1460);
	skip_all();
	h.take = 100; /* a call */
	tcp_resume(h.c);
	quiet();
}

static void the_window_grows_with_what_is_taken(void **state)
{
	(void)state;
	opened_fully();
	struct tcp_info before, after;
	write_text("x"); /* for a round-trip time */
	out(ACK, .size = 1);
	pass(10);
	in(ACK, .win = 4096);
	tcp_info(h.c, &before);
	for (uint32_t round = 0; round < 10; round++) {
		for (uint32_t k = 0; k < 30; k++)
			in(ACK, .size = 1448, .win = 4096);
		h.got_size = 0;
		pass(10);
		skip_all();
	}
	tcp_info(h.c, &after);
	assert_true(after.receive_window > 2 * before.receive_window);
}

/* ---- Sending ---- */

static void writes_of_one_turn_leave_as_one_segment(void **state)
{
	(void)state;
	opened();
	tcp_write_some(h.c, "a", 1);
	tcp_write_some(h.c, "bc", 2);
	tcp_write_some(h.c, "def", 3);
	out(ACK | PSH, .seq = 1, .data = "abcdef");
	quiet();
}

static void push_marks_the_last_segment(void **state)
{
	(void)state;
	opened();
	write_bytes(3000);
	struct packet p;
	uint32_t flags[3];
	for (uint32_t k = 0; k < 3; k++) {
		assert_true(world_sent(&p));
		flags[k] = p.bytes[54 + MORE - 7];
	}
	assert_int_equal(flags[0] & PSH, 0);
	assert_int_equal(flags[1] & PSH, 0);
	assert_int_not_equal(flags[2] & PSH, 0);
}

static void ten_segments_go_first(void **state)
{
	(void)state;
	opened();
	write_bytes(60000);
	assert_int_equal(skip_all(), 10);
	in(ACK, .ack = 1461);
	out(ACK, .seq = 14601, .size = 1460);
	out(ACK, .seq = 16061, .size = 1460);
	quiet();
}

static void the_peers_window_is_respected(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(ACK, .win = 4000);
	write_bytes(10000);
	out(ACK, .seq = 1, .size = 1460);
	out(ACK, .seq = 1461, .size = 1460);
	quiet(); /* 1080 bytes of window are less than half of it and no full segment */
	in(ACK, .ack = 2921, .win = 4000);
	out(ACK, .seq = 2921, .size = 1460);
	out(ACK, .seq = 4381, .size = 1460);
}

static void half_of_a_small_window_is_used(void **state)
{
	(void)state;
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(ACK, .win = 1000);
	write_bytes(5000);
	out(ACK, .seq = 1, .size = 1000);
}

static void nagle_holds_a_second_small_segment(void **state)
{
	(void)state;
	opened();
	write_text("a");
	out(ACK, .seq = 1, .data = "a");
	write_text("b");
	write_text("c");
	quiet();
	in(ACK);
	out(ACK, .seq = 2, .data = "bc");
}

static void nagle_does_not_hold_full_segments(void **state)
{
	(void)state;
	opened();
	write_text("a");
	out(ACK, .seq = 1, .size = 1);
	write_bytes(1460);
	out(ACK, .seq = 2, .size = 1460);
}

static void nagle_does_not_hold_the_tail_of_a_large_write(void **state)
{
	(void)state;
	opened();
	write_bytes(2000);
	out(ACK, .seq = 1, .size = 1460);
	out(ACK, .seq = 1461, .size = 540);
}

static void no_delay_sends_at_once(void **state)
{
	(void)state;
	h.options.no_delay = true;
	opened();
	write_text("a");
	out(ACK, .data = "a");
	write_text("b");
	out(ACK, .data = "b");
}

static void nagle_lets_the_end_go(void **state)
{
	(void)state;
	opened();
	write_text("a");
	out(ACK, .data = "a");
	tcp_write_some(h.c, "bye", 3);
	tcp_shutdown(h.c);
	out(FIN | ACK, .seq = 2, .data = "bye");
}

static void static_bytes_and_copied_ones_keep_their_order(void **state)
{
	(void)state;
	static const char body[] = "static-body";
	opened();
	tcp_write_some(h.c, "head:", 5);
	assert_int_equal(tcp_write_static(h.c, body, 11), OK);
	tcp_write_some(h.c, ":tail", 5);
	out(ACK, .data = "head:static-body:tail");
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.unacknowledged, 21);
	in(ACK);
	assert_int_equal(h.drained, 1);
}

static void too_many_pieces_are_refused(void **state)
{
	(void)state;
	static const char bytes[4 * TCP_PIECES_MAX];
	opened();
	int error = OK;
	uint32_t n = 0;
	for (; !error && n < 2 * TCP_PIECES_MAX; n++)
		error = tcp_write_static(h.c, bytes + 2 * (n % TCP_PIECES_MAX), 1);
	assert_int_equal(error, ERR_MEMORY);
	assert_int_equal(n, TCP_PIECES_MAX + 1);
}

static void the_send_buffer_has_an_end_and_says_when_there_is_room(void **state)
{
	(void)state;
	h.options.send_max = 8192;
	opened();
	uint8_t bytes[10000] = { 0 };
	assert_int_equal(tcp_write_some(h.c, bytes, sizeof bytes), 8192);
	assert_int_equal(tcp_write_some(h.c, bytes, 1), 0);
	assert_int_equal(tcp_write_room(h.c), 0);
	skip_all();
	in(ACK, .ack = 1461);
	assert_int_equal(h.writable, 0);
	in(ACK, .ack = 1 + 4380);
	assert_int_equal(h.writable, 1);
	in(ACK);
	assert_int_equal(h.drained, 1);
}

static void drained_is_told_once_each_time(void **state)
{
	(void)state;
	opened();
	write_text("a");
	out(ACK, .size = 1);
	in(ACK);
	in(ACK, .data = "x");
	assert_int_equal(h.drained, 1);
	write_text("b");
	out(ACK, .size = 1);
	in(ACK);
	assert_int_equal(h.drained, 2);
}

static void a_handler_may_answer_at_once(void **state);
static void answer(void)
{
	tcp_write_some(h.c, h.got, h.got_size);
}

static void a_handler_may_answer_at_once(void **state)
{
	(void)state;
	opened();
	h.on_received = answer;
	in(ACK, .data = "echo");
	out(ACK, .ack = FIRST + 4, .data = "echo");
}

static void kill_it(void)
{
	tcp_abort(h.c);
	h.c = NULL;
}

static void a_handler_may_abort(void **state)
{
	(void)state;
	opened();
	h.on_received = kill_it;
	in(ACK, .data = "die");
	out(RST | ACK, .seq = 1);
	state_is(TCP_CLOSED);
	assert_int_equal(h.closed, 0);
}

static void close_it(void)
{
	tcp_close(h.c);
	h.c = NULL;
}

static void a_handler_may_close(void **state)
{
	(void)state;
	opened();
	h.on_received = close_it;
	in(ACK, .data = "bye");
	out(FIN | ACK, .seq = 1, .ack = FIRST + 3);
	in(FIN | ACK);
	out(ACK);
	state_is(TCP_TIME_WAIT);
}

static void figures_tell_what_is_on_its_way(void **state)
{
	(void)state;
	opened();
	struct tcp_info i;
	write_bytes(20000);
	skip_all();
	tcp_info(h.c, &i);
	assert_int_equal(i.unacknowledged, 14600);
	assert_int_equal(i.unsent, 5400);
	assert_int_equal(i.congestion_window, 14600);
	assert_int_equal(i.mss, 1460);
	pass(20);
	in(ACK, .ack = 2921);
	tcp_info(h.c, &i);
	assert_int_equal(i.bytes_sent, 2920);
	assert_in_range(i.rtt_ns, 2 * MILLI,
	                3 * MILLI); /* an eighth of 20 ms: the handshake took no time */
}

static void memory_pressure_leaves_little_room(void **state)
{
	(void)state;
	world.heap_total = 64 << 10; /* half of it is for buffers */
	tcp_stop();                  /* it is looked at when TCP starts */
	in(RST);
	opened();
	uint8_t bytes[65536] = { 0 };
	uint32_t taken = 0, n;
	while ((n = tcp_write_some(h.c, bytes, 4096)))
		taken += n;
	assert_in_range(taken, 4096, 65536);
	skip_all();
}

int main(void)
{
	static const struct scenario list[] = {
		S("9293 §3.8.6.3", taken_data_is_acknowledged_late),
		S("5681 §4.2", two_full_segments_are_acknowledged_at_once),
		S("9293 §3.8.6.3", an_answer_carries_the_acknowledgment),
		S("9293 §3.10.7.4", order_is_restored),
		S("2018 §4", sacks_tell_what_came),
		S("2018 §3", three_sack_blocks_fit_beside_timestamps),
		S("2883 §4", a_duplicate_is_told_by_dsack),
		S("2883 §4.1", a_duplicate_ahead_of_a_hole_is_told_by_dsack),
		S("2883 §4.2", what_overlaps_ahead_of_a_hole_is_told_by_dsack),
		S("2883 §4.2", what_closes_a_hole_and_overlaps_is_told_by_dsack),
		S("9293 §3.10.7.4", overlapping_data_is_taken_once),
		S("2018 §2", no_sack_without_agreement),
		S("9293 §3.9.1", what_the_handler_leaves_is_shown_again),
		S("9293 §3.9.1", what_waits_comes_before_what_comes),
		S("9293 §3.10.7.4", what_is_left_may_have_come_before),
		S("9293 §3.8.6", the_window_closes_while_nothing_is_taken),
		S("9293 §3.8.6.2.2", a_little_room_is_not_told),
		S("7323 §2", the_window_grows_with_what_is_taken),
		S("9293 §3.9.1", writes_of_one_turn_leave_as_one_segment),
		S("9293 §3.9.1", push_marks_the_last_segment),
		S("6928 §2", ten_segments_go_first),
		S("9293 §3.8.6", the_peers_window_is_respected),
		S("9293 §3.8.6.2.1", half_of_a_small_window_is_used),
		S("9293 §3.7.4", nagle_holds_a_second_small_segment),
		S("9293 §3.7.4", nagle_does_not_hold_full_segments),
		S("9293 §3.7.4", nagle_does_not_hold_the_tail_of_a_large_write),
		S("9293 §3.7.4", no_delay_sends_at_once),
		S("9293 §3.7.4", nagle_lets_the_end_go),
		S("9293 §3.9.1", static_bytes_and_copied_ones_keep_their_order),
		S("9293 §3.9.1", too_many_pieces_are_refused),
		S("9293 §3.9.1", the_send_buffer_has_an_end_and_says_when_there_is_room),
		S("9293 §3.9.1", drained_is_told_once_each_time),
		S("9293 §3.9.1", a_handler_may_answer_at_once),
		S("9293 §3.9.1", a_handler_may_abort),
		S("9293 §3.9.1", a_handler_may_close),
		S("9293 §3.9.1", figures_tell_what_is_on_its_way),
		S("9293 §3.8.6", memory_pressure_leaves_little_room),
	};
	return run_scenarios(list, sizeof list / sizeof *list);
}
