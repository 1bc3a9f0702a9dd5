/* SPDX-License-Identifier: ISC */
/* Ending and enduring: half-close, close, TIME-WAIT, resets, PAWS, closed windows, keep-alive, path
 * MTU. */
#include "harness.h"

#include <string.h>

#include <core/bytes.h>

/* ---- Closing ---- */

static void shutdown_sends_fin_and_reading_goes_on(void **state)
{
	(void)state;
	opened();
	tcp_shutdown(h.c);
	out(FIN | ACK, .seq = 1);
	in(ACK);
	state_is(TCP_FIN_WAIT_2);
	in(ACK, .data = "more");
	assert_memory_equal(h.got, "more", 4);
	pass(200000); /* half-closed for as long as it likes */
	state_is(TCP_FIN_WAIT_2);
	skip_all();
	in(FIN | ACK);
	out(ACK);
	state_is(TCP_TIME_WAIT);
	assert_int_equal(h.closed, 1);
	assert_int_equal(h.reason, OK);
}

static void the_peers_half_close_leaves_us_writing(void **state)
{
	(void)state;
	opened();
	in(FIN | ACK);
	out(ACK, .ack = FIRST + 1);
	assert_int_equal(h.finished, 1);
	assert_int_equal(h.closed, 0);
	write_text("answer");
	out(ACK, .data = "answer");
	in(ACK);
	tcp_shutdown(h.c);
	out(FIN | ACK, .seq = 7);
	in(ACK);
	assert_int_equal(h.closed, 1);
	assert_int_equal(h.reason, OK);
	state_is(TCP_CLOSED);
}

static void simultaneous_close_ends_in_time_wait(void **state)
{
	(void)state;
	to_state(TCP_CLOSING);
	in(ACK, .ack = 2);
	state_is(TCP_TIME_WAIT);
	assert_int_equal(h.closed, 1);
}

static void fin_comes_after_queued_data(void **state)
{
	(void)state;
	opened();
	write_bytes(14600 + 2000);
	tcp_shutdown(h.c);
	assert_int_equal(skip_all(), 10);
	in(ACK);
	out(ACK, .size = 1460);
	out(FIN | ACK, .size = 540);
}

static void a_lost_fin_is_repeated(void **state)
{
	(void)state;
	to_state(TCP_FIN_WAIT_1);
	pass(250);
	out(FIN | ACK, .seq = 1);
}

static void a_fin_out_of_order_waits_for_the_data(void **state)
{
	(void)state;
	opened();
	in(FIN | ACK, .seq = FIRST + 3);
	out(ACK, .ack = FIRST);
	assert_int_equal(h.finished, 0);
	in(ACK, .seq = FIRST, .data = "abc");
	out(ACK, .ack = FIRST + 4);
	assert_int_equal(h.finished, 1);
	assert_string_equal(h.order, "rf");
}

static void finished_is_told_after_everything_was_taken(void **state)
{
	(void)state;
	opened();
	h.take = 0;
	in(FIN | ACK, .data = "last");
	assert_int_equal(h.finished, 0);
	h.take = UINT32_MAX;
	tcp_resume(h.c);
	world_turn();
	assert_int_equal(h.finished, 1);
	assert_memory_equal(h.got, "last", 4);
}

static void nothing_is_written_after_shutdown(void **state)
{
	(void)state;
	opened();
	tcp_shutdown(h.c);
	assert_int_equal(tcp_write_some(h.c, "x", 1), 0);
	assert_int_equal(tcp_write_static(h.c, "x", 1), ERR_CLOSED);
	out(FIN | ACK);
	quiet();
}

static void close_with_unread_data_resets(void **state)
{
	(void)state;
	opened();
	h.take = 0;
	in(ACK, .data = "unread");
	tcp_close(h.c);
	out(RST | ACK, .seq = 1);
	state_is(TCP_CLOSED);
}

static void data_after_close_resets(void **state)
{
	(void)state;
	opened();
	tcp_close(h.c);
	out(FIN | ACK, .seq = 1);
	in(ACK, .data = "too late");
	out(RST | ACK);
	state_is(TCP_CLOSED);
}

static void close_sends_what_is_queued(void **state)
{
	(void)state;
	opened();
	tcp_write_some(h.c, "farewell", 8);
	tcp_close(h.c);
	out(FIN | ACK, .seq = 1, .data = "farewell");
	pass(300);
	out(FIN | ACK, .seq = 1, .data = "farewell");
}

static void an_orphan_in_fin_wait_2_is_given_up(void **state)
{
	(void)state;
	opened();
	tcp_close(h.c);
	out(FIN | ACK);
	in(ACK);
	state_is(TCP_FIN_WAIT_2);
	pass(61000);
	state_is(TCP_CLOSED);
	skip_all();
}

static void abort_resets(void **state)
{
	(void)state;
	opened();
	write_text("never");
	skip_all();
	tcp_abort(h.c);
	out(RST | ACK, .seq = 6);
	state_is(TCP_CLOSED);
	assert_int_equal(h.closed, 0);
}

/* Regression: behind a window that had shrunk it lay outside of it, and the peer waited on. */
static void a_reset_lies_in_the_window_of_who_has_closed_it(void **state)
{
	(void)state;
	opened();
	write_text("never");
	skip_all();
	in(ACK, .ack = 3, .win = NO_WINDOW);
	skip_all();
	tcp_abort(h.c);
	out(RST | ACK, .seq = 3);
}

static void the_end_of_the_image_resets_what_is_open(void **state)
{
	(void)state;
	opened();
	write_text("never");
	skip_all();
	world_last->last();
	out(RST | ACK, .seq = 6);
	assert_int_equal(h.closed, 0);
}

/* ---- TIME-WAIT ---- */

static void time_wait_ends_after_two_msl(void **state)
{
	(void)state;
	to_state(TCP_TIME_WAIT);
	counted(TCP_NOW_TIME_WAIT, 1);
	pass(59000);
	state_is(TCP_TIME_WAIT);
	pass(2000);
	state_is(TCP_CLOSED);
	counted(TCP_NOW_TIME_WAIT, 0);
	counted(TCP_NOW_OPEN, 0);
}

static void a_repeated_fin_restarts_time_wait(void **state)
{
	(void)state;
	to_state(TCP_TIME_WAIT);
	pass(40000);
	in(FIN | ACK, .seq = FIRST);
	out(ACK, .ack = FIRST + 1);
	pass(40000);
	state_is(TCP_TIME_WAIT);
	pass(30000);
	state_is(TCP_CLOSED);
}

static void a_reset_does_not_end_time_wait(void **state)
{
	(void)state;
	to_state(TCP_TIME_WAIT);
	in(RST, .seq = h.seq);
	state_is(TCP_TIME_WAIT);
	quiet();
}

static void time_wait_is_reused_by_a_higher_number(void **state)
{
	(void)state;
	to_state(TCP_TIME_WAIT);
	uint32_t old = h.iss;
	in(SYN, .seq = h.seq + 1000, .mss = 1460);
	out(SYN | ACK);
	assert_true((int32_t)(h.iss - old) > 0);
	counted(TCP_COUNT_TIME_WAIT_REUSED, 1);
}

static void time_wait_is_not_reused_by_a_lower_number(void **state)
{
	(void)state;
	to_state(TCP_TIME_WAIT);
	in(SYN, .seq = h.seq - 1000, .mss = 1460);
	out(ACK, .ack = h.seq);
	state_is(TCP_TIME_WAIT);
}

static void closed_by_us_fully(void)
{
	opened_fully();
	tcp_shutdown(h.c);
	out(FIN | ACK);
	in(ACK);
	in(FIN | ACK);
	out(ACK);
	state_is(TCP_TIME_WAIT);
}

static void time_wait_is_reused_by_a_newer_timestamp(void **state)
{
	(void)state;
	closed_by_us_fully();
	pass(1000);
	in(SYN, .seq = h.seq - 5000, .mss = 1460, .sack_ok = true);
	out(SYN | ACK);
	counted(TCP_COUNT_TIME_WAIT_REUSED, 1);
}

static void time_wait_is_not_reused_by_an_older_timestamp(void **state)
{
	(void)state;
	closed_by_us_fully();
	in(SYN, .seq = h.seq + 5000, .mss = 1460, .value = h.clock - 100);
	out(ACK);
	state_is(TCP_TIME_WAIT);
}

static void time_wait_is_bounded(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < TCP_WAIT_MAX + 10; k++) {
		h.peer = (uint16_t)(1000 + k % 60000);
		h.seq = ISS + k;
		h.ack = 0;
		in(SYN, .mss = 1460);
		skip_all();
		in(ACK);
		tcp_shutdown(h.c);
		skip_all();
		in(FIN | ACK);
		skip_all();
	}
	counted(TCP_NOW_TIME_WAIT, TCP_WAIT_MAX);
}

/* ---- Resets, spoofed segments ---- */

static void an_exact_reset_ends_it(void **state)
{
	(void)state;
	opened();
	in(RST);
	assert_int_equal(h.closed, 1);
	assert_int_equal(h.reason, ERR_RESET);
	counted(TCP_COUNT_RESET_IN, 1);
	quiet();
}

static void a_reset_in_the_window_is_challenged(void **state)
{
	(void)state;
	opened();
	in(RST, .seq = h.seq + 1);
	out(ACK, .seq = 1, .ack = FIRST);
	state_is(TCP_ESTABLISHED);
	counted(TCP_COUNT_CHALLENGES, 1);
}

static void challenges_are_rate_limited(void **state)
{
	(void)state;
	opened();
	for (uint32_t k = 0; k < 50; k++)
		in(RST, .seq = h.seq + 1 + k);
	assert_int_equal(skip_all(), TCP_CHALLENGES);
	pass(5100);
	in(RST, .seq = h.seq + 1);
	assert_int_equal(skip_all(), 1);
}

static void an_ack_far_below_is_challenged(void **state)
{
	(void)state;
	opened();
	in(ACK, .ack = 1u - 100000, .data = "spoofed");
	out(ACK, .ack = FIRST);
	assert_int_equal(h.got_size, 0);
}

static void an_old_timestamp_is_dropped(void **state)
{
	(void)state;
	opened_fully();
	in(ACK, .data = "abc", .value = h.clock - 1000, .seq = FIRST);
	out(ACK, .ack = FIRST);
	assert_int_equal(h.got_size, 0);
	counted(TCP_COUNT_PAWS, 1);
	h.seq = FIRST;
	in(ACK, .data = "abc");
	assert_int_equal(h.got_size, 3);
}

static void what_paws_drops_is_not_sacked(void **state)
{
	(void)state;
	opened_fully();
	/* Three segments of 4; the third comes first, a copy of the first with a newer time next,
	 * then the second, late. */
	uint32_t old = h.clock;
	in(ACK, .seq = FIRST + 8, .data = "cccc", .value = old);
	out(ACK, .ack = FIRST);
	in(ACK, .seq = FIRST, .data = "aaaa", .value = old + 20);
	out(ACK, .ack = FIRST + 4);
	in(ACK, .seq = FIRST + 4, .data = "bbbb", .value = old);
	counted(TCP_COUNT_PAWS, 1);
	out(ACK, .ack = FIRST + 4);
	assert_int_equal(h.got_size, 4);
	assert_int_equal(h.last.sack_count, 1);
}

static void a_wrong_ack_does_not_move_ts_recent(void **state)
{
	(void)state;
	opened_fully();
	in(ACK, .seq = FIRST, .ack = 1u - 2000000, .value = h.clock + 0x40000000);
	skip_all();
	h.seq = FIRST;
	in(ACK, .data = "abc", .seq = FIRST, .value = h.clock + 1);
	skip_all();
	assert_int_equal(h.got_size, 3);
}

static void an_old_timestamp_does_not_save_from_a_reset(void **state)
{
	(void)state;
	opened_fully();
	in(RST, .value = h.clock - 1000);
	assert_int_equal(h.reason, ERR_RESET);
}

static void after_24_days_timestamps_may_go_back(void **state)
{
	(void)state;
	opened_fully();
	pass(25ull * 86400 * 1000);
	skip_all();
	in(ACK, .data = "abc", .value = 3);
	assert_int_equal(h.got_size, 3);
}

static void only_what_is_at_the_edge_is_echoed(void **state)
{
	(void)state;
	opened_fully();
	uint32_t first = h.clock;
	in(ACK, .data = "a");
	h.clock += 100;
	in(ACK, .seq = FIRST + 10, .data = "x");
	out(ACK, .echo = first);
}

/* ---- A window that stays closed ---- */

static void closed_window(void)
{
	in(SYN, .mss = 1460);
	out(SYN | ACK);
	in(ACK, .win = NO_WINDOW);
	write_bytes(100);
	quiet();
}

static void a_closed_window_is_probed(void **state)
{
	(void)state;
	closed_window();
	pass(250);
	out(ACK, .seq = 1, .size = 1);
	h.ack = 1;
	in(ACK, .ack = 1, .win = NO_WINDOW);
	quiet();
	pass(300);
	quiet();
	pass(200);
	out(ACK, .seq = 1, .size = 1);
}

static void a_probe_that_is_taken_goes_on_from_there(void **state)
{
	(void)state;
	closed_window();
	pass(250);
	out(ACK, .seq = 1, .size = 1);
	in(ACK, .ack = 2, .win = 50000);
	out(ACK, .seq = 2, .size = 99);
	in(ACK, .ack = 101);
	assert_int_equal(h.drained, 1);
}

static void an_update_opens_the_window(void **state)
{
	(void)state;
	closed_window();
	in(ACK, .ack = 1, .win = 1000);
	out(ACK, .seq = 1, .size = 100);
}

static void a_peer_that_answers_probes_is_kept(void **state)
{
	(void)state;
	h.options.user_timeout_ns = 20 * SECOND;
	closed_window();
	for (uint32_t k = 0; k < 200; k++) {
		pass(1000);
		if (skip_all())
			in(ACK, .ack = 1, .win = NO_WINDOW);
	}
	state_is(TCP_ESTABLISHED);
	assert_int_equal(h.closed, 0);
}

static void a_peer_that_does_not_answer_probes_is_given_up(void **state)
{
	(void)state;
	h.options.user_timeout_ns = 20 * SECOND;
	closed_window();
	pass(100000);
	assert_int_equal(h.reason, ERR_TIMEOUT);
	skip_all();
}

static void a_shrunk_window_does_no_harm(void **state)
{
	(void)state;
	opened();
	write_bytes(20000);
	assert_int_equal(skip_all(), 10);
	in(ACK, .ack = 1461, .win = 100);
	skip_all();
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.unacknowledged, 13140);
	in(ACK, .ack = 14601, .win = 65535);
	assert_true(skip_all() > 0);
}

/* ---- Keep-alive ---- */

static void idle_connections_are_probed_if_asked_for(void **state)
{
	(void)state;
	h.options.keep_alive_ns = 10 * SECOND;
	opened();
	pass(9000);
	quiet();
	pass(1100);
	out(ACK, .ack = FIRST);
	assert_int_equal(h.last.seq, 0);
	h.ack = 1;
	in(ACK, .ack = 1);
	pass(9000);
	quiet();
	pass(2000);
	out(ACK);
}

static void a_dead_peer_is_found(void **state)
{
	(void)state;
	h.options.keep_alive_ns = SECOND;
	opened();
	pass(30000);
	assert_int_equal(h.reason, ERR_TIMEOUT);
	counted(TCP_COUNT_KEEP_ALIVE_LOST, 1);
	skip_all();
}

static void no_probes_unless_asked_for(void **state)
{
	(void)state;
	opened();
	pass(10000000);
	quiet();
	state_is(TCP_ESTABLISHED);
}

static void a_peers_keep_alive_is_answered(void **state)
{
	(void)state;
	opened();
	in(ACK, .seq = FIRST - 1);
	out(ACK, .seq = 1, .ack = FIRST);
}

/* ---- Path MTU ---- */

static void a_smaller_path_makes_smaller_segments_at_once(void **state)
{
	(void)state;
	opened();
	write_bytes(2920);
	assert_int_equal(skip_all(), 2);
	report_in(3, 4, 1400, 1);
	out(ACK, .seq = 1, .size = 1360);
	out(ACK, .seq = 1361, .size = 1360);
	counted(TCP_COUNT_PMTU_REDUCED, 1);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.mss, 1360);
	assert_true(i.congestion_window >= 14600); /* it was no congestion */
}

static void a_report_about_what_is_not_under_way_is_ignored(void **state)
{
	(void)state;
	opened();
	write_bytes(1460);
	skip_all();
	report_in(3, 4, 600, 100000);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.mss, 1460);
	counted(TCP_COUNT_PMTU_REDUCED, 0);
}

static void a_tiny_path_is_taken_as_296(void **state)
{
	(void)state;
	opened();
	write_bytes(1460);
	skip_all();
	report_in(3, 4, 68, 1);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.mss, 256);
	skip_all();
}

static void an_mtu_that_is_not_told_is_guessed(void **state)
{
	(void)state;
	opened();
	write_bytes(1460);
	skip_all();
	report_in(3, 4, 0, 1);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.mss, 1492 - 40);
	skip_all();
}

static void the_next_connection_remembers_the_path(void **state)
{
	(void)state;
	opened();
	write_bytes(1460);
	skip_all();
	report_in(3, 4, 1300, 1);
	skip_all();
	tcp_abort(h.c);
	skip_all();
	h.peer = 4001;
	h.seq = ISS;
	h.ack = 0;
	opened();
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.mss, 1260);
}

static void a_black_hole_is_left_behind(void **state)
{
	(void)state;
	opened();
	write_bytes(1460);
	out(ACK, .size = 1460);
	pass(210);
	out(ACK, .size = 1460);
	pass(410);
	out(ACK, .size = 1460);
	pass(820);
	out(ACK, .seq = 1, .size = 1240 - MORE);
	counted(TCP_COUNT_BLACK_HOLES, 1);
}

static void unreachable_ends_only_what_is_being_opened(void **state)
{
	(void)state;
	connecting();
	report_in(3, 1, 0, 0);
	assert_int_equal(h.closed, 1);
	assert_int_equal(h.reason, ERR_UNREACHABLE);
}

static void a_closed_port_told_by_icmp_refuses(void **state)
{
	(void)state;
	connecting();
	report_in(3, 3, 0, 0);
	assert_int_equal(h.reason, ERR_REFUSED);
}

static void unreachable_does_not_end_an_open_connection(void **state)
{
	(void)state;
	opened();
	write_text("x");
	skip_all();
	report_in(3, 3, 0, 1);
	report_in(3, 1, 0, 1);
	state_is(TCP_ESTABLISHED);
}

int main(void)
{
	static const struct scenario list[] = {
		S("9293 §3.6", shutdown_sends_fin_and_reading_goes_on),
		S("9293 §3.6", the_peers_half_close_leaves_us_writing),
		S("9293 §3.6", simultaneous_close_ends_in_time_wait),
		S("9293 §3.6", fin_comes_after_queued_data),
		S("9293 §3.6", a_lost_fin_is_repeated),
		S("9293 §3.10.7.4", a_fin_out_of_order_waits_for_the_data),
		S("9293 §3.10.7.4", finished_is_told_after_everything_was_taken),
		S("9293 §3.10.2", nothing_is_written_after_shutdown),
		S("2525 §2.17", close_with_unread_data_resets),
		S("2525 §2.17", data_after_close_resets),
		S("9293 §3.10.4", close_sends_what_is_queued),
		S("9293 §3.6", an_orphan_in_fin_wait_2_is_given_up),
		S("9293 §3.10.5", abort_resets),
		S("9293 §3.10.5", a_reset_lies_in_the_window_of_who_has_closed_it),
		S("9293 §3.10.5", the_end_of_the_image_resets_what_is_open),
		S("9293 §3.6.1", time_wait_ends_after_two_msl),
		S("9293 §3.10.7.4", a_repeated_fin_restarts_time_wait),
		S("1337 §3", a_reset_does_not_end_time_wait),
		S("9293 §3.6.1", time_wait_is_reused_by_a_higher_number),
		S("9293 §3.6.1", time_wait_is_not_reused_by_a_lower_number),
		S("6191 §2", time_wait_is_reused_by_a_newer_timestamp),
		S("6191 §2", time_wait_is_not_reused_by_an_older_timestamp),
		S("4953 §2", time_wait_is_bounded),
		S("5961 §3.2", an_exact_reset_ends_it),
		S("5961 §3.2", a_reset_in_the_window_is_challenged),
		S("5961 §7", challenges_are_rate_limited),
		S("5961 §5.2", an_ack_far_below_is_challenged),
		S("7323 §5.3", an_old_timestamp_is_dropped),
		S("2883 §4", what_paws_drops_is_not_sacked),
		S("5961 §5.2", a_wrong_ack_does_not_move_ts_recent),
		S("7323 §5.2", an_old_timestamp_does_not_save_from_a_reset),
		S("7323 §5.5", after_24_days_timestamps_may_go_back),
		S("7323 §4.3", only_what_is_at_the_edge_is_echoed),
		S("9293 §3.8.6.1", a_closed_window_is_probed),
		S("9293 §3.8.6.1", a_probe_that_is_taken_goes_on_from_there),
		S("9293 §3.8.6.1", an_update_opens_the_window),
		S("9293 §3.8.6.1", a_peer_that_answers_probes_is_kept),
		S("9293 §3.8.6.1", a_peer_that_does_not_answer_probes_is_given_up),
		S("9293 §3.8.6", a_shrunk_window_does_no_harm),
		S("9293 §3.8.4", idle_connections_are_probed_if_asked_for),
		S("9293 §3.8.4", a_dead_peer_is_found),
		S("9293 §3.8.4", no_probes_unless_asked_for),
		S("9293 §3.8.4", a_peers_keep_alive_is_answered),
		S("1191 §6.4", a_smaller_path_makes_smaller_segments_at_once),
		S("5927 §7", a_report_about_what_is_not_under_way_is_ignored),
		S4("5927 §7", a_tiny_path_is_taken_as_296),
		S4("1191 §7", an_mtu_that_is_not_told_is_guessed),
		S("1191 §6.3", the_next_connection_remembers_the_path),
		S("2923 §2.1", a_black_hole_is_left_behind),
		S("5461 §4.1", unreachable_ends_only_what_is_being_opened),
		S("1122 §4.2.3.9", a_closed_port_told_by_icmp_refuses),
		S("5927 §5.2", unreachable_does_not_end_an_open_connection),
	};
	return run_scenarios(list, sizeof list / sizeof *list);
}
