/* SPDX-License-Identifier: ISC */
/* Token buckets by a clock of the test's own, and their words on the command line. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <tender/device/rate.h>

#define SECOND 1000000000ull

static struct defect why;

/* Moves pieces of `size` as fast as the bucket lets, in steps of time: what went through. */
static uint64_t moved(struct rate *r, enum rate_bucket b, uint64_t size, uint64_t step, uint64_t ns,
                      uint64_t *now)
{
	uint64_t sum = 0;
	for (uint64_t end = *now + ns; *now < end; *now += step) {
		rate_fill(r, *now);
		while (rate_left(r, b)) {
			rate_spend(r, b, size);
			sum += size;
		}
	}
	return sum;
}

static void a_bucket_lets_its_rate_through(void **state)
{
	static const uint64_t rates[] = { 1, 7, 1000, 1 << 20, 1ull << 33, RATE_MAX },
	                      sizes[] = { 1, 1514, 65550 }, steps[] = { 1000, 999983, 70000000 };
	(void)state;
	for (size_t i = 0; i < 6; i++)
		for (size_t k = 0; k < 3; k++)
			for (size_t m = 0; m < 3; m++) {
				struct rate r;
				uint64_t now = 5, seconds = steps[m] == 1000 ? 1 : 20;
				if (rates[i] / sizes[k] * seconds > 30000000)
					continue;
				assert_int_equal(rate_open(&r, rates[i], 0, &why), 0);
				uint64_t got = moved(&r, RATE_OUT, sizes[k], steps[m],
				                     seconds * SECOND, &now);
				uint64_t burst = rates[i] / 20 + 1,
				         most = rates[i] * seconds + burst + sizes[k];
				if (got > most)
					fail_msg("rate %llu, pieces of %llu: %llu in %llu s",
					         (unsigned long long)rates[i],
					         (unsigned long long)sizes[k],
					         (unsigned long long)got,
					         (unsigned long long)seconds);
				/* nothing is lost to rounding, as long as it is looked at often */
				if (steps[m] < 50000000)
					assert_true(got + burst + sizes[k] + rates[i] / 10 + 1 >=
					            rates[i] * seconds);
				rate_close(&r);
			}
}

static void an_idle_bucket_saves_no_more_than_its_burst(void **state)
{
	struct rate r;
	uint64_t now = 1;
	(void)state;
	assert_int_equal(rate_open(&r, 1000000, 0, &why), 0);
	moved(&r, RATE_OUT, 100, SECOND, SECOND, &now);
	now += 1000 * SECOND;
	rate_fill(&r, now);
	assert_in_range(rate_left(&r, RATE_OUT), 1, 1000000 / 20);
	rate_close(&r);
}

static void buckets_do_not_know_each_other(void **state)
{
	struct rate r;
	uint64_t now = 1;
	(void)state;
	assert_int_equal(rate_open(&r, 1 << 20, 3, &why), 0);
	uint64_t ops = 0, bytes = 0;
	for (uint64_t end = now + 10 * SECOND; now < end; now += 300000) {
		rate_fill(&r, now);
		while (rate_left(&r, RATE_OPS)) {
			rate_spend(&r, RATE_OPS, 1);
			ops++;
		}
		while (rate_left(&r, RATE_BYTES)) {
			rate_spend(&r, RATE_BYTES, 512);
			bytes += 512;
		}
	}
	assert_in_range(ops, 29, 32);
	assert_in_range(bytes, 10u << 20, (10u << 20) + (1 << 16));
	rate_close(&r);
}

static void without_a_rate_there_is_no_limit_and_no_timer(void **state)
{
	struct rate r;
	(void)state;
	assert_int_equal(rate_open(&r, 0, 0, &why), 0);
	assert_false(r.set);
	assert_int_equal(r.timer, -1);
	assert_true(rate_left(&r, RATE_OUT) == RATE_NONE);
	rate_spend(&r, RATE_OUT, 1ull << 50);
	assert_true(rate_left(&r, RATE_OUT) == RATE_NONE);
	assert_false(rate_hold(&r));
	assert_int_equal(rate_open(&r, 0, 5, &why), 0);
	assert_true(rate_left(&r, RATE_BYTES) == RATE_NONE);
	rate_close(&r);
}

static void a_hold_ends_by_its_timer(void **state)
{
	struct rate r;
	(void)state;
	assert_int_equal(rate_open(&r, 1000000, 0, &why), 0);
	rate_fill(&r, 1);
	assert_false(rate_hold(&r));
	rate_spend(&r, RATE_OUT, rate_left(&r, RATE_OUT) + 5000); /* 5 ms */
	assert_true(rate_hold(&r));
	struct pollfd p = { .fd = r.timer, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(poll(&p, 1, 10000), 1);
	rate_woke(&r);
	assert_int_equal(poll(&p, 1, 0), 0);
	rate_close(&r);
}

static const struct {
	const char *text, *left;
	uint64_t bytes, ops;
	const char *defect;
} words[] = {
	{ "tap:t0", "tap:t0", 0, 0, NULL },
	{ "tap:t0,rate=10M", "tap:t0", 10 << 20, 0, NULL },
	{ "a.img,ro,rate=1K,iops=5", "a.img,ro", 1024, 5, NULL },
	{ "a.img,iops=5,ro", "a.img,ro", 0, 5, NULL },
	{ "a.img,rate=7,cut=3,seed=4", "a.img,cut=3,seed=4", 7, 0, NULL },
	{ "a,rate=5,B.img,ro", "a,rate=5,B.img,ro", 0, 0, NULL }, /* a name with commas */
	{ "rate=5", "rate=5", 0, 0, NULL },
	{ "a,rate=", "", 0, 0, "rate=: want" },
	{ "a,rate=0", "", 0, 0, "rate=0: want" },
	{ "a,rate=-1", "", 0, 0, "rate=-1: want" },
	{ "a,rate=2000000G", "", 0, 0, "want" },
	{ "a,iops=1K", "", 0, 0, "iops=1K: want a number" },
	{ "a,iops=4294967296", "", 0, 0, "want" },
	{ "a,rate=1,rate=2", "", 0, 0, "twice" },
	{ "a,rate=99999999999999999999999999999999999", "", 0, 0, "too long" },
};

static void words_are_taken_from_the_end_of_the_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		char text[128];
		uint64_t bytes, ops;
		strcpy(text, words[i].text);
		int status = rate_take_words(text, &bytes, &ops, &why);
		if (words[i].defect ? !status || !strstr(why.text, words[i].defect)
		                    : status || strcmp(text, words[i].left) ||
		                              bytes != words[i].bytes || ops != words[i].ops)
			fail_msg("%s: %d, %s, %llu, %llu, %s", words[i].text, status, text,
			         (unsigned long long)bytes, (unsigned long long)ops, why.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_lets_its_rate_through),
		cmocka_unit_test(an_idle_bucket_saves_no_more_than_its_burst),
		cmocka_unit_test(buckets_do_not_know_each_other),
		cmocka_unit_test(without_a_rate_there_is_no_limit_and_no_timer),
		cmocka_unit_test(a_hold_ends_by_its_timer),
		cmocka_unit_test(words_are_taken_from_the_end_of_the_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
