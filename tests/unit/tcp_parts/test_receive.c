/* SPDX-License-Identifier: ISC */
/* The receiver's half by behaviour, and against a map of which bytes have come. */
#include <net/tcp/receive.h>

#include <stdlib.h>

#include <net/tcp/recovery.h>

#include "base.h"

#define ISS 0xffffff00u /* sequence numbers pass zero early */
#define MAX (1u << 20)
#define MS  NS_PER_MS

static struct tcp_receive r;
static uint8_t bytes[MAX];

static int start(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof bytes; k++)
		bytes[k] = (uint8_t)(k * 13 + k / 257);
	base_allocations_left = UINT64_MAX;
	tcp_receive_open(&r, ISS, 64u << 10, MAX);
	return 0;
}

static int end(void **state)
{
	(void)state;
	bool valid = tcp_receive_is_valid(&r);
	base_allocations_left = UINT64_MAX;
	tcp_receive_close(&r);
	return valid && !base_allocated && !tcp_receive_memory() ? 0 : -1;
}

/* Puts [from, to) of the stream. */
static int64_t put(uint32_t from, uint32_t to)
{
	int64_t moved = tcp_receive_put(&r, ISS + from, bytes + from, to - from);
	assert_true(tcp_receive_is_valid(&r));
	return moved;
}

static void assert_sacks(const uint32_t (*expected)[2], uint32_t count, uint32_t most)
{
	uint32_t blocks[8][2];
	assert_int_equal(tcp_receive_sacks(&r, blocks, most), count);
	for (uint32_t k = 0; k < count; k++) {
		assert_int_equal(blocks[k][0] - ISS, expected[k][0]);
		assert_int_equal(blocks[k][1] - ISS, expected[k][1]);
	}
}

static void bytes_in_order_can_be_taken(void **state)
{
	(void)state;
	const uint8_t *shown;
	assert_int_equal(put(0, 1000), 1000);
	assert_int_equal(tcp_receive_unread(&r), 1000);
	assert_int_equal(tcp_receive_peek(&r, &shown), 1000);
	assert_memory_equal(shown, bytes, 1000);
	tcp_receive_take(&r, 400, 0);
	assert_int_equal(tcp_receive_peek(&r, &shown), 600);
	assert_memory_equal(shown, bytes + 400, 600);
}

static void no_memory_is_held_when_nothing_waits(void **state)
{
	(void)state;
	assert_int_equal(tcp_receive_memory(), 0);
	put(0, 5000);
	assert_int_equal(tcp_receive_memory(), 8192);
	put(6000, 7000);
	tcp_receive_take(&r, 5000, 0);
	assert_true(tcp_receive_memory() > 0); /* [6000, 7000) waits */
	put(5000, 6000);
	tcp_receive_take(&r, 2000, 0);
	assert_int_equal(tcp_receive_memory(), 0);
	assert_int_equal(base_allocated, 0);
}

static void a_gap_closed_moves_next_over_all_behind_it(void **state)
{
	(void)state;
	assert_int_equal(put(100, 200), 0);
	assert_int_equal(put(300, 400), 0);
	assert_int_equal(put(0, 100), 200);
	assert_int_equal(put(200, 300), 200);
	assert_int_equal(r.run_count, 0);
	const uint8_t *shown;
	assert_int_equal(tcp_receive_peek(&r, &shown), 400);
	assert_memory_equal(shown, bytes, 400);
}

static void bytes_taken_from_the_frame_close_gaps_too(void **state)
{
	(void)state;
	put(1000, 2000);
	assert_int_equal(tcp_receive_pass(&r, 1000), 2000);
	const uint8_t *shown;
	assert_int_equal(tcp_receive_peek(&r, &shown), 1000);
	assert_memory_equal(shown, bytes + 1000, 1000);
	tcp_receive_take(&r, 1000, 0);
	assert_int_equal(tcp_receive_pass(&r, 500), 500);
	assert_int_equal(base_allocated, 0);
}

/* RFC 2018 §4: "the first SACK block MUST specify the contiguous block of data containing the
 * segment which triggered this ACK". */
static void the_run_that_changed_last_is_told_first(void **state)
{
	(void)state;
	put(1000, 2000);
	put(3000, 4000);
	put(5000, 6000);
	assert_sacks((uint32_t[][2]){ { 5000, 6000 }, { 3000, 4000 }, { 1000, 2000 } }, 3, 4);
	put(2000, 2500);
	assert_sacks((uint32_t[][2]){ { 1000, 2500 }, { 5000, 6000 }, { 3000, 4000 } }, 3, 4);
	assert_sacks((uint32_t[][2]){ { 1000, 2500 }, { 5000, 6000 } }, 2, 2);
	put(2500, 3000);
	assert_sacks((uint32_t[][2]){ { 1000, 4000 }, { 5000, 6000 } }, 2, 4);
	put(0, 1000);
	assert_sacks((uint32_t[][2]){ { 5000, 6000 } }, 1, 4);
}

/* RFC 2883 §4: a duplicate goes first, and once. */
static void a_duplicate_is_told_first_and_once(void **state)
{
	(void)state;
	put(0, 1000);
	put(2000, 3000);
	tcp_receive_duplicate(&r, ISS + 500, ISS + 1000);
	assert_sacks((uint32_t[][2]){ { 500, 1000 }, { 2000, 3000 } }, 2, 3);
	assert_sacks((uint32_t[][2]){ { 2000, 3000 } }, 1, 3);
	tcp_receive_duplicate(&r, ISS + 2000, ISS + 3000); /* §4.1.2: inside of a run */
	assert_sacks((uint32_t[][2]){ { 2000, 3000 }, { 2000, 3000 } }, 2, 3);
}

static void runs_are_bounded(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < RECEIVE_RUNS_MAX; k++)
		assert_int_equal(put(10 + 20 * k, 20 + 20 * k), 0);
	uint32_t far = 10 + 20 * RECEIVE_RUNS_MAX;
	assert_int_equal(put(far, far + 10), ERR_MEMORY);
	assert_int_equal(put(20, 30), 0); /* closes a gap between two: allowed */
	assert_int_equal(put(far, far + 10), 0);
	assert_int_equal(put(0, 10), 40);
}

static void without_memory_a_segment_never_came(void **state)
{
	(void)state;
	base_allocations_left = 0;
	assert_int_equal(put(0, 100), ERR_MEMORY);
	assert_int_equal(r.next, ISS);
	base_allocations_left = 1; /* a ring, no runs */
	assert_int_equal(put(100, 200), ERR_MEMORY);
	assert_int_equal(tcp_receive_memory(), 0);
	base_allocations_left = 1;
	assert_int_equal(put(0, 100), 100);
	assert_int_equal(put(100, 5000),
	                 ERR_MEMORY); /* the ring cannot grow; what is in it stays */
	const uint8_t *shown;
	assert_int_equal(tcp_receive_peek(&r, &shown), 100);
	assert_memory_equal(shown, bytes, 100);
}

/* ---- The window ---- */

static void the_window_closes_while_nothing_is_taken(void **state)
{
	(void)state;
	assert_int_equal(tcp_receive_window(&r, 0, false, MS), 64u << 10);
	put(0, 60000);
	assert_int_equal(tcp_receive_window(&r, 0, false, MS), (64u << 10) - 60000);
	tcp_receive_take(&r, 60000, MS);
	assert_int_equal(tcp_receive_window(&r, 0, false, MS), 64u << 10);
}

/* Delivers `each` bytes a round trip, taken at once, for so many rounds. */
static uint32_t rounds(uint32_t each, uint32_t count, uint64_t rtt, bool pressure)
{
	static uint64_t now = NS_PER_S;
	uint32_t window = 0;
	for (uint32_t k = 0; k < count; k++) {
		tcp_receive_pass(&r, each);
		now += rtt;
		window = tcp_receive_window(&r, rtt, pressure, now);
	}
	return window;
}

static void the_window_grows_with_what_is_taken_in_a_round_trip(void **state)
{
	(void)state;
	assert_int_equal(rounds(10000, 10, 20 * MS, false), 64u << 10); /* enough already */
	assert_true(rounds(60000, 3, 20 * MS, false) >= 2 * 60000);
	assert_int_equal(rounds(400000, 3, 20 * MS, false), MAX);
	assert_int_equal(rounds(1000, 100, 20 * MS, false),
	                 MAX); /* it never goes back (RFC 9293 §3.8.6.1) */
}

static void the_window_grows_on_a_path_faster_than_the_scheduler(void **state)
{
	(void)state;
	for (uint64_t now = NS_PER_S, k = 0; k < 20; k++) {
		tcp_receive_pass(&r, 60000);
		now += 3 * MS;
		tcp_receive_window(&r, 50000, false, now);
	}
	assert_true(r.window > 64u << 10);
}

static void the_window_does_not_grow_under_memory_pressure(void **state)
{
	(void)state;
	assert_int_equal(rounds(60000, 10, 20 * MS, true), 64u << 10);
}

static void pauses_of_the_application_do_not_grow_the_window(void **state)
{
	(void)state;
	for (uint64_t now = NS_PER_S, k = 0; k < 20; k++) {
		tcp_receive_pass(&r, 60000);
		now += NS_PER_S; /* fifty round trips each */
		tcp_receive_window(&r, 20 * MS, false, now);
	}
	assert_int_equal(r.window, 64u << 10);
}

/* ---- Against a map ---- */

/* The first run of bytes in [from, to) that are there already: what a DSACK has to tell of them. */
static void again(const bool *there, uint32_t from, uint32_t to, uint32_t block[2])
{
	while (from < to && !there[from])
		from++;
	block[0] = block[1] = ISS + from;
	while (from < to && there[from])
		block[1] = ISS + ++from;
}

static void keeps_each_byte_that_came(void **state)
{
	(void)state;
	struct random random = { 7 };
	static bool there[MAX + 70000];
	uint32_t taken = 0, next = 0;
	for (uint32_t step = 0; step < 60000; step++) {
		base_allocations_left = random_chance(&random, 10000) ? 0 : UINT64_MAX;
		uint32_t choice = random_below(&random, 8), duplicate[2] = { 0, 0 };
		if (taken + (70u << 10) > MAX) { /* start over */
			tcp_receive_close(&r);
			tcp_receive_open(&r, ISS, 64u << 10, MAX);
			memset(there, 0, sizeof there);
			taken = next = 0;
		}
		uint32_t edge = taken + (64u << 10);
		if (choice < 5) { /* near `next`, or anywhere in the window */
			uint32_t size =
			        1 +
			        random_below(&random, random_chance(&random, 50000) ? 20000 : 1500);
			uint32_t from =
			        next +
			        (choice < 2 ? 0 : random_below(&random, choice < 4 ? 6000 : 65536));
			if (from >= edge)
				continue;
			size = size < edge - from ? size : edge - from;
			uint32_t before = next;
			again(there, from, from + size, duplicate);
			int64_t moved = put(from, from + size);
			if (moved == ERR_MEMORY)
				continue;
			memset(there + from, true, size);
			while (there[next])
				next++;
			assert_int_equal(moved, next - before);
		} else if (choice == 5 && next == taken) {
			uint32_t size = 1 + random_below(&random, 1500), before = next;
			again(there, next, next + size, duplicate);
			int64_t moved = tcp_receive_pass(&r, size);
			memset(there + next, true, size);
			taken += size;
			while (there[next])
				next++;
			assert_int_equal(moved, next - before);
		} else {
			const uint8_t *shown;
			uint32_t n = tcp_receive_peek(&r, &shown);
			assert_int_equal(n > 0, next > taken);
			assert_true(n <= next - taken);
			if (!n)
				continue;
			assert_memory_equal(shown, bytes + taken, n);
			n = random_below(&random, n + 1);
			tcp_receive_take(&r, n, 0);
			taken += n;
		}
		assert_true(tcp_receive_is_valid(&r));
		assert_int_equal(r.next - ISS, next);
		assert_int_equal(r.taken - ISS, taken);
		uint32_t blocks[4][2], count = tcp_receive_sacks(&r, blocks, 4);
		uint32_t first = duplicate[0] != duplicate[1], all = first + r.run_count;
		assert_int_equal(count, all < 4 ? all : 4);
		if (first)
			assert_memory_equal(blocks[0], duplicate, sizeof duplicate);
		for (uint32_t k = first; k < count; k++) {
			uint32_t left = blocks[k][0] - ISS, right = blocks[k][1] - ISS;
			assert_true(left > next && left < right && right <= taken + (64u << 10));
			assert_true(!there[left - 1] && there[left] && there[right - 1] &&
			            !there[right]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_in_order_can_be_taken, start, end),
		cmocka_unit_test_setup_teardown(no_memory_is_held_when_nothing_waits, start, end),
		cmocka_unit_test_setup_teardown(a_gap_closed_moves_next_over_all_behind_it, start,
		                                end),
		cmocka_unit_test_setup_teardown(bytes_taken_from_the_frame_close_gaps_too, start,
		                                end),
		cmocka_unit_test_setup_teardown(the_run_that_changed_last_is_told_first, start,
		                                end),
		cmocka_unit_test_setup_teardown(a_duplicate_is_told_first_and_once, start, end),
		cmocka_unit_test_setup_teardown(runs_are_bounded, start, end),
		cmocka_unit_test_setup_teardown(without_memory_a_segment_never_came, start, end),
		cmocka_unit_test_setup_teardown(the_window_closes_while_nothing_is_taken, start,
		                                end),
		cmocka_unit_test_setup_teardown(the_window_grows_with_what_is_taken_in_a_round_trip,
		                                start, end),
		cmocka_unit_test_setup_teardown(
		        the_window_grows_on_a_path_faster_than_the_scheduler, start, end),
		cmocka_unit_test_setup_teardown(the_window_does_not_grow_under_memory_pressure,
		                                start, end),
		cmocka_unit_test_setup_teardown(pauses_of_the_application_do_not_grow_the_window,
		                                start, end),
		cmocka_unit_test_setup_teardown(keeps_each_byte_that_came, start, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
