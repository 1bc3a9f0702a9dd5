/* SPDX-License-Identifier: ISC */
/* Limits by client address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <app/http/hook.h>
#include <app/http/limit.h>
#include <core/error.h>

#include "talk.h"

static struct http_limit *limit;

static int open_limit(uint32_t burst, uint64_t interval_ns, uint32_t places)
{
	return http_limit_open(&limit, &(struct http_limit_options){ burst, interval_ns, places });
}

static uint64_t take(uint32_t key)
{
	return http_limit_take(limit, &key, sizeof key, NULL);
}

static void a_burst_and_then_one_each_interval(void **state)
{
	(void)state;
	assert_int_equal(open_limit(0, SECOND, 0), ERR_INVALID);
	assert_int_equal(open_limit(1, 0, 0), ERR_INVALID);
	assert_int_equal(open_limit(UINT32_MAX, UINT64_MAX, 0), ERR_INVALID);
	assert_int_equal(open_limit(3, 2 * SECOND, 0), OK);
	fake_advance(100 * SECOND);
	for (int k = 0; k < 3; k++)
		assert_int_equal(take(1), 0);
	assert_int_equal(take(1), 2 * SECOND);
	assert_int_equal(http_limit_wait(limit, &(uint32_t){ 1 }, 4), 2 * SECOND);
	assert_int_equal(take(2), 0); /* another */
	fake_advance(2 * SECOND);
	assert_int_equal(take(1), 0);
	assert_int_equal(take(1), 2 * SECOND);
	fake_advance(100 * SECOND); /* no more than a burst is saved up */
	for (int k = 0; k < 3; k++)
		assert_int_equal(take(1), 0);
	assert_int_equal(take(1), 2 * SECOND);
	http_limit_close(limit);
}

static void what_was_taken_goes_back(void **state)
{
	struct http_limit_taken taken;
	uint32_t key = 7;
	(void)state;
	open_limit(1, SECOND, 0);
	for (int k = 0; k < 10; k++) {
		assert_int_equal(http_limit_take(limit, &key, sizeof key, &taken), 0);
		assert_int_equal(take(key), SECOND);
		http_limit_back(limit, &taken);
	}
	assert_int_equal(take(key), 0);
	http_limit_close(limit);
}

/* However many others come, and however small the table is, nobody's count is forgotten. */
static void no_flood_makes_a_count_forgotten(void **state)
{
	(void)state;
	open_limit(2, SECOND, 64);
	take(1);
	take(1);
	for (uint32_t k = 2; k < 100000; k++)
		take(k);
	assert_true(take(1) >= SECOND);
	http_limit_close(limit);
}

/* In a table as large as the default, a thousand others delay hardly anybody. */
static void others_are_hardly_taken_for_one(void **state)
{
	uint32_t delayed = 0;
	(void)state;
	open_limit(1, SECOND, 0);
	for (uint32_t k = 0; k < 1000; k++)
		delayed += take(k) != 0;
	assert_true(delayed < 60); /* about 1000 * (1000 / 4096)² / 3 */
	http_limit_close(limit);
}

static void refuse(struct http_exchange *x, void *context)
{
	(void)context;
	http_limit_refuse(x, SECOND + 1);
}

static void seconds_to_wait_are_rounded_up(void **state)
{
	(void)state;
	assert_int_equal(http_route(app.server, "GET", "/refuse", refuse, NULL), OK);
	assert_has(get("/refuse"), "Retry-After: 2\r\n");
}

static void who_asks_too_often_is_told_to_wait(void **state)
{
	(void)state;
	open_limit(2, 10 * SECOND, 0);
	http_before(app.server, http_limit_before, limit);
	assert_starts(get("/"), "HTTP/1.1 200");
	assert_starts(get("/"), "HTTP/1.1 200");
	const char *got = get("/");
	assert_starts(got, "HTTP/1.1 429 Too Many Requests\r\n");
	assert_has(got, "Retry-After: 10\r\n");
	assert_starts(get("/"), "HTTP/1.1 429");
	struct tcp_connection *first = c;
	c = fake_accept_from(0x0a000009);
	send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_starts(answer(), "HTTP/1.1 200");
	fake_queue_fin(c);
	fake_run(c);
	c = first;
	fake_advance(10 * SECOND);
	assert_starts(get("/"), "HTTP/1.1 200");
	http_limit_close(limit);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_burst_and_then_one_each_interval), TEST(what_was_taken_goes_back),
		TEST(no_flood_makes_a_count_forgotten),   TEST(others_are_hardly_taken_for_one),
		TEST(who_asks_too_often_is_told_to_wait), TEST(seconds_to_wait_are_rounded_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
