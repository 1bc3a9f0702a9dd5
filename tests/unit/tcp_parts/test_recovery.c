/* SPDX-License-Identifier: ISC */
/*
 * What the sender makes of acknowledgments, step by step: each test sends and hears what its RFC's
 * section describes. Sequence numbers are counted in segments from FIRST, which is shortly before
 * they wrap.
 */
#include <net/tcp/recovery.h>

#include <stdlib.h>

#include <net/tcp.h>

#include "base.h"

#define MSS   1000u
#define FIRST 0xfffff000u
#define MS    NS_PER_MS
#define RTT   (20 * MS)

static struct tcp_recovery r;
static uint64_t now;
static struct recovery_result result;

static uint32_t at(uint32_t segment)
{
	return FIRST + segment * MSS;
}

static void open(bool sack, bool timestamps)
{
	now = 10 * NS_PER_S;
	tcp_recovery_open(&r,
	                  &(struct recovery_setup){ .iss = FIRST,
	                                            .mss = MSS,
	                                            .sack = sack,
	                                            .timestamps = timestamps,
	                                            .congestion = &tcp_newreno },
	                  now);
}

static int with_sack(void **state)
{
	(void)state;
	open(true, true);
	return 0;
}

static int without_sack(void **state)
{
	(void)state;
	open(false, false);
	return 0;
}

static int end(void **state)
{
	(void)state;
	bool valid = tcp_recovery_is_valid(&r);
	base_allocations_left = UINT64_MAX;
	tcp_recovery_close(&r);
	return valid && !base_allocated ? 0 : -1;
}

/* Sends segments [from, to), new or again, each at a moment of its own (10 us). */
static void send(uint32_t from, uint32_t to)
{
	for (uint32_t k = from; k < to; k++) {
		now += 10000;
		assert_true(tcp_recovery_ready(&r));
		tcp_recovery_sent(&r, at(k), at(k + 1), false, now);
		assert_true(tcp_recovery_is_valid(&r));
	}
}

/* An acknowledgment of everything below segment `ack`, and of up to three runs [a, b) of segments;
 * a == b: none. */
struct runs {
	uint32_t run[3][2];
};

static struct recovery_ack ack_of(uint32_t ack, struct runs s)
{
	struct recovery_ack a = { .ack = at(ack) };
	for (int k = 0; k < 3; k++) {
		if (s.run[k][0] == s.run[k][1])
			continue;
		a.sack[a.sack_count][0] = at(s.run[k][0]);
		a.sack[a.sack_count++][1] = at(s.run[k][1]);
	}
	return a;
}

static void hear(const struct recovery_ack *a)
{
	result = tcp_recovery_acknowledged(&r, a, now);
	assert_true(tcp_recovery_is_valid(&r));
}

static void acknowledged(uint32_t ack, struct runs s)
{
	struct recovery_ack a = ack_of(ack, s);
	hear(&a);
}
#define NO_SACK                                                                                    \
	(struct runs)                                                                              \
	{                                                                                          \
		{ { 0, 0 } }                                                                       \
	}
#define SACK(a_, b_)                                                                               \
	(struct runs)                                                                              \
	{                                                                                          \
		{                                                                                  \
			{                                                                          \
				a_, b_                                                             \
			}                                                                          \
		}                                                                                  \
	}

/* The next run that is lost, in segments; -1: none. */
static int lost_next(uint32_t *count)
{
	uint32_t seq, end_seq;
	if (!tcp_recovery_lost(&r, 1u << 16, &seq, &end_seq))
		return -1;
	*count = (end_seq - seq) / MSS;
	return (int)((seq - FIRST) / MSS);
}

static void assert_lost(int first, uint32_t count)
{
	uint32_t n = 0;
	assert_int_equal(lost_next(&n), first);
	assert_int_equal(n, count);
}

static void assert_nothing_lost(void)
{
	uint32_t n;
	assert_int_equal(lost_next(&n), -1);
}

static struct recovery_figures figures(void)
{
	struct recovery_figures f;
	tcp_recovery_figures(&r, &f);
	return f;
}

/* Sends `count` segments and has them acknowledged a round trip later, so that the RTT is known. */
static void warm_up(uint32_t count)
{
	send(0, count);
	now += RTT;
	acknowledged(count, NO_SACK);
	assert_int_equal(figures().pipe, 0);
}

/* ---- Windows and records ---- */

static void ten_segments_may_go_at_first(void **state)
{
	(void)state;
	assert_int_equal(tcp_recovery_room(&r), 10 * MSS); /* RFC 6928 */
	send(0, 10);
	assert_int_equal(tcp_recovery_room(&r), 0);
	now += RTT;
	acknowledged(2, NO_SACK);
	assert_int_equal(result.acknowledged, 2 * MSS);
	assert_true(result.send);
	assert_int_equal(tcp_recovery_room(&r), 4 * MSS);
}

static void transmissions_of_a_moment_share_a_record(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 10; k++) {
		assert_true(tcp_recovery_ready(&r));
		tcp_recovery_sent(&r, at(k), at(k + 1), false, now);
	}
	assert_int_equal(r.count, 1);
	now += RTT;
	acknowledged(3, SACK(5, 7));
	assert_int_equal(r.count, 3);
	assert_int_equal(figures().pipe, 5 * MSS);
}

static void memory_is_given_back_when_nothing_is_under_way(void **state)
{
	(void)state;
	r.congestion.window = 1000 * MSS;
	send(0, 500);
	assert_true(r.capacity >= 500);
	now += RTT;
	acknowledged(500, NO_SACK);
	assert_true(r.capacity <= 32);
	assert_int_equal(tcp_recovery_deadline(&r), CLOCK_NEVER);
}

static void without_memory_nothing_is_sent(void **state)
{
	(void)state;
	base_allocations_left = 0;
	assert_false(tcp_recovery_ready(&r));
	base_allocations_left = 1;
	assert_true(tcp_recovery_ready(&r));
	send(0, 1);
	acknowledged(1, NO_SACK);
}

static void without_memory_a_sack_is_not_noted(void **state)
{
	(void)state;
	tcp_recovery_ready(&r);
	tcp_recovery_sent(&r, at(0), at(40), false, now);
	base_allocations_left = 0;
	now += RTT;
	for (uint32_t k = 1; k < 40; k += 2)
		acknowledged(0, SACK(k, k + 1));
	assert_true(r.count <= r.capacity);
	acknowledged(40, NO_SACK);
	assert_int_equal(figures().pipe, 0);
}

static void sacked_neighbours_become_one_record(void **state)
{
	(void)state;
	r.congestion.window = 1000 * MSS;
	send(0, 100);
	now += RTT;
	for (uint32_t k = 99; k > 0; k--)
		acknowledged(0, SACK(k, k + 1));
	assert_int_equal(r.count, 2);
	acknowledged(0, SACK(1, 100));
	assert_int_equal(r.count, 2);
	assert_int_equal(figures().pipe, 0); /* the first is lost, all else has arrived */
}

static void a_part_of_a_segment_may_be_acknowledged(void **state)
{
	(void)state;
	send(0, 2);
	now += RTT;
	struct recovery_ack a = { .ack = at(0) + 100 };
	hear(&a);
	assert_int_equal(result.acknowledged, 100);
	assert_int_equal(figures().pipe, 2 * MSS - 100);
}

/* ---- RFC 6298 ---- */

static void the_timer_runs_while_something_is_under_way(void **state)
{
	(void)state;
	assert_int_equal(tcp_recovery_deadline(&r), CLOCK_NEVER);
	send(0, 1);
	assert_int_equal(tcp_recovery_deadline(&r), now + NS_PER_S); /* §2.1, 5.1 */
	uint64_t deadline = tcp_recovery_deadline(&r);
	send(1, 2);
	assert_int_equal(tcp_recovery_deadline(&r), deadline); /* §5.1: it is running */
	acknowledged(2, NO_SACK);
	assert_int_equal(tcp_recovery_deadline(&r), CLOCK_NEVER); /* §5.2 */
}

static void a_time_out_sends_the_first_and_backs_off(void **state)
{
	(void)state;
	send(0, 5);
	assert_int_equal(tcp_recovery_expired(&r, tcp_recovery_deadline(&r) - 1), RECOVERY_NOTHING);
	uint64_t wait = NS_PER_S;
	for (uint32_t k = 1; k < 12; k++) {
		now = tcp_recovery_deadline(&r);
		assert_int_equal(tcp_recovery_expired(&r, now), RECOVERY_TIMEOUT);
		assert_true(tcp_recovery_is_valid(&r));
		assert_int_equal(figures().timeouts, k);
		assert_int_equal(tcp_recovery_room(&r), MSS); /* RFC 5681 §3.1: the loss window */
		assert_int_equal(figures().threshold, 5 * MSS / 2); /* half, once */
		assert_lost(0, 5);
		wait = 2 * wait > RECOVERY_RTO_MAX_NS ? RECOVERY_RTO_MAX_NS : 2 * wait; /* §5.5 */
		tcp_recovery_sent(&r, at(0), at(1), false, now);
		assert_int_equal(tcp_recovery_deadline(&r), now + wait);
		assert_int_equal(tcp_recovery_room(&r), 0);
	}
	now += RTT;
	acknowledged(1, NO_SACK);
	assert_int_equal(figures().timeouts, 0);
	assert_int_equal(tcp_recovery_room(&r), 2 * MSS); /* slow start */
	assert_lost(1, 4);
}

/* Karn (RFC 6298 §3): not from what went twice... */
static void what_went_twice_gives_no_sample(void **state)
{
	(void)state;
	send(0, 1);
	now = tcp_recovery_deadline(&r);
	tcp_recovery_expired(&r, now);
	tcp_recovery_sent(&r, at(0), at(1), false, now);
	now += RTT;
	acknowledged(1, NO_SACK);
	assert_int_equal(figures().srtt_ns, 0);
}

/* ... unless the echoed timestamp tells which it was (RFC 7323 §4). */
static void an_echoed_timestamp_gives_one_all_the_same(void **state)
{
	(void)state;
	send(0, 1);
	now = tcp_recovery_deadline(&r);
	tcp_recovery_expired(&r, now);
	tcp_recovery_sent(&r, at(0), at(1), false, now);
	now += RTT;
	struct recovery_ack a = ack_of(1, NO_SACK);
	a.echo_rtt_ns = 21 * MS;
	a.echo_tick_ns = MS;
	hear(&a);
	assert_int_equal(figures().srtt_ns, 21 * MS);
}

static void a_peer_that_threw_away_what_it_had_gets_it_again(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 10);
	now += RTT;
	acknowledged(
	        4, SACK(4, 9)); /* nonsense or reneging: the first is SACKed and not acknowledged */
	now = tcp_recovery_deadline(&r);
	while (tcp_recovery_expired(&r, now) != RECOVERY_TIMEOUT)
		now = tcp_recovery_deadline(&r);
	assert_lost(4, 6); /* RFC 2018 §8 */
}

/* ---- RFC 8985: RACK ---- */

static void three_segments_beyond_a_hole_tell_of_a_loss(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 12);
	now += RTT;
	acknowledged(4, SACK(5, 6));
	assert_nothing_lost();
	acknowledged(4, SACK(5, 7));
	assert_nothing_lost();
	acknowledged(4, SACK(5, 8));
	assert_true(result.entered && result.send);
	assert_lost(4, 1);
	assert_true(tcp_recovery_room(&r) >= MSS);
	assert_int_equal(figures().recoveries, 1);
}

static void a_hole_is_lost_when_the_reordering_window_has_passed(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 6);
	now += RTT;
	acknowledged(4, SACK(5, 6));
	assert_nothing_lost();
	assert_in_range(tcp_recovery_deadline(&r), now + 1,
	                now + RTT / 4 + 10000); /* §6.2: RTT + min_RTT / 4 */
	now = tcp_recovery_deadline(&r);
	assert_int_equal(tcp_recovery_expired(&r, now), RECOVERY_OUTPUT);
	assert_lost(4, 1);
	assert_true(tcp_recovery_room(&r) >= MSS);
	send(4, 5);
	assert_nothing_lost();
}

static void on_a_short_path_acknowledgments_find_it_before_the_timer(void **state)
{
	(void)state;
	send(0, 4);
	now += 50000;
	acknowledged(4, NO_SACK);
	send(4, 12);
	now += 50000;
	acknowledged(4, SACK(5, 6));
	assert_true(tcp_recovery_deadline(&r) >= now + MS);
	acknowledged(4, SACK(5, 8));
	assert_lost(4, 1);
}

static void what_arrives_late_widens_the_window_for_reordering(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 14);
	now += RTT;
	acknowledged(4, SACK(5, 6));
	acknowledged(6, NO_SACK); /* it was only late: no loss, reordering is known */
	assert_nothing_lost();
	acknowledged(6, SACK(7, 8));
	acknowledged(6, SACK(7, 9));
	acknowledged(6, SACK(7, 10));
	assert_nothing_lost(); /* three do not suffice any more: time does */
	now = tcp_recovery_deadline(&r);
	assert_int_equal(tcp_recovery_expired(&r, now), RECOVERY_OUTPUT);
	assert_lost(6, 1);
}

/* The acknowledgment that told of [5, 7) was lost: the next one tells of it in its second block. */
static void a_lost_acknowledgment_is_no_reordering(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 14);
	now += RTT;
	acknowledged(4, (struct runs){ { { 8, 9 }, { 5, 7 } } });
	assert_lost(4, 1); /* three segments beyond it, and no reason to wait */
	assert_true(result.entered);
}

static void a_dsack_widens_it_further(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 14);
	now += RTT;
	acknowledged(4, SACK(5, 8));
	assert_lost(4, 1);
	send(4, 5);
	acknowledged(14, NO_SACK); /* it was late */
	now += RTT;
	acknowledged(14, SACK(4, 5)); /* and so the copy was one too many */
	send(14, 16);
	now += RTT;
	acknowledged(14, SACK(15, 16));
	assert_nothing_lost();
	assert_in_range(tcp_recovery_deadline(&r), now + RTT / 4 + MS,
	                now + RTT / 2 + 10000); /* §6.2 step 4 */
}

static void a_lost_retransmission_is_found_without_a_time_out(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 12);
	now += RTT;
	acknowledged(4, SACK(5, 8));
	assert_lost(4, 1);
	send(4, 5);
	assert_nothing_lost();
	send(12, 13); /* after it */
	now += RTT;
	acknowledged(4, (struct runs){ { { 12, 13 }, { 5, 8 } } });
	acknowledged(4, (struct runs){ { { 8, 13 }, { 5, 8 } } });
	now += RTT / 4;
	tcp_recovery_expired(&r, now);
	assert_lost(4, 1);
	assert_int_equal(figures().recoveries, 1); /* the same episode */
}

static void nothing_is_lost_that_was_sent_after_what_arrived(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 14);
	now += RTT;
	acknowledged(4, SACK(5, 9));
	now += 10 * RTT;
	acknowledged(4, SACK(5, 9));
	assert_lost(4, 1); /* [9, 14) may still come */
}

/* ---- RFC 8985 §7: tail loss probe ---- */

static void a_lost_tail_is_probed_before_the_time_out(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 8);
	uint64_t deadline = tcp_recovery_deadline(&r);
	assert_in_range(deadline, now + 2 * RTT - 3 * MS, now + 2 * RTT + 3 * MS);
	now = deadline;
	assert_int_equal(tcp_recovery_expired(&r, now), RECOVERY_PROBE);
	uint32_t seq, end_seq;
	assert_true(tcp_recovery_last(&r, &seq, &end_seq));
	assert_int_equal(seq, at(7));
	assert_int_equal(end_seq, at(8));
	send(7, 8);
	assert_int_equal(figures().probes, 1);
	assert_true(tcp_recovery_deadline(&r) > now + 100 * MS); /* one probe; then the RTO */
	now += RTT;
	acknowledged(4, SACK(7, 8));
	now += RTT / 4 + MS;
	tcp_recovery_expired(&r, now);
	assert_lost(4, 3); /* it told of all three */
	assert_int_equal(figures().timeouts_total, 0);
}

static void a_lone_segment_is_probed_later(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 5);
	/* §7.2: WCDelAckT is added; and it comes in the time-out's place where that would be
	 * earlier. */
	assert_in_range(tcp_recovery_deadline(&r), now + 200 * MS, now + 2 * RTT + 201 * MS);
	now = tcp_recovery_deadline(&r);
	assert_int_equal(tcp_recovery_expired(&r, now), RECOVERY_PROBE);
	assert_in_range(tcp_recovery_deadline(&r), now + 200 * MS, now + 300 * MS);
	now = tcp_recovery_deadline(&r);
	assert_int_equal(tcp_recovery_expired(&r, now), RECOVERY_TIMEOUT);
}

static void a_probe_that_repaired_a_loss_cuts_the_window(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 8);
	now = tcp_recovery_deadline(&r);
	tcp_recovery_expired(&r, now);
	send(7, 8);
	now += RTT;
	acknowledged(8, NO_SACK); /* the original, or the copy? */
	assert_int_equal(figures().recoveries, 0);
	uint32_t window = figures().window;
	send(8, 10);
	now += RTT;
	acknowledged(10, NO_SACK); /* no DSACK came: it was the copy (§7.4.2) */
	assert_int_equal(figures().recoveries, 1);
	assert_true(figures().window < window);
}

static void a_probe_that_was_not_needed_cuts_nothing(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 8);
	now = tcp_recovery_deadline(&r);
	tcp_recovery_expired(&r, now);
	send(7, 8);
	now += RTT;
	acknowledged(8, NO_SACK);
	acknowledged(8, SACK(7, 8)); /* DSACK */
	send(8, 10);
	now += RTT;
	acknowledged(10, NO_SACK);
	assert_int_equal(figures().recoveries, 0);
}

static void a_probe_may_be_new_data(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 8);
	now = tcp_recovery_deadline(&r);
	assert_int_equal(tcp_recovery_expired(&r, now), RECOVERY_PROBE);
	send(8, 9);
	now += RTT;
	acknowledged(9, NO_SACK);
	send(9, 12);
	now += RTT;
	acknowledged(12, NO_SACK);
	assert_int_equal(figures().recoveries, 0);
}

/* ---- RFC 6937: PRR ---- */

static void the_window_falls_proportionally_in_recovery(void **state)
{
	(void)state;
	warm_up(10); /* window 20 */
	send(10, 30);
	now += RTT;
	uint32_t sent = 0, next = 30;
	for (uint32_t k = 12; k <= 30;
	     k++) { /* segment 10 is lost; each other one is SACKed by itself */
		acknowledged(10, SACK(11, k));
		uint32_t n;
		int lost = lost_next(&n);
		if (lost >= 0 && tcp_recovery_room(&r) >= MSS) {
			send((uint32_t)lost, (uint32_t)lost + 1);
			sent++;
		}
		while (r.state == RECOVERY_FAST && tcp_recovery_room(&r) >= MSS) {
			send(next, next + 1);
			next++;
			sent++;
		}
		assert_true(tcp_recovery_room(&r) < MSS || r.state != RECOVERY_FAST);
	}
	/* About every second acknowledgment has sent one: the window is half at the end, not at
	 * once. */
	assert_in_range(sent, 8, 11);
	assert_int_equal(figures().threshold, 10 * MSS);
	now += RTT;
	acknowledged(30, NO_SACK);
	assert_false(figures().in_recovery);
	assert_in_range(figures().window, 10 * MSS, 11 * MSS);
}

/* §3.1: with much lost at once, no more goes than arrives, and a segment each time: no burst. */
static void many_losses_at_once_make_no_burst(void **state)
{
	(void)state;
	warm_up(10); /* window 20 */
	send(10, 30);
	now += RTT;
	acknowledged(10, SACK(27, 30));
	assert_int_equal(figures().pipe, 0);
	assert_int_equal(figures().threshold, 10 * MSS);
	assert_in_range(tcp_recovery_room(&r), MSS, 4 * MSS);
}

/* ---- RFC 5681, 3042, 6582: without SACK ---- */

static void two_duplicates_let_two_new_segments_out(void **state)
{
	(void)state;
	warm_up(10); /* window 20 */
	send(10, 30);
	now += RTT;
	assert_int_equal(tcp_recovery_room(&r), 0);
	acknowledged(10, NO_SACK);
	assert_int_equal(tcp_recovery_room(&r), MSS); /* RFC 3042 */
	send(30, 31);
	acknowledged(10, NO_SACK);
	assert_int_equal(tcp_recovery_room(&r), MSS);
	send(31, 32);
	assert_nothing_lost();
	acknowledged(10, NO_SACK);
	assert_lost(10, 1); /* RFC 5681 §3.2 */
	assert_true(result.entered);
}

static void what_carries_data_or_a_window_is_no_duplicate(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 14);
	now += RTT;
	for (int k = 0; k < 10; k++) {
		struct recovery_ack a = ack_of(4, NO_SACK);
		a.has_data = k & 1;
		a.window_changed = !a.has_data;
		hear(&a);
	}
	assert_nothing_lost();
}

static void a_partial_acknowledgment_tells_of_the_next_loss(void **state)
{
	(void)state;
	warm_up(10);
	send(10, 20);
	now += RTT;
	for (int k = 0; k < 3; k++)
		acknowledged(10, NO_SACK);
	assert_lost(10, 1);
	send(10, 11);
	assert_nothing_lost();
	now += RTT;
	acknowledged(13, NO_SACK); /* RFC 6582 §3.2, 3: 13 is missing too */
	assert_true(figures().in_recovery);
	assert_lost(13, 1);
	assert_true(tcp_recovery_room(&r) >= MSS);
	send(13, 14);
	now += RTT;
	acknowledged(20, NO_SACK);
	assert_false(figures().in_recovery);
	assert_int_equal(figures().recoveries, 1);
	assert_int_equal(figures().window, 5 * MSS);
}

/* ---- RFC 3522, 4015, 2883: undoing ---- */

static void a_spurious_time_out_is_undone_by_the_echo(void **state)
{
	(void)state;
	warm_up(10);
	send(10, 20);
	uint32_t window = figures().window;
	now = tcp_recovery_deadline(&r);
	while (tcp_recovery_expired(&r, now) != RECOVERY_TIMEOUT)
		now = tcp_recovery_deadline(&r);
	send(10, 11);
	now += 5 * MS;
	struct recovery_ack a = ack_of(12, NO_SACK);
	a.echo_rtt_ns = 300 * MS; /* of the original */
	a.echo_tick_ns = MS;
	hear(&a);
	assert_true(result.undone);
	assert_nothing_lost();
	assert_int_equal(figures().pipe, 8 * MSS);
	assert_true(figures().window >= window);
	assert_int_equal(figures().spurious, 1);
}

static void several_spurious_time_outs_are_undone_together(void **state)
{
	(void)state;
	warm_up(10);
	send(10, 20);
	uint32_t window = figures().window;
	for (uint32_t k = 0; k < 3;) {
		now = tcp_recovery_deadline(&r);
		if (tcp_recovery_expired(&r, now) != RECOVERY_TIMEOUT)
			continue;
		k++;
		tcp_recovery_sent(&r, at(10), at(11), false, now);
	}
	now += 5 * MS;
	struct recovery_ack a = ack_of(20, NO_SACK);
	a.echo_rtt_ns = 5 * NS_PER_S;
	a.echo_tick_ns = MS;
	hear(&a);
	assert_true(result.undone);
	assert_true(figures().window >= window);
	assert_int_equal(figures().threshold, UINT32_MAX);
}

static void a_time_out_that_was_right_is_not_undone(void **state)
{
	(void)state;
	warm_up(10);
	send(10, 20);
	now = tcp_recovery_deadline(&r);
	while (tcp_recovery_expired(&r, now) != RECOVERY_TIMEOUT)
		now = tcp_recovery_deadline(&r);
	send(10, 11);
	now += RTT;
	struct recovery_ack a = ack_of(11, NO_SACK);
	a.echo_rtt_ns = 21 * MS; /* of the copy */
	a.echo_tick_ns = MS;
	hear(&a);
	assert_false(result.undone);
	assert_lost(11, 9);
}

static void an_episode_of_which_all_copies_were_duplicates_is_undone(void **state)
{
	(void)state;
	warm_up(10);
	send(10, 20);
	uint32_t window = figures().window;
	now += RTT;
	acknowledged(10, SACK(12, 16));
	assert_lost(10, 2);
	send(10, 12);
	assert_true(figures().window < window);
	now += MS;
	acknowledged(16, NO_SACK); /* they come after all */
	now += RTT;
	acknowledged(16, SACK(10, 11)); /* DSACK */
	assert_int_equal(figures().spurious, 0);
	acknowledged(16, SACK(11, 12));
	assert_int_equal(figures().spurious, 1);
	assert_true(result.undone);
	assert_true(figures().window >= window);
}

static void what_the_network_doubled_undoes_nothing(void **state)
{
	(void)state;
	warm_up(10);
	send(10, 20);
	now += RTT;
	acknowledged(10, SACK(11, 15));
	assert_lost(10, 1);
	send(10, 11);
	acknowledged(10, SACK(8, 9)); /* DSACKs of what went once */
	acknowledged(10, (struct runs){ { { 12, 13 }, { 11, 15 } } });
	now += RTT;
	acknowledged(20, NO_SACK);
	acknowledged(20, SACK(15, 16));
	assert_int_equal(figures().spurious, 0);
	assert_true(figures().window <= 11 * MSS);
}

/* ---- RFC 3168 ---- */

static void an_ecn_echo_cuts_once_a_round_trip(void **state)
{
	(void)state;
	warm_up(10);
	send(10, 30);
	now += RTT;
	struct recovery_ack a = ack_of(12, NO_SACK);
	a.ece = true;
	hear(&a);
	assert_true(result.cut);
	assert_int_equal(figures().window, 9 * MSS); /* half of the 18 under way */
	a = ack_of(20, NO_SACK);
	a.ece = true;
	hear(&a);
	assert_false(result.cut); /* the same window of data */
	assert_int_equal(figures().threshold, 9 * MSS);
	acknowledged(30, NO_SACK);
	send(30, 39);
	now += RTT;
	a = ack_of(32, NO_SACK);
	a.ece = true;
	hear(&a);
	assert_true(result.cut);
	assert_int_equal(figures().retransmitted, 0);
}

/* ---- RFC 7661, 5681 §4.1 ---- */

static void a_window_that_is_not_used_up_does_not_grow(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 20; k++) {
		assert_true(tcp_recovery_ready(&r));
		tcp_recovery_sent(&r, at(k), at(k + 1), true, now);
		now += RTT;
		acknowledged(k + 1, NO_SACK);
	}
	assert_int_equal(figures().window, 10 * MSS);
	/* Filled by the last of what there was: nothing more would have gone. */
	assert_true(tcp_recovery_ready(&r));
	tcp_recovery_sent(&r, at(20), at(30), true, now);
	now += RTT;
	acknowledged(30, NO_SACK);
	assert_int_equal(figures().window, 10 * MSS);
}

static void after_idling_the_window_is_the_initial_one(void **state)
{
	(void)state;
	warm_up(10);
	assert_int_equal(figures().window, 20 * MSS);
	now += 100 * MS;
	tcp_recovery_resume(&r, now); /* less than an RTO */
	assert_int_equal(figures().window, 20 * MSS);
	now += 10 * NS_PER_S;
	tcp_recovery_resume(&r, now);
	assert_int_equal(figures().window, 10 * MSS);
}

/* ---- RFC 1191 ---- */

static void a_smaller_mss_marks_what_was_too_large(void **state)
{
	(void)state;
	warm_up(10);
	send(10, 14);
	uint32_t window = figures().window;
	tcp_recovery_set_mss(&r, 500, true, now);
	assert_true(tcp_recovery_is_valid(&r));
	assert_lost(10, 4);
	assert_int_equal(figures().window, window); /* §6.5: no congestion */
	assert_true(tcp_recovery_room(&r) >= 4 * MSS);
	uint32_t seq, end_seq;
	while (tcp_recovery_lost(&r, 500, &seq, &end_seq)) {
		now += 1000;
		assert_true(tcp_recovery_ready(&r));
		tcp_recovery_sent(&r, seq, end_seq, false, now);
		assert_true(tcp_recovery_is_valid(&r));
	}
	now += RTT;
	acknowledged(14, NO_SACK);
	assert_int_equal(figures().recoveries, 0);
}

/* ---- Hostile acknowledgments ---- */

static void nonsense_in_sacks_is_ignored(void **state)
{
	(void)state;
	warm_up(4);
	send(4, 10);
	now += RTT;
	const uint32_t blocks[][2] = { { at(10), at(12) },
		                       { at(7), at(6) },
		                       { at(5), at(5) },
		                       { at(6), at(11) },
		                       { at(6) + 0x80000000u, at(8) },
		                       { at(8), at(8) + 0x80000000u } };
	for (size_t k = 0; k < sizeof blocks / sizeof blocks[0]; k++) {
		struct recovery_ack a = ack_of(4, NO_SACK);
		a.sack_count = 1;
		memcpy(a.sack[0], blocks[k], sizeof blocks[k]);
		hear(&a);
		assert_int_equal(figures().pipe, 6 * MSS);
	}
}

static void new_data_leaves_records_for_repairs(void **state)
{
	(void)state;
	r.congestion.window = r.congestion.threshold = 64u << 20;
	uint32_t k = 0;
	while (tcp_recovery_ready(&r) && k < 2 * RECOVERY_SENT_MAX) {
		send(k, k + 1);
		k++;
	}
	assert_in_range(k, RECOVERY_SENT_MAX / 2, RECOVERY_SENT_MAX - 64);
	now = tcp_recovery_deadline(&r);
	assert_int_equal(tcp_recovery_expired(&r, now), RECOVERY_TIMEOUT);
	assert_true(tcp_recovery_ready(&r));
	tcp_recovery_sent(&r, at(0), at(0) + 500, false, now);
	assert_true(tcp_recovery_is_valid(&r));
	assert_int_equal(figures().pipe, 500);
	acknowledged(k, NO_SACK);
	assert_int_equal(r.count, 0);
}

/* However a peer cuts up what is under way: the records stay bounded, and what is lost still finds
 * one. */
static void hostile_sacks_cannot_use_up_the_records(void **state)
{
	(void)state;
	struct random random = { 9 };
	r.congestion.window = r.congestion.threshold = 64u << 20;
	uint32_t seq = FIRST;
	while (tcp_recovery_ready(&r) && seq - FIRST < 40u << 20) {
		now += 1000;
		tcp_recovery_sent(&r, seq, seq + 64000, false, now);
		seq += 64000;
	}
	for (uint32_t k = 0; k < 20000; k++) {
		struct recovery_ack a = { .ack = FIRST, .sack_count = 4 };
		for (uint32_t n = 0; n < 4; n++) {
			a.sack[n][0] = FIRST + 1 + random_below(&random, seq - FIRST - 4000);
			a.sack[n][1] = a.sack[n][0] + 1 + random_below(&random, 2000);
		}
		now += 1000;
		tcp_recovery_acknowledged(&r, &a, now);
		if (k % 500 == 0)
			assert_true(tcp_recovery_is_valid(&r));
		assert_true(r.count <= RECOVERY_SENT_MAX && r.capacity <= 2 * RECOVERY_SENT_MAX);
	}
	assert_true(r.count > RECOVERY_SENT_MAX / 2);
	uint32_t lost, lost_end;
	for (uint32_t k = 0; k < 20000 && tcp_recovery_lost(&r, MSS, &lost, &lost_end); k++) {
		now += 1000;
		assert_true(tcp_recovery_ready(&r));
		tcp_recovery_sent(&r, lost, lost_end, false, now);
	}
	assert_true(tcp_recovery_is_valid(&r));
	struct recovery_ack rest = { .ack = FIRST,
		                     .sack_count = 1,
		                     .sack = { { FIRST + 1, seq } } };
	tcp_recovery_acknowledged(&r, &rest, now); /* an honest one is understood all the same */
	assert_true(r.count <= 3);
	struct recovery_ack all = { .ack = seq };
	tcp_recovery_acknowledged(&r, &all, now);
	assert_int_equal(r.count, 0);
}

/* Random operations against an array that says of each byte whether it is SACKed. */
static void knows_what_was_sacked(void **state)
{
	(void)state;
	struct random random = { 11 };
	static bool sacked[200000];
	for (uint32_t game = 0; game < 60; game++) {
		tcp_recovery_close(&r);
		open(game % 3 != 0, true);
		r.congestion.window = 60 * MSS;
		memset(sacked, 0, sizeof sacked);
		uint32_t una = 0, next = 0;
		for (uint32_t step = 0; step < 1500; step++) {
			uint32_t choice = random_below(&random, 10), seq, end_seq;
			now += random_below(&random, 3) * (random_next(&random) % (10 * MS));
			if (choice < 3 && next + 3 * MSS < sizeof sacked) {
				uint32_t size = 1 + random_below(&random, 3 * MSS);
				if (!tcp_recovery_ready(&r) || tcp_recovery_room(&r) < size)
					continue;
				tcp_recovery_sent(&r, FIRST + next, FIRST + next + size,
				                  choice == 2, now);
				next += size;
			} else if (choice < 5 &&
			           tcp_recovery_lost(&r, 1 + random_below(&random, 5000), &seq,
			                             &end_seq)) {
				assert_true(seq - FIRST >= una && end_seq - FIRST <= next);
				for (uint32_t k = seq - FIRST; k < end_seq - FIRST; k++)
					assert_false(r.sack && sacked[k]);
				if (tcp_recovery_ready(&r))
					tcp_recovery_sent(&r, seq, end_seq, false, now);
			} else if (choice < 9 && next > una) {
				uint32_t to = una + random_below(&random, 3) / 2 *
				                            random_below(&random, next - una + 1);
				struct recovery_ack a = { .ack = FIRST + to };
				a.sack_count =
				        (uint8_t)random_below(&random, RECOVERY_SACKS_MAX + 1);
				a.ece = random_chance(&random, 50000);
				a.echo_rtt_ns = random_next(&random) % (100 * MS);
				a.echo_tick_ns = MS;
				for (uint32_t n = 0; n < a.sack_count; n++) {
					uint32_t left = to + random_below(&random, next - to + 1);
					uint32_t right = left + random_below(&random, 4 * MSS);
					a.sack[n][0] = FIRST + left;
					a.sack[n][1] = FIRST + right;
					bool dsack = n == 0 && (right <= to || (a.sack_count > 1));
					if (dsack &&
					    a.sack_count >
					            1) { /* keep the first one clear of doubt */
						a.sack[0][0] = a.sack[0][1] = FIRST + to;
						continue;
					}
					if (dsack || right > next || left >= right || !r.sack)
						continue;
					for (uint32_t k = left; k < right; k++)
						sacked[k] = true;
				}
				struct recovery_result told =
				        tcp_recovery_acknowledged(&r, &a, now);
				assert_int_equal(told.acknowledged, to - una);
				una = to;
			} else {
				now = choice == 9 && tcp_recovery_deadline(&r) != CLOCK_NEVER &&
				                      random_chance(&random, 300000)
				              ? tcp_recovery_deadline(&r)
				              : now;
				bool first = next > una && sacked[una];
				if (tcp_recovery_expired(&r, now) == RECOVERY_TIMEOUT && first)
					memset(sacked, 0, sizeof sacked);
			}
			assert_true(tcp_recovery_is_valid(&r));
			assert_int_equal(r.una - FIRST, una);
			assert_int_equal(r.next - FIRST, next);
			assert_true((tcp_recovery_deadline(&r) == CLOCK_NEVER) == (una == next));
			for (uint32_t k = 0; r.sack && k < r.count; k++) {
				const struct tcp_sent *s = &r.sent[r.first + k];
				bool is = s->flags & SENT_SACKED;
				for (uint32_t b = s->seq - FIRST; b < s->end - FIRST; b++)
					assert_true(sacked[b] == is);
			}
		}
	}
}

int main(void)
{
#define S(name_) cmocka_unit_test_setup_teardown(name_, with_sack, end)
#define N(name_) cmocka_unit_test_setup_teardown(name_, without_sack, end)
	const struct CMUnitTest tests[] = {
		S(ten_segments_may_go_at_first),
		S(transmissions_of_a_moment_share_a_record),
		S(memory_is_given_back_when_nothing_is_under_way),
		S(without_memory_nothing_is_sent),
		S(without_memory_a_sack_is_not_noted),
		S(sacked_neighbours_become_one_record),
		S(a_part_of_a_segment_may_be_acknowledged),
		N(the_timer_runs_while_something_is_under_way),
		N(a_time_out_sends_the_first_and_backs_off),
		N(what_went_twice_gives_no_sample),
		S(an_echoed_timestamp_gives_one_all_the_same),
		S(a_peer_that_threw_away_what_it_had_gets_it_again),
		S(three_segments_beyond_a_hole_tell_of_a_loss),
		S(a_hole_is_lost_when_the_reordering_window_has_passed),
		S(on_a_short_path_acknowledgments_find_it_before_the_timer),
		S(what_arrives_late_widens_the_window_for_reordering),
		S(a_lost_acknowledgment_is_no_reordering),
		S(a_dsack_widens_it_further),
		S(a_lost_retransmission_is_found_without_a_time_out),
		S(nothing_is_lost_that_was_sent_after_what_arrived),
		S(a_lost_tail_is_probed_before_the_time_out),
		S(a_lone_segment_is_probed_later),
		S(a_probe_that_repaired_a_loss_cuts_the_window),
		S(a_probe_that_was_not_needed_cuts_nothing),
		S(a_probe_may_be_new_data),
		S(the_window_falls_proportionally_in_recovery),
		S(many_losses_at_once_make_no_burst),
		N(two_duplicates_let_two_new_segments_out),
		N(what_carries_data_or_a_window_is_no_duplicate),
		N(a_partial_acknowledgment_tells_of_the_next_loss),
		S(a_spurious_time_out_is_undone_by_the_echo),
		S(several_spurious_time_outs_are_undone_together),
		S(a_time_out_that_was_right_is_not_undone),
		S(an_episode_of_which_all_copies_were_duplicates_is_undone),
		S(what_the_network_doubled_undoes_nothing),
		S(an_ecn_echo_cuts_once_a_round_trip),
		S(a_window_that_is_not_used_up_does_not_grow),
		S(after_idling_the_window_is_the_initial_one),
		S(a_smaller_mss_marks_what_was_too_large),
		S(nonsense_in_sacks_is_ignored),
		S(new_data_leaves_records_for_repairs),
		S(hostile_sacks_cannot_use_up_the_records),
		S(knows_what_was_sacked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
