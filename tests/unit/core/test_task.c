/* SPDX-License-Identifier: ISC */
/*
 * Tasks and the event loop. The test program is task 0, the loop runs on the last stack of a layout
 * made here, and a wait at the fake gate moves the clock to its deadline, so that sleeping costs no
 * time.
 */
#include <fenv.h>
#include <sys/mman.h>

#include <core/clock.h>
#include <core/clone.h>
#include <core/config.h>
#include <core/error.h>
#include <core/loop.h>
#include <core/start.h>
#include <core/task.h>
#include <core/task_turn.h>
#include <core/timer.h>

#include "fake.h"

#define STACK_SIZE  65536u
#define STACK_GUARD 8192u
#define STACKS      9u /* seven tasks beside main, and the loop */

const struct stack_layout stack_layout = { 0x300000000000, STACK_SIZE, STACKS, STACK_GUARD };

static int start(void **state)
{
	(void)state;
	fake_start();
	for (uint64_t i = 0; i < STACKS; i++) {
		void *at =
		        (void *)(stack_layout.base + i * (STACK_SIZE + STACK_GUARD) + STACK_GUARD);
		if (mmap(at, STACK_SIZE, PROT_READ | PROT_WRITE,
		         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
			return -1;
	}
	struct amp_extent extent = { (uint64_t)fake_memory(1 << 20), 1 << 20 };
	heap_start(&extent, 1);
	task_start();
	return 0;
}

static char trace[256];
static size_t trace_size;

static void note(char c)
{
	if (trace_size < sizeof trace - 1)
		trace[trace_size++] = c;
	trace[trace_size] = '\0';
}

static void clear(void)
{
	trace_size = 0;
	trace[0] = '\0';
}

static void write_letters(void *arg)
{
	for (int i = 0; i < 3; i++) {
		note(*(const char *)arg);
		task_yield();
	}
}

static void yielding_tasks_take_turns(void **state)
{
	(void)state;
	clear();
	assert_string_equal(task_name(task_self()), "main");
	assert_non_null(task_spawn("a", write_letters, (char *)"a"));
	assert_non_null(task_spawn("b", write_letters, (char *)"b"));
	assert_string_equal(trace, ""); /* they first run in the loop's next turn */
	for (int i = 0; i < 5; i++)
		task_yield();
	assert_string_equal(trace, "ababab");
}

static struct task_queue queue = TASK_QUEUE_INIT(queue);

static void wait_and_note(void *arg)
{
	int result = task_wait(&queue, CLOCK_NEVER);
	note(result == OK ? *(const char *)arg : '!');
}

static void queues_are_first_come_first_served(void **state)
{
	(void)state;
	clear();
	assert_false(task_wake_one(&queue));
	task_spawn("1", wait_and_note, (char *)"1");
	task_spawn("2", wait_and_note, (char *)"2");
	task_spawn("3", wait_and_note, (char *)"3");
	task_yield();
	assert_true(task_wake_one(&queue));
	task_yield();
	assert_string_equal(trace, "1");
	task_wake_all(&queue);
	task_yield();
	assert_string_equal(trace, "123");
	assert_false(task_wake_one(&queue));
}

static void a_wait_ends_at_its_deadline(void **state)
{
	(void)state;
	struct task_queue nobody;
	task_queue_init(&nobody);
	uint64_t before = clock_now();
	unsigned waits = fake_waits;
	assert_int_equal(task_wait(&nobody, before + NS_PER_S), ERR_TIMEOUT);
	assert_true(clock_now() >= before + NS_PER_S);
	assert_true(clock_now() <= before + NS_PER_S + TIMER_TICK_NS);
	assert_true(fake_waits > waits);
	assert_true(list_empty(&nobody.waiting));
	assert_int_equal(task_wait(&nobody, 0), ERR_TIMEOUT); /* long past */
}

static void wake_later(void *arg)
{
	task_sleep_until(clock_now() + NS_PER_MS);
	assert_true(task_wake_one(arg));
}

static void woken_in_time_is_no_timeout(void **state)
{
	(void)state;
	struct task_queue q = TASK_QUEUE_INIT(q);
	uint64_t before = clock_now();
	task_spawn("waker", wake_later, &q);
	assert_int_equal(task_wait(&q, before + NS_PER_S), OK);
	assert_true(clock_now() < before + NS_PER_S / 2);
	/* The deadline's timer is gone: time passes it and nothing happens. */
	task_sleep_until(clock_now() + 2 * NS_PER_S);
	assert_true(timer_next() == CLOCK_NEVER);
}

static struct timer alarm_timer;
static struct task *self_in_callback = (struct task *)1;

static void spawn_from_callback(struct timer *t)
{
	(void)t;
	self_in_callback = task_self();
	task_spawn("child", write_letters, (char *)"c");
	task_wake_all(&queue);
}

static void callbacks_may_wake_and_spawn(void **state)
{
	(void)state;
	clear();
	timer_set_in(&alarm_timer, NS_PER_MS, spawn_from_callback);
	assert_int_equal(task_wait(&queue, CLOCK_NEVER), OK);
	assert_null(self_in_callback);
	for (int i = 0; i < 4; i++)
		task_yield();
	assert_string_equal(trace, "ccc");
}

static int ended;

static void end_after_a_while(void *arg)
{
	(void)arg;
	task_yield();
	ended++;
}

static void stacks_are_limited_and_used_again(void **state)
{
	(void)state;
	for (int round = 0; round < 100; round++) {
		int spawned = 0;
		ended = 0;
		while (task_spawn("many", end_after_a_while, NULL))
			spawned++;
		assert_int_equal(spawned, STACKS - 2);
		while (ended < spawned)
			task_yield();
	}
}

static void keep_registers(void *arg)
{
	double *result = arg;
	double a = 1, b = 2, c = 3;
	for (int i = 0; i < 1000; i++) {
		a += b * 0.5;
		task_yield();
		b += c * 0.25;
		c += 1;
	}
	*result = a;
}

static void values_survive_switches(void **state)
{
	(void)state;
	double all[4] = { 0 }, a = 1, b = 2, c = 3;
	for (int i = 0; i < 4; i++)
		task_spawn("keeper", keep_registers, &all[i]);
	for (int i = 0; i < 1002; i++)
		task_yield();
	for (int i = 0; i < 1000; i++) {
		a += b * 0.5;
		b += c * 0.25;
		c += 1;
	}
	for (int i = 0; i < 4; i++)
		assert_true(all[i] == a);
}

static int rounding_in_task = -1;

static void round_up(void *arg)
{
	(void)arg;
	rounding_in_task = fegetround();
	fesetround(FE_UPWARD);
	task_yield();
	note(fegetround() == FE_UPWARD ? 'u' : '!');
}

static void floating_point_control_belongs_to_the_task(void **state)
{
	(void)state;
	clear();
	fesetround(FE_DOWNWARD);
	task_spawn("rounder", round_up, NULL);
	task_yield();
	assert_int_equal(fegetround(), FE_DOWNWARD);
	task_yield();
	assert_int_equal(fegetround(), FE_DOWNWARD);
	fesetround(FE_TONEAREST);
	assert_int_equal(rounding_in_task,
	                 FE_TONEAREST); /* a new task starts as the ABI's entry does */
	assert_string_equal(trace, "u");
}

static uintptr_t entry_frame;

static void note_frame(void *arg)
{
	(void)arg;
	entry_frame =
	        (uintptr_t)__builtin_frame_address(0); /* the stack pointer at entry, less 8 */
}

static void tasks_are_entered_on_an_aligned_stack(void **state)
{
	(void)state;
	/* Aligned vector moves rely on the ABI's alignment. */
	for (int i = 0; i < 7; i++) {
		task_spawn("aligned", note_frame, NULL);
		task_yield();
		assert_int_equal(entry_frame % 16, 0);
	}
}

static uintptr_t callback_frame;

static void note_callback_frame(struct timer *t)
{
	(void)t;
	callback_frame = (uintptr_t)__builtin_frame_address(0);
}

static void callbacks_run_on_an_aligned_stack(void **state)
{
	(void)state;
	struct timer t = { 0 };
	timer_set_in(&t, NS_PER_MS, note_callback_frame);
	task_sleep_until(clock_now() + 2 * NS_PER_MS);
	assert_int_equal(callback_frame % 16, 0);
}

static volatile bool stop_spinning;

static void spin(void *arg)
{
	(void)arg;
	while (!stop_spinning)
		task_yield();
}

static unsigned alarms;

static void count_alarm(struct timer *t)
{
	alarms++;
	timer_set_in(t, NS_PER_MS, count_alarm);
}

struct source {
	struct loop_source source;
	unsigned polls, flushes, work;
};

static bool poll_source(struct loop_source *s)
{
	struct source *source = container_of(s, struct source, source);
	source->polls++;
	fake_set_now(fake_boot.clock.base_ns + 20000); /* time passes: 20 us a turn */
	if (source->work == 0)
		return false;
	source->work--;
	return true;
}

static void flush_source(struct loop_source *s)
{
	container_of(s, struct source, source)->flushes++;
}

static uint64_t source_events(struct loop_source *s)
{
	(void)s;
	return AMP_WAIT_COMPLETE;
}

static void nobody_starves(void **state)
{
	(void)state;
	/* Two tasks that never block, a source that always has work, and a timer: all get on. */
	struct source source = { .source = { .poll = poll_source, .flush = flush_source },
		                 .work = UINT32_MAX };
	struct timer timer = { 0 };
	loop_add(&source.source);
	stop_spinning = false;
	alarms = 0;
	task_spawn("spinner", spin, NULL);
	task_spawn("spinner", spin, NULL);
	timer_set_in(&timer, NS_PER_MS, count_alarm);
	for (int i = 0; i < 1000; i++)
		task_yield();
	/* 1000 turns of 20 us are 20 ms. */
	assert_in_range(source.polls, 990, 1010);
	assert_in_range(alarms, 17, 20);
	/* Busy all the time, and alone: it was flushed about each 250 us. */
	assert_in_range(source.flushes, 70, 80);
	/* Beside somebody who moves packets, about each LOOP_FLUSH_NS. */
	source.source.concurrent = true;
	source.flushes = 0;
	for (int i = 0; i < 1000; i++)
		task_yield();
	assert_in_range(source.flushes, 300, 400);
	stop_spinning = true;
	task_yield();
	timer_stop(&timer);
	loop_remove(&source.source);
}

static void waits_for_all_sources_and_the_next_timer(void **state)
{
	(void)state;
	struct source a = { .source = { .poll = poll_source } };
	struct source b = { .source = { .poll = poll_source, .events = source_events } };
	loop_add(&a.source);
	loop_add(&b.source);
	uint64_t before = clock_now();
	task_sleep_until(clock_now() + 5 * NS_PER_MS);
	assert_true(fake_wait_events == (AMP_WAIT_RECEIVE | AMP_WAIT_COMPLETE | AMP_WAIT_STOP));
	assert_true(fake_wait_deadline >= before);
	assert_true(fake_wait_deadline <= before + 5 * NS_PER_MS + TIMER_TICK_NS);
	/* Neither is concurrent: it did not spin, one look a turn was enough. */
	assert_true(a.polls < 20 && b.polls == a.polls);
	loop_remove(&a.source);
	loop_remove(&b.source);
}

static void wake_now(void)
{
	fake_set_now(fake_boot.clock.base_ns + 1000); /* work comes after a microsecond */
	task_wake_all(&queue);
}

static void polls_only_if_work_comes_soon(void **state)
{
	(void)state;
	struct source s = { .source = { .poll = poll_source, .concurrent = true } };
	loop_add(&s.source);
	/* Long idle times: polling is given up, but for a trial now and then. */
	for (int i = 0; i < 64; i++)
		task_sleep_until(clock_now() + 50 * NS_PER_MS);
	unsigned before = s.polls;
	struct loop_figures figures = loop_figures();
	for (int i = 0; i < 64; i++)
		task_sleep_until(clock_now() + 50 * NS_PER_MS);
	uint64_t turns = loop_figures().turns - figures.turns;
	assert_true(s.polls - before < turns + 3 * 10);
	assert_true(loop_figures().waits - figures.waits >= 64);
	/* Short ones: it takes to polling. */
	fake_on_wait = wake_now;
	for (int i = 0; i < 64; i++)
		task_wait(&queue, CLOCK_NEVER);
	figures = loop_figures();
	for (int i = 0; i < 64; i++)
		task_wait(&queue, CLOCK_NEVER);
	fake_on_wait = NULL;
	assert_true(loop_figures().polled_ns > figures.polled_ns);
	loop_remove(&s.source);
}

static void late_by_20_or_80_us(void)
{
	fake_set_now(fake_boot.clock.base_ns + (fake_waits % 2 ? 80000 : 20000));
}

static bool poll_that_takes_a_microsecond(struct loop_source *s)
{
	(void)s;
	fake_set_now(fake_boot.clock.base_ns + 1000);
	return false;
}

/* The host wakes us 20 to 80 us late. */
static void punctual_timers_are_waited_for_by_polling(void **state)
{
	(void)state;
	struct loop_source s = { .poll = poll_that_takes_a_microsecond };
	loop_add(&s);
	fake_on_wait = late_by_20_or_80_us;
	uint64_t late = 0, polled = loop_figures().polled_ns, first;
	for (int i = 0; i < 50; i++) {
		first = clock_now() + NS_PER_MS;
		task_sleep_until(clock_now() + NS_PER_MS);
		assert_true(clock_now() - first >= 20000);
	}
	assert_int_equal(loop_figures().polled_ns, polled);
	timer_punctual(20);
	for (int i = 0; i < 200; i++) {
		first = clock_now() + NS_PER_MS;
		task_sleep_until(clock_now() + NS_PER_MS);
		if (i >= 100 && clock_now() - first > late)
			late = clock_now() - first;
	}
	assert_true(late < 10000);
	/* A share that does not do for all: no more is polled than that. */
	timer_punctual(2);
	polled = loop_figures().polled_ns;
	uint64_t start = clock_now();
	for (int i = 0; i < 1000; i++)
		task_sleep_until(clock_now() + NS_PER_MS);
	polled = loop_figures().polled_ns - polled;
	assert_in_range(polled, 1, (clock_now() - start) / 50 + 11 * NS_PER_MS);
	timer_punctual(0);
	fake_on_wait = NULL;
	loop_remove(&s);
}

static struct timer overdue;

static void nothing(struct timer *t)
{
	(void)t;
}

/* Sets a timer that is due at once, in a poll before a wait (the second of a turn). */
static bool poll_that_finds_a_timer_due(struct loop_source *s)
{
	static uint64_t turn;
	bool again = loop_figures().turns == turn;
	(void)s;
	turn = loop_figures().turns;
	fake_set_now(fake_boot.clock.base_ns + 1000);
	if (again)
		timer_set(&overdue, 1, nothing);
	return false;
}

static uint64_t longest_until; /* the latest deadline of a wait */

static void late_and_looked_at(void)
{
	if (fake_wait_deadline > longest_until)
		longest_until = fake_wait_deadline;
	late_by_20_or_80_us();
}

/* ... and to wake earlier than at once is to wake at once. */
static void punctual_or_not_what_is_due_is_not_waited_for(void **state)
{
	(void)state;
	struct loop_source s = { .poll = poll_that_takes_a_microsecond, .concurrent = true };
	loop_add(&s);
	fake_on_wait = late_by_20_or_80_us;
	timer_punctual(100);
	for (int i = 0; i < 200; i++)
		task_sleep_until(clock_now() + NS_PER_MS); /* it learns */
	s.poll = poll_that_finds_a_timer_due;
	fake_on_wait = late_and_looked_at;
	uint64_t start = clock_now();
	for (int i = 0; i < 200; i++)
		task_sleep_until(clock_now() + NS_PER_MS);
	assert_in_range(longest_until, start, start + NS_PER_S);
	loop_remove(&s);
	timer_stop(&overdue);
	timer_punctual(0);
	fake_on_wait = NULL;
}

/* A wait takes 30 us by itself, so that one for a timer due in 20 us would be late, and one for 40 us need not be. */
static void a_timer_due_sooner_than_a_wait_returns_is_polled_for(void **state)
{
	(void)state;
	struct loop_source s = { .poll = poll_that_takes_a_microsecond };
	loop_add(&s);
	clone_begin(); /* what a wait costs is not known */
	fake_wait_takes = 30000;
	task_sleep_until(clock_now() + 20000); /* it learns */
	unsigned waits = fake_waits;
	for (int i = 0; i < 100; i++) {
		uint64_t until = clock_now() + 20000;
		task_sleep_until(until);
		assert_in_range(clock_now(), until, until + TIMER_TICK_NS + 3000);
	}
	assert_int_equal(fake_waits, waits);
	for (int i = 0; i < 100; i++)
		task_sleep_until(clock_now() + 40000 + TIMER_TICK_NS);
	assert_in_range(fake_waits - waits, 100, 110);
	fake_wait_takes = 0;
	loop_remove(&s);
}

static unsigned clones;

static void count_clone(struct clone_handler *h)
{
	(void)h;
	clones++;
}

/* The sign of life of a loop that is never idle is a wait too. */
static void a_clone_of_a_busy_image_begins_as_one(void **state)
{
	(void)state;
	static struct clone_handler handler = { .begin = count_clone };
	struct source source = { .source = { .poll = poll_source }, .work = UINT32_MAX };
	clone_on(&handler);
	loop_add(&source.source);
	fake_as_clone = true;
	for (uint64_t end = clock_now() + 2 * LOOP_SIGN_NS; clock_now() < end;)
		task_yield();
	assert_false(fake_as_clone);
	assert_int_equal(clones, 1);
	loop_remove(&source.source);
}

static void warns_once_when_nothing_can_happen(void **state)
{
	(void)state;
	fake_on_wait = wake_now; /* what no tender would do */
	task_wait(&queue, CLOCK_NEVER);
	task_wait(&queue, CLOCK_NEVER);
	fake_on_wait = NULL;
	const char *first = strstr(fake_log, "nothing is left that could wake one");
	assert_non_null(first);
	assert_null(strstr(first + 1, "nothing is left"));
}

static void use_half(void *arg)
{
	volatile char fill[STACK_SIZE / 2];
	for (size_t i = 0; i < sizeof fill; i++)
		fill[i] = 1;
	(void)arg;
	task_wait(&queue, CLOCK_NEVER);
}

static void the_unused_part_of_a_stack_is_known(void **state)
{
	(void)state;
	struct task *t = task_spawn("half", use_half, NULL);
	task_yield();
	assert_in_range(task_stack_unused(t), 1000, STACK_SIZE / 2);
	task_wake_all(&queue);
	task_yield();
}

static bool as_they_were, with_a_lost_link, on_a_wrong_stack;

static void look_at_tasks(struct timer *t)
{
	(void)t;
	struct list *waits = queue.waiting.next, *kept = waits->prev;
	as_they_were = task_is_valid();
	waits->prev = waits;
	with_a_lost_link = task_is_valid();
	waits->prev = kept;
	void **sp = (void **)(waits + 1); /* as struct task has it */
	*sp = (char *)*sp + STACK_SIZE;
	on_a_wrong_stack = task_is_valid();
	*sp = (char *)*sp - STACK_SIZE;
}

static void a_task_written_over_is_found(void **state)
{
	(void)state;
	clear();
	struct timer t = { 0 };
	task_spawn("w", wait_and_note, (char *)"w");
	task_yield();
	assert_true(task_is_valid());
	timer_set(&t, clock_now(), look_at_tasks);
	task_yield();
	task_yield();
	assert_true(as_they_were);
	assert_false(with_a_lost_link);
	assert_false(on_a_wrong_stack);
	task_wake_all(&queue);
	task_yield();
	assert_true(task_is_valid());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yielding_tasks_take_turns),
		cmocka_unit_test(queues_are_first_come_first_served),
		cmocka_unit_test(a_wait_ends_at_its_deadline),
		cmocka_unit_test(woken_in_time_is_no_timeout),
		cmocka_unit_test(callbacks_may_wake_and_spawn),
		cmocka_unit_test(stacks_are_limited_and_used_again),
		cmocka_unit_test(values_survive_switches),
		cmocka_unit_test(floating_point_control_belongs_to_the_task),
		cmocka_unit_test(tasks_are_entered_on_an_aligned_stack),
		cmocka_unit_test(callbacks_run_on_an_aligned_stack),
		cmocka_unit_test(nobody_starves),
		cmocka_unit_test(waits_for_all_sources_and_the_next_timer),
		cmocka_unit_test(polls_only_if_work_comes_soon),
		cmocka_unit_test(punctual_timers_are_waited_for_by_polling),
		cmocka_unit_test(punctual_or_not_what_is_due_is_not_waited_for),
		cmocka_unit_test(a_timer_due_sooner_than_a_wait_returns_is_polled_for),
		cmocka_unit_test(a_clone_of_a_busy_image_begins_as_one),
		cmocka_unit_test(warns_once_when_nothing_can_happen),
		cmocka_unit_test(the_unused_part_of_a_stack_is_known),
		cmocka_unit_test(a_task_written_over_is_found),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
