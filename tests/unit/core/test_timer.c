/* SPDX-License-Identifier: ISC */
/* The timer wheel against a model that looks at every timer. */
#include <stdlib.h>

#include <core/clock.h>
#include <core/list.h>
#include <core/timer.h>

#include "fake.h"

#define TIMERS 300

struct entry {
	struct timer timer;
	bool set;          /* the model's belief */
	uint64_t deadline; /* and the deadline it was given */
	unsigned round;    /* in which it was set */
};

static struct entry entries[TIMERS];
static uint64_t now;
static unsigned rounds, fired;

static uint64_t tick(uint64_t ns)
{
	return ns / TIMER_TICK_NS;
}

static uint64_t tick_up(uint64_t ns)
{
	return tick(ns) + (ns % TIMER_TICK_NS != 0);
}

/* What the loop does before each run. */
static void set_clock(void)
{
	fake_set_now(now);
	assert_true(clock_now() == now);
}

static void on_fire(struct timer *);

static uint64_t random_deadline(void)
{
	switch (fake_random() % 8) {
	case 0:
		return now - (now ? fake_random() % now : 0); /* past */
	case 1:
		return fake_random() % 50 == 0 ? CLOCK_NEVER : fake_random();
	case 2:
		return now + (fake_random() >> (fake_random() % 40 + 24));
	case 3:
		return (now + fake_random() % 100000000) & ~(TIMER_TICK_NS - 1); /* on a tick */
	default:
		return now + fake_random() % (20 * TIMER_TICK_NS);
	}
}

static void set(struct entry *e)
{
	e->deadline = random_deadline();
	e->set = true;
	e->round = rounds;
	timer_set(&e->timer, e->deadline, on_fire);
	assert_true(timer_is_set(&e->timer));
}

static void stop(struct entry *e)
{
	timer_stop(&e->timer);
	assert_false(timer_is_set(&e->timer));
	e->set = false;
}

static void on_fire(struct timer *t)
{
	struct entry *e = container_of(t, struct entry, timer);
	if (!e->set || e->deadline != t->deadline || e->deadline > now)
		fail_msg("fired: set %d, deadline %llu, now %llu", e->set,
		         (unsigned long long)e->deadline, (unsigned long long)now);
	assert_false(timer_is_set(t));
	e->set = false;
	fired++;
	switch (fake_random() % 4) {
	case 0:
		set(e); /* itself again */
		break;
	case 1:
		set(&entries[fake_random() % TIMERS]);
		break;
	case 2:
		stop(&entries[fake_random() % TIMERS]);
		break;
	}
}

static void check_model(void)
{
	uint64_t first = CLOCK_NEVER;
	for (int i = 0; i < TIMERS; i++) {
		struct entry *e = &entries[i];
		assert_int_equal(e->set, timer_is_set(&e->timer));
		if (!e->set)
			continue;
		if (e->deadline < first)
			first = e->deadline;
		/* What was due before this run has fired in it. */
		if (e->round < rounds && tick_up(e->deadline) <= tick(now))
			fail_msg("timer %d is late: %llu at %llu", i,
			         (unsigned long long)e->deadline, (unsigned long long)now);
	}
	uint64_t next = timer_next();
	if (first == CLOCK_NEVER)
		return;
	assert_true(tick(next) <= tick_up(first));
}

static void agrees_with_the_model(void **state)
{
	(void)state;
	now = 12345;
	for (rounds = 1; rounds < 60000; rounds++) {
		for (unsigned n = fake_random() % 6; n > 0; n--) {
			struct entry *e = &entries[fake_random() % TIMERS];
			if (fake_random() % 3)
				set(e);
			else
				stop(e);
		}
		unsigned step = fake_random() % 100;
		if (step < 60)
			now += fake_random() % (3 * TIMER_TICK_NS);
		else if (step < 95)
			now += fake_random() % 50000000;
		else if (step < 99)
			now += fake_random() % (100 * NS_PER_S);
		else if (timer_next() != CLOCK_NEVER && timer_next() > now &&
		         timer_next() < 1ull << 62)
			now = timer_next();
		set_clock();
		unsigned before = fired, result;
		rounds++; /* what callbacks set is newer than the run */
		result = timer_run(now);
		assert_int_equal(result, fired - before);
		check_model();
	}
	assert_true(fired > 50000);
	for (int i = 0; i < TIMERS; i++)
		stop(&entries[i]);
	assert_true(timer_next() == CLOCK_NEVER);
}

static unsigned counted;

static void count(struct timer *t)
{
	(void)t;
	counted++;
}

static void past_deadlines_fire_in_the_next_run(void **state)
{
	(void)state;
	struct timer t = { 0 };
	counted = 0;
	set_clock();
	timer_set(&t, now - 1, count); /* in the running tick */
	assert_true(timer_next() <= now);
	timer_run(now);
	assert_int_equal(counted, 1);
}

static void reset_to_now(struct timer *t)
{
	counted++;
	timer_set(t, now, reset_to_now);
}

static void a_timer_that_resets_itself_does_not_hold_the_run(void **state)
{
	(void)state;
	struct timer t = { 0 };
	counted = 0;
	timer_set(&t, now, reset_to_now);
	for (int i = 0; i < 5; i++)
		timer_run(now);
	assert_int_equal(counted, 5);
	timer_stop(&t);
}

static void never_does_not_fire(void **state)
{
	(void)state;
	struct timer t = { 0 };
	counted = 0;
	timer_set(&t, CLOCK_NEVER, count);
	timer_run(now += 365 * 24 * 3600 * NS_PER_S);
	assert_int_equal(counted, 0);
	assert_true(timer_is_set(&t));
	timer_stop(&t);
	timer_stop(&t); /* no harm */
}

static void set_in_does_not_overflow(void **state)
{
	(void)state;
	struct timer t = { 0 };
	set_clock();
	timer_set_in(&t, UINT64_MAX, count);
	assert_true(t.deadline == CLOCK_NEVER);
	timer_set_in(&t, 5, count);
	assert_true(t.deadline == now + 5);
	timer_stop(&t);
}

#define MANY 1000000u

static unsigned out_of_order;
static uint64_t last_tick;

static void count_order(struct timer *t)
{
	counted++;
	if (tick_up(t->deadline) < last_tick)
		out_of_order++;
	last_tick = tick_up(t->deadline);
}

static void a_million_fire_in_order_of_their_ticks(void **state)
{
	(void)state;
	struct timer *all = calloc(MANY, sizeof *all);
	assert_true(sizeof *all == 32);
	counted = out_of_order = 0;
	last_tick = 0;
	uint64_t start = now;
	for (unsigned i = 0; i < MANY; i++)
		timer_set(&all[i], start + fake_random() % (3600 * NS_PER_S), count_order);
	unsigned stopped = 0;
	for (unsigned i = 0; i < MANY; i += 3, stopped++)
		timer_stop(&all[i]);
	while (timer_next() != CLOCK_NEVER) {
		now = timer_next() > now ? timer_next() : now;
		timer_run(now);
	}
	assert_int_equal(counted, MANY - stopped);
	assert_int_equal(out_of_order, 0);
	free(all);
}

/* Regression: one run fired, or moved down, whatever a slot held. With 10 million sleepers a timer
 * of 1 ms stood still for 2.9 s, and so did the network. */
static void a_burst_is_spread_over_runs(void **state)
{
	(void)state;
	enum { COUNT = 10 * TIMER_RUN_MAX };
	struct timer *all = calloc(COUNT, sizeof *all);
	counted = 0;
	set_clock();
	for (unsigned i = 0; i < COUNT; i++)
		timer_set(&all[i], now + 50 * TIMER_TICK_NS, count);
	timer_stop(&all[COUNT / 2]);
	now += 51 * TIMER_TICK_NS;
	set_clock();
	unsigned runs = 0;
	for (; timer_next() <= now; runs++) {
		unsigned before = counted;
		unsigned result = timer_run(now);
		assert_int_equal(result, counted - before);
		assert_true(counted - before <= TIMER_RUN_MAX);
		if (runs == 3)
			timer_stop(&all[0]); /* waits to be fired */
	}
	assert_true(runs >= 10);
	assert_int_equal(counted, COUNT - 2);
	free(all);
}

static void a_timer_fires_while_many_fall(void **state)
{
	(void)state;
	enum { COUNT = 50 * TIMER_RUN_MAX };
	struct timer *all = calloc(COUNT, sizeof *all), beat = { 0 };
	uint64_t slot = (now / (TIMER_TICK_NS << 18) + 4) * (TIMER_TICK_NS << 18);
	counted = 0;
	set_clock();
	for (unsigned i = 0; i < COUNT; i++)
		timer_set(&all[i],
		          slot + fake_random() % (TIMER_TICK_NS << 17) + (TIMER_TICK_NS << 16),
		          count);
	now = slot - (TIMER_TICK_NS << 18);
	set_clock();
	timer_run(now); /* the slot before theirs is reached */
	unsigned beats = 0, runs = 1;
	while (timer_next() <= now) {
		if (!timer_is_set(&beat)) {
			beats++;
			timer_set(&beat, now + TIMER_TICK_NS, count);
		}
		now += TIMER_TICK_NS;
		set_clock();
		timer_run(now);
		runs++;
	}
	assert_true(runs >= 50 && beats >= runs / 3);
	timer_stop(&beat);
	counted = 0;
	while (timer_next() != CLOCK_NEVER) {
		now = timer_next() > now ? timer_next() : now;
		set_clock();
		timer_run(now);
	}
	assert_int_equal(counted, COUNT);
	free(all);
}

static uint64_t latest;

static void note_lateness(struct timer *t)
{
	counted++;
	if (now - t->deadline > latest)
		latest = now - t->deadline;
}

/* Regression: all timers of a slot fell when the wheel reached it, and those whose time came meanwhile waited: of a million in a
 * second, one of a hundred was 1.8 ms late. Here a run takes 30 us, whatever it does. */
static void timers_of_a_full_slot_have_fallen_before_their_time(void **state)
{
	(void)state;
	struct timer *all = calloc(MANY, sizeof *all);
	counted = 0;
	latest = 0;
	set_clock();
	uint64_t begin = now + NS_PER_S / 2;
	for (unsigned i = 0; i < MANY; i++)
		timer_set(&all[i], begin + fake_random() % NS_PER_S, note_lateness);
	while (timer_next() != CLOCK_NEVER) {
		now = timer_next() > now ? timer_next() : now + 30000;
		set_clock();
		timer_run(now);
	}
	assert_int_equal(counted, MANY);
	assert_true(latest <= 100000);
	free(all);
}

static int start(void **state)
{
	(void)state;
	fake_start();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_model),
		cmocka_unit_test(past_deadlines_fire_in_the_next_run),
		cmocka_unit_test(a_timer_that_resets_itself_does_not_hold_the_run),
		cmocka_unit_test(never_does_not_fire),
		cmocka_unit_test(set_in_does_not_overflow),
		cmocka_unit_test(a_million_fire_in_order_of_their_ticks),
		cmocka_unit_test(a_burst_is_spread_over_runs),
		cmocka_unit_test(a_timer_fires_while_many_fall),
		cmocka_unit_test(timers_of_a_full_slot_have_fallen_before_their_time),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
