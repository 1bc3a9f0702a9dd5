/* SPDX-License-Identifier: ISC */
/* How the window grows and falls: RFC 5681 for NewReno, RFC 9438 for CUBIC against its formulas in
 * floating point, RFC 9406 for the end of slow start; and RFC 6298's estimator. */
#include <net/tcp.h>
#include <net/tcp/congestion.h>
#include <net/tcp/recovery.h>

#include <math.h>

#include "base.h"

#define MSS 1448u
#define MS  NS_PER_MS

static struct congestion c;
static uint64_t now;
static uint32_t ack_at;

static int start(void **state)
{
	(void)state;
	now = 10 * NS_PER_S;
	ack_at = 1000;
	return 0;
}

static void acknowledge(const struct tcp_congestion *a, uint32_t bytes, uint64_t rtt, bool limited)
{
	ack_at += bytes;
	a->acknowledged(&c, &(struct congestion_ack){ .acked = bytes,
	                                              .ack = ack_at,
	                                              .next = ack_at + c.window,
	                                              .rtt_ns = rtt,
	                                              .srtt_ns = rtt,
	                                              .limited = limited,
	                                              .now = now });
}

/* A round trip in which the whole window is acknowledged, two segments at a time. */
static void round_trip(const struct tcp_congestion *a, uint64_t rtt)
{
	uint32_t acks = c.window / (2 * MSS) ? c.window / (2 * MSS) : 1;
	for (uint32_t k = 0; k < acks; k++) {
		now += rtt / acks;
		acknowledge(a, 2 * MSS, rtt, true);
	}
}

static void both_start_with_ten_segments(void **state)
{
	(void)state;
	tcp_newreno.open(&c, MSS); /* RFC 6928 */
	assert_int_equal(c.window, 10 * MSS);
	assert_int_equal(c.threshold, UINT32_MAX);
	tcp_cubic.open(&c, MSS);
	assert_int_equal(c.window, 10 * MSS);
	assert_int_equal(c.threshold, UINT32_MAX);
}

/* ---- NewReno ---- */

static void newreno_doubles_in_slow_start(void **state)
{
	(void)state;
	tcp_newreno.open(&c, MSS);
	round_trip(&tcp_newreno, 20 * MS);
	assert_int_equal(c.window, 20 * MSS);
}

/* RFC 5681 §3.1, (3): about one segment a round trip. */
static void newreno_grows_by_a_segment_a_round_trip(void **state)
{
	(void)state;
	tcp_newreno.open(&c, MSS);
	c.threshold = c.window = 100 * MSS;
	for (int k = 0; k < 10; k++)
		round_trip(&tcp_newreno, 20 * MS);
	assert_in_range(c.window, 109 * MSS, 110 * MSS);
}

/* RFC 5681 §3.1, (4). */
static void newreno_halves_what_is_in_flight(void **state)
{
	(void)state;
	tcp_newreno.open(&c, MSS);
	tcp_newreno.reduced(&c, 40 * MSS, false, now);
	assert_int_equal(c.threshold, 20 * MSS);
	tcp_newreno.reduced(&c, 2 * MSS, false, now);
	assert_int_equal(c.threshold, 2 * MSS);
	tcp_newreno.timed_out(&c, 40 * MSS, now);
	assert_int_equal(c.threshold, 20 * MSS);
	assert_int_equal(c.window, MSS);
}

/* RFC 7661: a window that is not used is not tested. */
static void an_unused_window_does_not_grow(void **state)
{
	(void)state;
	const struct tcp_congestion *all[] = { &tcp_newreno, &tcp_cubic };
	for (int k = 0; k < 2; k++) {
		all[k]->open(&c, MSS);
		acknowledge(all[k], 10 * MSS, 20 * MS, false);
		assert_int_equal(c.window, 10 * MSS);
		c.threshold = c.window;
		now += NS_PER_S;
		acknowledge(all[k], 10 * MSS, 20 * MS, false);
		assert_int_equal(c.window, 10 * MSS);
	}
}

static void an_undeserved_reduction_is_taken_back(void **state)
{
	(void)state;
	const struct tcp_congestion *all[] = { &tcp_newreno, &tcp_cubic };
	for (int k = 0; k < 2; k++) {
		all[k]->open(&c, MSS);
		c.window = 80 * MSS;
		all[k]->timed_out(&c, 80 * MSS, now);
		all[k]->undone(&c, now);
		assert_int_equal(c.window, 80 * MSS);
		assert_int_equal(c.threshold, UINT32_MAX);
	}
}

/* RFC 5681 §4.1: no more than the restart window after idling, and half of the threshold's memory
 * stays. */
static void an_idle_connection_starts_again(void **state)
{
	(void)state;
	const struct tcp_congestion *all[] = { &tcp_newreno, &tcp_cubic };
	for (int k = 0; k < 2; k++) {
		all[k]->open(&c, MSS);
		c.window = c.threshold = 100 * MSS;
		all[k]->resumed(&c, 100 * NS_PER_S, 200 * MS, now);
		assert_int_equal(c.window, 10 * MSS);
		assert_true(c.threshold >= 75 * MSS);
		c.window = 4 * MSS; /* a smaller one stays */
		all[k]->resumed(&c, 100 * NS_PER_S, 200 * MS, now);
		assert_int_equal(c.window, 4 * MSS);
	}
}

/* ---- CUBIC ---- */

/* RFC 9438 §4.6, 4.7. */
static void cubic_falls_to_seven_tenths(void **state)
{
	(void)state;
	tcp_cubic.open(&c, MSS);
	c.window = 1000 * MSS;
	tcp_cubic.reduced(&c, 1000 * MSS, false, now);
	assert_int_equal(c.threshold, 700 * MSS);
	assert_int_equal(c.w_max, 1000 * MSS);
	c.window = 800 * MSS; /* below W_max: fast convergence */
	tcp_cubic.reduced(&c, 800 * MSS, false, now);
	assert_int_equal(c.threshold, 560 * MSS);
	assert_int_equal(c.w_max, 680 * MSS);
	c.window = 2 * MSS;
	tcp_cubic.reduced(&c, 2 * MSS, false, now);
	assert_int_equal(c.threshold, 2 * MSS);
}

/* RFC 9438 §4.2, figure 1, in segments: W(t) = C (t - K)^3 + W_max. */
static void cubic_follows_the_formula(void **state)
{
	(void)state;
	const double w_maxes[] = { 300, 1000, 4000, 20000 };
	for (int n = 0; n < 4; n++) {
		double w_max = w_maxes[n], k = cbrt(w_max * 0.3 / 0.4), rtt = 0.1;
		tcp_cubic.open(&c, MSS);
		c.window = (uint32_t)(w_max * MSS);
		tcp_cubic.reduced(&c, c.window, false, now);
		round_trip(&tcp_cubic,
		           100 * MS); /* the epoch begins with its first acknowledgment */
		double begun = (double)c.epoch_ns / 1e9;
		for (int step = 0; step < 600; step++) {
			round_trip(&tcp_cubic, 100 * MS);
			double t = (double)now / 1e9 - begun, got = (double)c.window / MSS;
			double here = 0.4 * pow(t - k, 3) + w_max,
			       ahead = 0.4 * pow(t + rtt - k, 3) + w_max;
			/* Past W_max, the curve of a round trip later is not to be passed, nor half
			 * of the window. */
			if (t > 4 * k || here > 1.5 * w_max)
				break;
			assert_true(got > 0.98 * here - 2 && got < 1.02 * ahead + 2);
		}
		assert_true(c.window > w_max * MSS);
	}
}

/* RFC 9438 §4.3: on a short path it is as Reno with alpha 9/17 and, having made up for its smaller
 * fall, with 1. */
static void cubic_is_reno_on_a_short_path(void **state)
{
	(void)state;
	tcp_cubic.open(&c, MSS);
	c.window = 40 * MSS;
	tcp_cubic.reduced(&c, c.window, false, now);
	assert_int_equal(c.window, 28 * MSS);
	for (int k = 0; k < 10; k++)
		round_trip(&tcp_cubic, 1 * MS);
	assert_in_range(c.window, (28 + 4) * MSS, (28 + 6) * MSS); /* 10 * 9/17 = 5.3 */
	uint32_t round = 10;
	for (; c.window < 40 * MSS; round++)
		round_trip(&tcp_cubic, 1 * MS);
	assert_in_range(round, 21, 25); /* 12 * 17/9 = 22.7 */
	uint32_t before = c.window;
	for (int k = 0; k < 10; k++)
		round_trip(&tcp_cubic, 1 * MS);
	assert_in_range(c.window - before, 9 * MSS, 11 * MSS);
}

/* RFC 9438 §4.2, 5.8: the curve stands still while the window is not used. */
static void cubic_does_not_count_unused_time(void **state)
{
	(void)state;
	tcp_cubic.open(&c, MSS);
	c.window = 1000 * MSS;
	tcp_cubic.reduced(&c, c.window, false, now);
	for (int k = 0; k < 20; k++)
		round_trip(&tcp_cubic, 100 * MS);
	uint32_t before = c.window;
	for (int k = 0; k < 1000; k++) {
		now += 100 * MS;
		acknowledge(&tcp_cubic, 2 * MSS, 100 * MS, false);
	}
	round_trip(&tcp_cubic, 100 * MS);
	assert_in_range(c.window, before, before + before / 10);
	/* The same after silence. */
	before = c.window;
	now += 100 * NS_PER_S;
	c.window = before;
	tcp_cubic.resumed(&c, 100 * NS_PER_S, 1000 * NS_PER_S, now);
	round_trip(&tcp_cubic, 100 * MS);
	assert_in_range(c.window, before, before + before / 10);
}

static void cubic_stays_in_bounds_whatever_happens(void **state)
{
	(void)state;
	struct random random = { 3 };
	for (int n = 0; n < 200; n++) {
		uint32_t mss = 64 + random_below(&random, 65000);
		bool fell = false; /* only what happened is undone */
		tcp_cubic.open(&c, mss);
		for (int k = 0; k < 2000; k++) {
			now += random_next(&random) %
			       (random_chance(&random, 10000) ? 1000 * NS_PER_S : 100 * MS);
			uint32_t choice = random_below(&random, 100), old = c.window;
			if (choice < 94) {
				uint32_t most =
				        random_chance(&random, 100000) ? 1u << 30 : 10 * mss;
				acknowledge(&tcp_cubic, 1 + random_below(&random, most),
				            random_next(&random) % (2 * NS_PER_S),
				            !random_chance(&random, 100000));
				assert_true(c.window >= old);
			} else if (choice == 94) {
				tcp_cubic.reduced(&c, old, false, now);
				assert_true(c.window <= old || c.window == 2 * mss);
			} else if (choice == 95) {
				tcp_cubic.timed_out(&c, old, now);
			} else if (choice == 96 && fell) {
				tcp_cubic.undone(&c, now);
			} else if (choice == 97) {
				tcp_cubic.resumed(&c, random_next(&random) % (100 * NS_PER_S),
				                  200 * MS, now);
			}
			fell |= choice == 94 || choice == 95;
			assert_true(c.window >= mss && c.window <= 3u << 30);
			assert_true(c.threshold >= 2 * mss);
		}
	}
}

/* ---- HyStart++ (RFC 9406) ---- */

static void slow_start_ends_before_a_growing_queue_overflows(void **state)
{
	(void)state;
	tcp_cubic.open(&c, MSS);
	for (int k = 0; k < 4; k++)
		round_trip(&tcp_cubic, 40 * MS);
	assert_int_equal(c.window, 160 * MSS);
	assert_false(c.css);
	round_trip(&tcp_cubic, 50 * MS); /* eta is 5 ms */
	round_trip(&tcp_cubic, 50 * MS);
	assert_true(c.css);
	uint32_t before = c.window;
	round_trip(&tcp_cubic, 51 * MS);
	assert_in_range(c.window, before * 5 / 4 - 4 * MSS,
	                before * 5 / 4 + 4 * MSS); /* a quarter of the growth */
	for (int k = 0; k < 6; k++)
		round_trip(&tcp_cubic, 51 * MS);
	assert_true(c.threshold != UINT32_MAX);
	assert_true(c.window >= c.threshold);
}

static void a_passing_delay_does_not_end_slow_start(void **state)
{
	(void)state;
	tcp_cubic.open(&c, MSS);
	for (int k = 0; k < 4; k++)
		round_trip(&tcp_cubic, 40 * MS);
	round_trip(&tcp_cubic, 50 * MS);
	round_trip(&tcp_cubic, 50 * MS);
	assert_true(c.css);
	round_trip(&tcp_cubic, 40 * MS);
	round_trip(&tcp_cubic, 40 * MS);
	assert_false(c.css);
	assert_int_equal(c.threshold, UINT32_MAX);
}

static void a_small_rise_of_delay_is_none(void **state)
{
	(void)state;
	tcp_cubic.open(&c, MSS);
	for (int k = 0; k < 8; k++) {
		round_trip(&tcp_cubic, 10 * MS + (uint64_t)k * MS);
		assert_false(c.css); /* less than 4 ms a round */
	}
}

/* ---- RFC 6298 ---- */

static void the_rto_follows_the_samples(void **state)
{
	(void)state;
	struct tcp_rtt rtt;
	tcp_rtt_open(&rtt);
	assert_int_equal(rtt.rto, NS_PER_S); /* §2.1 */
	tcp_rtt_sample(&rtt, 100 * MS, now);
	assert_int_equal(rtt.srtt, 100 * MS); /* §2.2 */
	assert_int_equal(rtt.variation, 50 * MS);
	assert_int_equal(rtt.rto, 300 * MS);
	tcp_rtt_sample(&rtt, 180 * MS, now);
	assert_int_equal(rtt.variation, (3 * 50 * MS + 80 * MS) / 4); /* §2.3: of the old SRTT */
	assert_int_equal(rtt.srtt, 110 * MS);
	assert_int_equal(rtt.rto, 110 * MS + 4 * rtt.variation);
	for (int k = 0; k < 200; k++)
		tcp_rtt_sample(&rtt, 10 * MS, now);
	assert_in_range(rtt.rto, 209 * MS, 212 * MS);
	tcp_rtt_sample(&rtt, 1000 * NS_PER_S, now);
	assert_int_equal(rtt.rto, RECOVERY_RTO_MAX_NS);
}

static void the_smallest_rtt_is_of_the_last_seconds(void **state)
{
	(void)state;
	struct tcp_rtt rtt;
	tcp_rtt_open(&rtt);
	tcp_rtt_seen(&rtt, 10 * MS, now);
	for (int k = 0; k < 9; k++)
		tcp_rtt_seen(&rtt, 50 * MS, now += NS_PER_S);
	assert_int_equal(rtt.min, 10 * MS);
	for (int k = 0; k < 12; k++)
		tcp_rtt_seen(&rtt, 50 * MS, now += NS_PER_S);
	assert_int_equal(rtt.min, 50 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_start_with_ten_segments, start),
		cmocka_unit_test_setup(newreno_doubles_in_slow_start, start),
		cmocka_unit_test_setup(newreno_grows_by_a_segment_a_round_trip, start),
		cmocka_unit_test_setup(newreno_halves_what_is_in_flight, start),
		cmocka_unit_test_setup(an_unused_window_does_not_grow, start),
		cmocka_unit_test_setup(an_undeserved_reduction_is_taken_back, start),
		cmocka_unit_test_setup(an_idle_connection_starts_again, start),
		cmocka_unit_test_setup(cubic_falls_to_seven_tenths, start),
		cmocka_unit_test_setup(cubic_follows_the_formula, start),
		cmocka_unit_test_setup(cubic_is_reno_on_a_short_path, start),
		cmocka_unit_test_setup(cubic_does_not_count_unused_time, start),
		cmocka_unit_test_setup(cubic_stays_in_bounds_whatever_happens, start),
		cmocka_unit_test_setup(slow_start_ends_before_a_growing_queue_overflows, start),
		cmocka_unit_test_setup(a_passing_delay_does_not_end_slow_start, start),
		cmocka_unit_test_setup(a_small_rise_of_delay_is_none, start),
		cmocka_unit_test_setup(the_rto_follows_the_samples, start),
		cmocka_unit_test_setup(the_smallest_rtt_is_of_the_last_seconds, start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
