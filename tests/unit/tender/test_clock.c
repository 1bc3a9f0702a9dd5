/* SPDX-License-Identifier: ISC */
/* The image's clock as an image reads it, across refreshes and with a wrong first rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>
#include <x86intrin.h>

#include <tender/clock.h>

static struct amp_clock shared;

static uint64_t image_now(void)
{
	return shared.base_ns +
	       (uint64_t)((unsigned __int128)(__rdtsc() - shared.base_tsc) * shared.multiplier >>
	                  shared.shift);
}

static void run(uint64_t khz)
{
	struct clock clock;
	struct clock_sample start = clock_sample();
	struct timespec pause = { 0, 1000000 };
	nanosleep(&pause, NULL);
	clock_start(&clock, &shared, &start, khz, 0);
	uint64_t last = image_now();
	unsigned refreshes = 0;
	while (refreshes < 3) {
		uint32_t seq = shared.seq;
		assert_int_equal(seq & 1, 0);
		clock_refresh(&clock);
		refreshes += shared.seq != seq;
		uint64_t now = image_now();
		assert_true(now >= last);
		last = now;
	}
	/* After refreshes it follows CLOCK_MONOTONIC, or is being slowed down towards it. */
	uint64_t truth = clock_mono() - clock.zero;
	uint64_t now = image_now();
	assert_true(now + 10000000 > truth);
	assert_int_equal(shared.seq & 1, 0);
}

static void never_goes_back_with_a_measured_rate(void **state)
{
	(void)state;
	run(0);
}

static void never_goes_back_with_a_rate_too_low(void **state)
{
	(void)state;
	run(1500000); /* the image's clock runs ahead */
}

static void never_goes_back_with_a_rate_too_high(void **state)
{
	(void)state;
	run(6000000); /* it lags, and jumps */
}

static void wall_time_is_the_hosts(void **state)
{
	(void)state;
	struct clock clock;
	struct clock_sample start = clock_sample();
	struct timespec wall;
	clock_start(&clock, &shared, &start, 0, 0);
	clock_gettime(CLOCK_REALTIME, &wall);
	int64_t host = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
	int64_t image = (int64_t)image_now() + shared.wall_offset;
	assert_true(image - host < 1000000000 && host - image < 1000000000);
}

/* As if the host's clock had been set, by an hour either way, since the last refresh. */
static void wall_time_follows_a_step_of_the_hosts(void **state)
{
	static const int64_t steps[] = { 3600000000000, -3600000000000 };
	(void)state;
	struct clock clock;
	struct clock_sample start = clock_sample();
	clock_start(&clock, &shared, &start, 0, 0);
	for (unsigned k = 0; k < 2; k++) {
		uint32_t seq = shared.seq;
		uint64_t before = image_now();
		shared.wall_offset += steps[k];
		while (shared.seq == seq)
			clock_refresh(&clock);
		struct timespec wall;
		clock_gettime(CLOCK_REALTIME, &wall);
		int64_t host = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
		int64_t image = (int64_t)image_now() + shared.wall_offset;
		assert_true(image - host < 1000000000 && host - image < 1000000000);
		assert_true(image_now() >= before); /* the other clock has not moved */
		assert_true(image_now() - before < 1000000000);
	}
}

static void deadlines_saturate(void **state)
{
	(void)state;
	struct clock clock = { .zero = 1000 };
	assert_int_equal(clock_deadline(&clock, 5), 1005);
	assert_int_equal(clock_deadline(&clock, UINT64_MAX), UINT64_MAX);
	assert_int_equal(clock_deadline(&clock, UINT64_MAX - 500), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_goes_back_with_a_measured_rate),
		cmocka_unit_test(never_goes_back_with_a_rate_too_low),
		cmocka_unit_test(never_goes_back_with_a_rate_too_high),
		cmocka_unit_test(wall_time_is_the_hosts),
		cmocka_unit_test(wall_time_follows_a_step_of_the_hosts),
		cmocka_unit_test(deadlines_saturate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
