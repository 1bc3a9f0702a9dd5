/* SPDX-License-Identifier: ISC */
/*
 * The parts together over a simulated path: everything arrives whatever the link does to it, and as
 * fast as theory lets it. Rates are the simulation's, which is the same in each run.
 */
#include "path.h"

#include <math.h>

#include <net/tcp.h>

#include "base.h"

#define MIB 1048576ull
#define MS  NS_PER_MS
#define MSS 1448.0

static int no_leak(void **state)
{
	(void)state;
	return base_allocated ? -1 : 0;
}

/* 1 Gbit/s, 20 ms there and back. */
static struct path_setup path(uint64_t bytes)
{
	return (struct path_setup){
		.seed = 1, .bytes = bytes, .rate = 125000000, .delay_ns = 10 * MS
	};
}

static struct path_result run(struct path_setup s)
{
	struct path_result r = path_run(&s);
	assert_true(r.complete);
	return r;
}

static const struct tcp_congestion *const algorithms[] = { &tcp_cubic, &tcp_newreno };
static const struct {
	bool no_sack, no_timestamps;
} peers[] = { { false, false }, { false, true }, { true, false }, { true, true } };

/* Each with each kind of peer. */
static void run_all(struct path_setup s)
{
	for (int a = 0; a < 2; a++) {
		for (int p = 0; p < 4; p++) {
			for (s.seed = 1; s.seed <= 3; s.seed++) {
				s.congestion = algorithms[a];
				s.no_sack = peers[p].no_sack;
				s.no_timestamps = peers[p].no_timestamps;
				run(s);
			}
		}
	}
}

static void arrives_over_a_clean_path_without_a_retransmission(void **state)
{
	(void)state;
	struct path_setup s = path(32 * MIB);
	s.queue = 8u << 20;
	struct path_result r = run(s);
	assert_int_equal(r.figures.retransmitted, 0);
	assert_int_equal(r.figures.timeouts_total, 0);
	assert_true(r.rate > 0.4 * 125e6); /* slow start included: 32 MiB are 13 full windows */
}

static void arrives_through_loss_of_any_strength(void **state)
{
	(void)state;
	struct path_setup s = path(MIB);
	const uint32_t losses[] = { 1000, 10000, 50000, 200000 };
	for (int k = 0; k < 4; k++) {
		s.loss = s.ack_loss = losses[k];
		run_all(s);
	}
}

static void arrives_through_reordering(void **state)
{
	(void)state;
	struct path_setup s = path(MIB);
	s.reorder = 250000;
	const uint64_t later[] = { 100000, 2 * MS, 7 * MS, 30 * MS };
	for (int k = 0; k < 4; k++) {
		s.reorder_ns = later[k];
		run_all(s);
	}
}

static void arrives_through_duplication(void **state)
{
	(void)state;
	struct path_setup s = path(2 * MIB);
	s.duplicate = 100000;
	run_all(s);
}

static void arrives_through_everything_at_once(void **state)
{
	(void)state;
	struct path_setup s = path(MIB / 2);
	s.duplicate = 10000;
	s.loss = s.ack_loss = 50000;
	s.reorder = 250000;
	s.reorder_ns = 15 * MS;
	s.queue = 100000;
	s.outage_at = 300 * MS;
	s.outage_ns = 500 * MS;
	run_all(s);
}

static void arrives_with_segments_of_any_size(void **state)
{
	(void)state;
	struct path_setup s = path(MIB / 4);
	const uint32_t sizes[] = { 64, 536, 1460, 8948, 65000 };
	s.loss = 20000;
	for (int k = 0; k < 5; k++) {
		s.mss = sizes[k];
		s.queue = 20 * s.mss;
		run_all(s);
	}
}

static void goes_on_after_an_outage(void **state)
{
	(void)state;
	struct path_setup s = path(8 * MIB);
	s.outage_at = 100 * MS;
	s.outage_ns = 3 * NS_PER_S;
	run_all(s);
	struct path_result r = run(s);
	assert_true(r.figures.timeouts_total >= 2);
	assert_true(r.took_ns < 8 * NS_PER_S);
}

/* ---- As fast as it should be ---- */

static void no_time_out_is_needed_for_lost_tails(void **state)
{
	(void)state;
	struct path_setup s = path(10 * 1448);
	for (uint32_t lost = 1; lost <= 8; lost++) { /* the last ones */
		for (uint32_t k = 0; k < lost; k++)
			s.lose[k] = 10 - k;
		struct path_result r = run(s);
		assert_int_equal(r.figures.timeouts_total, 0);
		assert_int_equal(r.figures.probes, 1);
		assert_true(r.took_ns < 500 * MS);
	}
}

static void a_lost_retransmission_needs_no_time_out(void **state)
{
	(void)state;
	struct path_setup s = path(200 * 1448);
	s.lose[0] = 3;
	s.lose[1] = 11; /* its copy, as it happens */
	struct path_result r = run(s);
	assert_int_equal(r.figures.timeouts_total, 0);
	assert_int_equal(r.figures.retransmitted, 2);
}

/* The RFCs' models of the average window in segments: 5681's (Mathis et al.: sqrt(1.5 / p)) and RFC
 * 9438 §5.1, figure 5: (C (3 + beta) / (4 (1 - beta)))^0.25 RTT^0.75 / p^0.75. CUBIC is to have the
 * larger of both. */
static double model(bool cubic, double p, double rtt)
{
	double reno = sqrt(1.5 / p),
	       w = pow(0.4 * 3.7 / (4 * 0.3), 0.25) * pow(rtt, 0.75) / pow(p, 0.75);
	return cubic && w > reno ? w : reno;
}

static void random_loss_costs_what_the_model_says(void **state)
{
	(void)state;
	const struct {
		uint32_t loss;
		uint64_t delay;
		uint64_t bytes;
	} cases[] = { { 10000, 10 * MS, 16 * MIB },
		      { 1000, 10 * MS, 64 * MIB },
		      { 1000, 50 * MS, 32 * MIB } };
	for (int n = 0; n < 3; n++) {
		for (int a = 0; a < 2; a++) {
			struct path_setup s = path(cases[n].bytes);
			s.skip = s.bytes /
			         2; /* what slow start made of the window is gone by then */
			s.loss = cases[n].loss;
			s.delay_ns = cases[n].delay;
			s.rate = 1250000000;
			s.queue = 8u << 20;
			s.congestion = algorithms[a];
			struct path_result r = run(s);
			double rtt = 2 * (double)s.delay_ns / 1e9, p = s.loss / 1e6;
			double expected = model(a == 0, p, rtt) * MSS / rtt;
			print_message("%s, loss %g %%, RTT %g ms: %.2f MB/s, model %.2f; %llu "
			              "time-outs\n",
			              algorithms[a]->name, 100 * p, rtt * 1e3, r.rate / 1e6,
			              expected / 1e6, (unsigned long long)r.figures.timeouts_total);
			assert_true(r.rate > 0.8 * expected);
			assert_true(r.rate < 2.0 * expected);
		}
	}
}

static void reordering_costs_little_once_it_is_known(void **state)
{
	(void)state;
	struct path_setup s = path(32 * MIB);
	s.queue = 8u << 20;
	s.reorder = 250000;
	for (int k = 0; k < 2;
	     k++) { /* within min_RTT / 4, and beyond: known by undone episodes and DSACKs */
		s.reorder_ns = k ? 7 * MS : 4 * MS;
		struct path_result r = run(s);
		assert_true(r.figures.retransmitted < 500); /* of 23,000 */
		assert_true(r.rate > 0.25 * 125e6);
	}
}

static void a_spurious_time_out_is_taken_back(void **state)
{
	(void)state;
	for (int with = 0; with < 2; with++) { /* by timestamps, or by DSACKs */
		struct path_setup s = path(16 * MIB);
		s.queue = 8u << 20;
		s.stall_at = 100 * MS;
		s.stall_ns = 600 * MS;
		s.no_timestamps = !with;
		struct path_result r = run(s);
		assert_true(r.figures.timeouts_total >= 1);
		assert_true(r.figures.spurious >= 1);
	}
}

static void ecn_keeps_the_queue_short_without_a_loss(void **state)
{
	(void)state;
	struct path_setup s = path(32 * MIB);
	s.rate = 12500000;
	s.queue = 1u << 20;
	s.mark_at = 100000;
	struct path_result r = run(s);
	assert_true(r.cuts >= 2);
	assert_int_equal(r.figures.retransmitted, 0);
	assert_true(r.rate > 0.7 * 12.5e6);
	assert_true(r.queue_peak < 500000);
}

static void the_receivers_window_is_no_limit(void **state)
{
	(void)state;
	struct path_setup s = path(128 * MIB);
	s.queue = 8u << 20;
	struct path_result r = run(s);
	assert_true(r.rate > 0.8 * 125e6); /* from 64 KiB to 2.5 MB and more by right-sizing */
	s.window = 64u << 10;
	s.bytes = 4 * MIB;
	r = run(s);
	assert_in_range(r.rate, 0.9 * 65536 / 0.02, 1.1 * 65536 / 0.02);
}

static void records_stay_few(void **state)
{
	(void)state;
	struct path_setup s = path(64 * MIB);
	s.rate = 1250000000;
	s.queue = 8u << 20;
	s.loss = 1000;
	struct path_result r = run(s);
	assert_true(r.records_peak < 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(arrives_over_a_clean_path_without_a_retransmission,
		                          no_leak),
		cmocka_unit_test_teardown(arrives_through_loss_of_any_strength, no_leak),
		cmocka_unit_test_teardown(arrives_through_reordering, no_leak),
		cmocka_unit_test_teardown(arrives_through_duplication, no_leak),
		cmocka_unit_test_teardown(arrives_through_everything_at_once, no_leak),
		cmocka_unit_test_teardown(arrives_with_segments_of_any_size, no_leak),
		cmocka_unit_test_teardown(goes_on_after_an_outage, no_leak),
		cmocka_unit_test_teardown(no_time_out_is_needed_for_lost_tails, no_leak),
		cmocka_unit_test_teardown(a_lost_retransmission_needs_no_time_out, no_leak),
		cmocka_unit_test_teardown(random_loss_costs_what_the_model_says, no_leak),
		cmocka_unit_test_teardown(reordering_costs_little_once_it_is_known, no_leak),
		cmocka_unit_test_teardown(a_spurious_time_out_is_taken_back, no_leak),
		cmocka_unit_test_teardown(ecn_keeps_the_queue_short_without_a_loss, no_leak),
		cmocka_unit_test_teardown(the_receivers_window_is_no_limit, no_leak),
		cmocka_unit_test_teardown(records_stay_few, no_leak),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
