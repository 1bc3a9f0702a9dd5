/* SPDX-License-Identifier: ISC */
/* Loss: time-outs, SACK, RACK, tail loss probes, recovery and what follows from mistakes. Segments
 * are 1460 bytes, 1448 with timestamps: F(n) is the first byte of the n-th. */
#include "harness.h"

#include <string.h>

#define F(n_) (1 + 1448 * (n_))

static void sent(uint32_t segments)
{
	write_bytes(1448 * segments);
	assert_int_equal(skip_all(), segments < 10 ? segments : 10);
}

/* Opens with a round trip of 10 ms. */
static void path(void)
{
	opened_fully();
}

static void a_lost_segment_is_repeated_after_the_timeout(void **state)
{
	(void)state;
	opened();
	write_text("lost");
	out(ACK, .seq = 1, .data = "lost");
	pass(195);
	quiet();
	pass(10);
	out(ACK, .seq = 1, .data = "lost");
	counted(TCP_COUNT_TIMEOUTS, 1);
	counted(TCP_COUNT_RETRANSMITTED, 1);
}

static void back_off_doubles(void **state)
{
	(void)state;
	opened();
	write_text("lost");
	out(ACK, .size = 4);
	pass(210);
	out(ACK, .size = 4);
	pass(380);
	quiet();
	pass(30);
	out(ACK, .size = 4);
	pass(770);
	quiet();
	pass(20);
	out(ACK, .size = 4);
}

static void an_acknowledgment_ends_the_back_off(void **state)
{
	(void)state;
	opened();
	write_text("a");
	out(ACK, .size = 1);
	pass(210);
	out(ACK, .size = 1);
	pass(410);
	out(ACK, .size = 1);
	in(ACK);
	write_text("b");
	out(ACK, .seq = 2, .size = 1);
	pass(250);
	out(ACK, .seq = 2, .size = 1);
}

static void after_a_timeout_one_segment_goes(void **state)
{
	(void)state;
	opened();
	write_bytes(14600);
	assert_int_equal(skip_all(), 10);
	pass(210);
	assert_int_equal(skip_all(), 1);
	in(ACK, .ack = 1461);
	assert_int_equal(skip_all(), 2); /* slow start */
	in(ACK, .ack = 1 + 3 * 1460);
	assert_int_equal(skip_all(), 4);
}

static void a_connection_without_answers_is_given_up(void **state)
{
	(void)state;
	h.options.user_timeout_ns = 5 * SECOND;
	opened();
	write_text("anybody?");
	pass(6000);
	assert_int_equal(h.closed, 1);
	assert_int_equal(h.reason, ERR_TIMEOUT);
	skip_all();
	state_is(TCP_CLOSED);
}

static void three_duplicate_acks_repeat_the_first_without_sack(void **state)
{
	(void)state;
	opened();
	write_bytes(14600);
	assert_int_equal(skip_all(), 10);
	in(ACK, .ack = 1461);
	skip_all();
	in(ACK, .ack = 1461);
	in(ACK, .ack = 1461);
	skip_all(); /* limited transmit has nothing to send: the queue is empty */
	in(ACK, .ack = 1461);
	out(ACK, .seq = 1461, .size = 1460);
	counted(TCP_COUNT_RECOVERIES, 1);
}

static void limited_transmit_sends_new_data_on_the_first_duplicates(void **state)
{
	(void)state;
	opened();
	write_bytes(30000);
	assert_int_equal(skip_all(), 10);
	in(ACK, .ack = 1);
	out(ACK, .seq = 14601, .size = 1460);
	in(ACK, .ack = 1);
	out(ACK, .seq = 16061, .size = 1460);
}

static void an_ack_with_data_is_no_duplicate(void **state)
{
	(void)state;
	opened();
	write_bytes(14600);
	skip_all();
	for (uint32_t k = 0; k < 4; k++)
		in(ACK, .ack = 1, .data = "x");
	skip_all();
	counted(TCP_COUNT_RETRANSMITTED, 0);
}

static void a_window_update_is_no_duplicate(void **state)
{
	(void)state;
	opened();
	write_bytes(14600);
	skip_all();
	for (uint32_t k = 0; k < 4; k++)
		in(ACK, .ack = 1, .win = 60000 - k);
	counted(TCP_COUNT_RETRANSMITTED, 0);
	quiet();
}

static void sacks_beyond_a_hole_repeat_it(void **state)
{
	(void)state;
	path();
	sent(10);
	pass(10);
	in(ACK, .ack = 1, .sack_count = 1, .sacks = { { F(1), F(4) } }, .win = 4096);
	out(ACK, .seq = 1, .size = 1448);
	counted(TCP_COUNT_RECOVERIES, 1);
}

static void one_sack_waits_for_reordering(void **state)
{
	(void)state;
	path();
	sent(10);
	pass(10);
	in(ACK, .ack = 1, .sack_count = 1, .sacks = { { F(1), F(2) } }, .win = 4096);
	quiet();
	pass(5); /* a quarter of the smallest round trip later */
	out(ACK, .seq = 1, .size = 1448);
}

static void reordering_costs_nothing(void **state)
{
	(void)state;
	path();
	sent(10);
	pass(10);
	in(ACK, .ack = 1, .sack_count = 1, .sacks = { { F(1), F(2) } }, .win = 4096);
	pass(1);
	in(ACK, .ack = F(2), .win = 4096);
	pass(5);
	assert_int_equal(skip_all(), 0);
	counted(TCP_COUNT_RETRANSMITTED, 0);
	counted(TCP_COUNT_RECOVERIES, 0);
}

static void two_holes_are_both_repeated(void **state)
{
	(void)state;
	path();
	sent(10);
	pass(10);
	in(ACK, .ack = 1, .sack_count = 2, .sacks = { { F(6), F(9) }, { F(1), F(4) } },
	   .win = 4096);
	out(ACK, .seq = 1, .size = 1448);
	in(ACK, .ack = F(4), .sack_count = 1, .sacks = { { F(6), F(9) } }, .win = 4096);
	skip_all();
	in(ACK, .ack = F(4), .sack_count = 1, .sacks = { { F(6), F(10) } }, .win = 4096);
	skip_all();
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_in_range(i.retransmitted, 3, 4); /* segments 0, 4 and 5 */
}

static void recovery_ends_when_all_is_acknowledged(void **state)
{
	(void)state;
	path();
	sent(10);
	pass(10);
	in(ACK, .ack = 1, .sack_count = 1, .sacks = { { F(1), F(10) } }, .win = 4096);
	out(ACK, .seq = 1, .size = 1448);
	pass(10);
	in(ACK, .ack = F(10), .win = 4096);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.congestion_window, i.slow_start_threshold);
	assert_in_range(i.congestion_window, 14480 * 7 / 10 - 1448,
	                14480 * 7 / 10 + 1448); /* CUBIC's beta */
	counted(TCP_COUNT_RECOVERIES, 1);
}

static void newreno_halves(void **state)
{
	(void)state;
	h.options.congestion = &tcp_newreno;
	path();
	sent(10);
	pass(10);
	in(ACK, .ack = 1, .sack_count = 1, .sacks = { { F(1), F(10) } }, .win = 4096);
	out(ACK, .seq = 1, .size = 1448);
	pass(10);
	in(ACK, .ack = F(10), .win = 4096);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.slow_start_threshold, 7240);
}

static void a_lost_retransmission_is_found(void **state)
{
	(void)state;
	path();
	write_bytes(1448 * 30);
	assert_int_equal(skip_all(), 10);
	pass(10);
	in(ACK, .ack = 1, .sack_count = 1, .sacks = { { F(1), F(4) } }, .win = 4096);
	out(ACK, .seq = 1, .size = 1448);
	skip_all();
	pass(10);
	/* What was sent after the retransmission arrives; it does not. */
	in(ACK, .ack = 1, .sack_count = 1, .sacks = { { F(1), F(10) } }, .win = 4096);
	skip_all();
	pass(12);
	in(ACK, .ack = 1, .sack_count = 1, .sacks = { { F(1), F(12) } }, .win = 4096);
	pass(12);
	skip_all();
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_true(i.retransmitted >= 2);
	counted(TCP_COUNT_TIMEOUTS, 0);
}

static void a_lost_tail_is_probed_for(void **state)
{
	(void)state;
	path();
	sent(4);
	pass(10);
	in(ACK, .ack = F(2), .win = 4096);
	pass(25); /* two round trips and a little */
	out(ACK, .seq = F(3), .size = 1448);
	counted(TCP_COUNT_TIMEOUTS, 0);
	in(ACK, .ack = F(2), .sack_count = 1, .sacks = { { F(3), F(4) } }, .win = 4096);
	pass(5);
	out(ACK, .seq = F(2), .size = 1448);
}

static void a_probe_sends_new_data_if_there_is(void **state)
{
	(void)state;
	path();
	write_bytes(1448 * 12);
	assert_int_equal(skip_all(), 10);
	pass(25);
	out(ACK, .seq = F(10), .size = 1448);
	counted(TCP_COUNT_PROBES, 1);
	counted(TCP_COUNT_TIMEOUTS, 0);
}

static void one_probe_and_then_the_timeout(void **state)
{
	(void)state;
	path();
	sent(3);
	pass(30);
	out(ACK, .seq = F(2), .size = 1448);
	pass(300);
	out(ACK, .seq = 1, .size = 1448);
	counted(TCP_COUNT_TIMEOUTS, 1);
}

static void a_spurious_timeout_is_undone_by_timestamps(void **state)
{
	(void)state;
	path();
	sent(10);
	pass(10);
	uint32_t echo = h.echo;
	pass(400); /* nothing is lost: the path stands still */
	skip_all();
	counted(TCP_COUNT_TIMEOUTS, 1);
	/* The acknowledgments of the originals come. */
	in(ACK, .ack = F(5), .echo = echo, .win = 4096);
	counted(TCP_COUNT_SPURIOUS, 1);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_in_range(i.congestion_window, 14480, 14480 + 7240);
}

static void a_spurious_recovery_is_undone_by_dsack(void **state)
{
	(void)state;
	path();
	sent(10);
	pass(10);
	in(ACK, .ack = 1, .sack_count = 1, .sacks = { { F(1), F(4) } }, .win = 4096);
	out(ACK, .seq = 1, .size = 1448);
	/* The original comes late, then the copy: all is there, and one twice. */
	in(ACK, .ack = F(4), .win = 4096, .echo = h.echo);
	in(ACK, .ack = F(4), .sack_count = 1, .sacks = { { 1, F(1) } }, .win = 4096);
	counted(TCP_COUNT_SPURIOUS, 1);
}

static void karn_takes_no_sample_from_a_copy(void **state)
{
	(void)state;
	opened();
	write_text("a");
	out(ACK, .size = 1);
	struct tcp_info before, after;
	tcp_info(h.c, &before);
	pass(210);
	out(ACK, .size = 1);
	pass(500);
	skip_all();
	in(ACK);
	tcp_info(h.c, &after);
	assert_int_equal(before.rtt_ns, after.rtt_ns);
}

static void timestamps_measure_copies(void **state)
{
	(void)state;
	path();
	write_text("a");
	out(ACK, .size = 1);
	pass(300);
	skip_all();
	uint32_t echo = h.echo;
	pass(30);
	in(ACK, .echo = echo, .win = 4096);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_true(i.rtt_ns > 10 * MILLI);
}

static void the_timeout_follows_the_round_trip(void **state)
{
	(void)state;
	path();
	for (uint32_t k = 0; k < 30; k++) {
		write_text("x");
		out(ACK, .size = 1);
		pass(100);
		in(ACK, .win = 4096);
		skip_all();
	}
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_in_range(i.rtt_ns, 90 * MILLI, 110 * MILLI);
	assert_in_range(i.rto_ns, 290 * MILLI, 320 * MILLI);
}

static void an_idle_connection_starts_anew(void **state)
{
	(void)state;
	path();
	for (uint32_t round = 0; round < 3; round++) { /* the window grows */
		write_bytes(1448 * 40);
		while (skip_all()) {
			pass(10);
			in(ACK, .win = 4096);
		}
	}
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_true(i.congestion_window > 30 * 1448);
	pass(10000);
	write_bytes(1448 * 40);
	assert_int_equal(skip_all(), 10);
}

static void what_is_not_used_does_not_grow(void **state)
{
	(void)state;
	path();
	for (uint32_t k = 0; k < 50; k++) {
		write_text("small");
		skip_all();
		pass(10);
		in(ACK, .win = 4096);
	}
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_in_range(i.congestion_window, 14480, 14480 + 5 * 1448);
}

static void slow_start_doubles(void **state)
{
	(void)state;
	path();
	write_bytes(1448 * 100);
	assert_int_equal(skip_all(), 10);
	pass(10);
	in(ACK, .win = 4096);
	assert_int_equal(skip_all(), 20);
	pass(10);
	in(ACK, .win = 4096);
	assert_int_equal(skip_all(), 40);
}

static void reneged_sacks_are_forgotten_by_the_timeout(void **state)
{
	(void)state;
	path();
	sent(5);
	pass(10);
	in(ACK, .ack = 1, .sack_count = 1, .sacks = { { F(1), F(5) } }, .win = 4096);
	out(ACK, .seq = 1, .size = 1448);
	pass(5);
	in(ACK, .ack = F(1),
	   .win = 4096); /* nothing of the rest is acknowledged: it was thrown away */
	skip_all();
	pass(1000);
	uint32_t n = skip_all();
	assert_true(n >= 1);
	in(ACK, .ack = F(2), .win = 4096);
	skip_all();
	in(ACK, .ack = F(5), .win = 4096);
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.unacknowledged, 0);
}

static void nonsense_in_sacks_does_no_harm(void **state)
{
	(void)state;
	path();
	sent(10);
	in(ACK, .ack = 1, .sack_count = 3,
	   .sacks = { { F(3), F(2) }, { F(8), F(80) }, { 0x80000000u, 0x7fffffffu } }, .win = 4096);
	quiet();
	struct tcp_info i;
	tcp_info(h.c, &i);
	assert_int_equal(i.unacknowledged, 14480);
	counted(TCP_COUNT_RETRANSMITTED, 0);
}

/* ---- ECN ---- */

static void ecn_is_agreed_to_if_asked_for(void **state)
{
	(void)state;
	in(SYN | ECE | CWR, .mss = 1460);
	out(SYN | ACK | ECE);
	in(ACK);
	write_text("x");
	out(ACK, .data = "x", .ect = true);
}

static void ecn_can_be_declined(void **state)
{
	(void)state;
	h.options.no_ecn = true;
	in(SYN | ECE | CWR, .mss = 1460);
	out(SYN | ACK);
}

static void a_congestion_mark_is_echoed_until_cwr(void **state)
{
	(void)state;
	in(SYN | ECE | CWR, .mss = 1460);
	out(SYN | ACK | ECE);
	in(ACK);
	in(ACK, .data = "a", .ce = true);
	out(ACK | ECE, .ack = FIRST + 1);
	in(ACK, .data = "b");
	pass(50);
	out(ACK | ECE, .ack = FIRST + 2);
	in(ACK | CWR, .data = "c");
	pass(50);
	out(ACK, .ack = FIRST + 3);
}

static void an_echo_cuts_the_window_once_a_round_trip(void **state)
{
	(void)state;
	in(SYN | ECE | CWR, .mss = 1460);
	out(SYN | ACK | ECE);
	in(ACK);
	write_bytes(1460 * 10);
	skip_all();
	in(ACK | ECE, .ack = 1461);
	struct tcp_info a, b;
	tcp_info(h.c, &a);
	assert_in_range(a.congestion_window, 1, 14600 * 8 / 10);
	in(ACK | ECE, .ack = 2921);
	tcp_info(h.c, &b);
	assert_true(b.congestion_window >= a.congestion_window);
	write_bytes(1460 * 20);
	world_turn();
	in(ACK, .ack = 1 + 14600);
	struct packet p;
	bool told = false;
	while (world_sent(&p))
		told |= p.bytes[SIX ? 20 : 23] == 6 && p.bytes[54 + MORE - 7] & CWR;
	assert_true(told);
	counted(TCP_COUNT_RETRANSMITTED, 0);
}

static void retransmissions_are_not_ect(void **state)
{
	(void)state;
	in(SYN | ECE | CWR, .mss = 1460);
	out(SYN | ACK | ECE);
	in(ACK);
	write_text("x");
	out(ACK, .size = 1, .ect = true);
	pass(250);
	out(ACK, .size = 1);
	assert_false(h.last.ect);
}

int main(void)
{
	static const struct scenario list[] = {
		S("6298 §5.4", a_lost_segment_is_repeated_after_the_timeout),
		S("6298 §5.5", back_off_doubles),
		S("6298 §5.7", an_acknowledgment_ends_the_back_off),
		S("5681 §3.1", after_a_timeout_one_segment_goes),
		S("1122 §4.2.3.5", a_connection_without_answers_is_given_up),
		S("5681 §3.2", three_duplicate_acks_repeat_the_first_without_sack),
		S("3042 §2", limited_transmit_sends_new_data_on_the_first_duplicates),
		S("5681 §2", an_ack_with_data_is_no_duplicate),
		S("5681 §2", a_window_update_is_no_duplicate),
		S("8985 §6.2", sacks_beyond_a_hole_repeat_it),
		S("8985 §6.2", one_sack_waits_for_reordering),
		S("8985 §6.2", reordering_costs_nothing),
		S("6675 §5", two_holes_are_both_repeated),
		S("6937 §3", recovery_ends_when_all_is_acknowledged),
		S("5681 §3.1", newreno_halves),
		S("8985 §3.4", a_lost_retransmission_is_found),
		S("8985 §7.3", a_lost_tail_is_probed_for),
		S("8985 §7.3", a_probe_sends_new_data_if_there_is),
		S("8985 §7.3", one_probe_and_then_the_timeout),
		S("3522 §3.2", a_spurious_timeout_is_undone_by_timestamps),
		S("3708 §3", a_spurious_recovery_is_undone_by_dsack),
		S("6298 §3", karn_takes_no_sample_from_a_copy),
		S("7323 §4.1", timestamps_measure_copies),
		S("6298 §2", the_timeout_follows_the_round_trip),
		S("5681 §4.1", an_idle_connection_starts_anew),
		S("7661 §4.4", what_is_not_used_does_not_grow),
		S("5681 §3.1", slow_start_doubles),
		S("2018 §8", reneged_sacks_are_forgotten_by_the_timeout),
		S("6675 §5.1", nonsense_in_sacks_does_no_harm),
		S("3168 §6.1.1", ecn_is_agreed_to_if_asked_for),
		S("3168 §6.1.1", ecn_can_be_declined),
		S("3168 §6.1.3", a_congestion_mark_is_echoed_until_cwr),
		S("3168 §6.1.2", an_echo_cuts_the_window_once_a_round_trip),
		S("3168 §6.1.5", retransmissions_are_not_ect),
	};
	return run_scenarios(list, sizeof list / sizeof *list);
}
