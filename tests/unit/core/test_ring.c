/* SPDX-License-Identifier: ISC */
/* core/ring.h against a model queue; counters start shortly before their wrap-around. */
#include <core/ring.h>

#include "fake.h"

#define SIZE  16u
#define START (UINT32_MAX - 40)

static uint32_t producer, consumer, flags;
static uint64_t entries[SIZE];

static struct ring opened(void)
{
	struct amp_ring at = { .producer = (uint64_t)&producer,
		               .consumer = (uint64_t)&consumer,
		               .flags = (uint64_t)&flags,
		               .entries = (uint64_t)entries,
		               .size = SIZE };
	struct ring r;
	ring_open(&r, &at);
	return r;
}

static void opens_at_the_counters_it_finds(void **state)
{
	(void)state;
	producer = consumer = 0;
	struct ring r = opened();
	assert_int_equal(ring_free(&r, 1), SIZE);
	assert_int_equal(ring_ready(&r), 0);
}

static void passes_everything_in_order_over_the_wrap(void **state)
{
	(void)state;
	producer = consumer = START;
	struct ring in = opened(), out = opened();
	in.mine = in.theirs = out.mine = out.theirs = START;
	uint64_t sent = 0, received = 0;
	for (int round = 0; round < 50000; round++) {
		uint32_t want = (uint32_t)(fake_random() % (SIZE + 1)), room = ring_free(&in, want);
		assert_true(room <= SIZE - (sent - received));
		uint32_t n = room < want ? room : want;
		for (uint32_t i = 0; i < n; i++)
			*ring_addr(&in, i) = sent + i;
		if (n > 0)
			assert_int_equal(ring_ready(&out) > 0, sent > received);
		ring_produce(&in, n);
		sent += n;
		assert_int_equal(producer, (uint32_t)(START + sent));

		uint32_t ready = ring_ready(&out);
		if (sent > received)
			assert_true(ready > 0);
		assert_true(ready <= sent - received);
		uint32_t take = ready ? (uint32_t)(fake_random() % (ready + 1)) : 0;
		for (uint32_t i = 0; i < take; i++)
			assert_true(*ring_addr(&out, i) == received + i);
		ring_consume(&out, take);
		received += take;
		assert_int_equal(consumer, (uint32_t)(START + received));
	}
	assert_true(sent > 100000);
}

static void a_full_ring_has_no_room_until_consumed(void **state)
{
	(void)state;
	producer = consumer = 0;
	struct ring r = opened();
	assert_int_equal(ring_free(&r, SIZE), SIZE);
	ring_produce(&r, SIZE);
	assert_int_equal(ring_free(&r, 1), 0);
	consumer = 5;
	assert_int_equal(ring_free(&r, 1), 5);
	/* The cached counter does: no look at the shared one. */
	consumer = 9;
	assert_int_equal(ring_free(&r, 5), 5);
	assert_int_equal(ring_free(&r, 6), 9);
}

static void tells_whether_the_tender_sleeps(void **state)
{
	(void)state;
	struct ring r = opened();
	flags = 0;
	assert_false(ring_wants_kick(&r));
	flags = AMP_RING_NEED_WAKEUP;
	assert_true(ring_wants_kick(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_at_the_counters_it_finds),
		cmocka_unit_test(passes_everything_in_order_over_the_wrap),
		cmocka_unit_test(a_full_ring_has_no_room_until_consumed),
		cmocka_unit_test(tells_whether_the_tender_sleeps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
