/* SPDX-License-Identifier: ISC */
/* The end of life: the fake tender asks for it in its boot information; an image that ends is a child process that does. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <core/clock.h>
#include <core/config.h>
#include <core/loop.h>
#include <core/start.h>
#include <core/stop.h>
#include <core/task.h>

#include "fake.h"

#define STACK_SIZE  65536u
#define STACK_GUARD 8192u
#define STACKS      4u

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

/* Runs it in a child, where 77 means that it returned. The child's exit status. */
static int image(void (*run)(void))
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		run();
		_exit(77);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void ask(void)
{
	fake_boot.stop_at_ns = 5 * NS_PER_S;
}

static void ask_and_go_on(void)
{
	ask();
	task_yield();
	task_yield();
}

static void an_image_that_nobody_holds_ends(void **state)
{
	(void)state;
	assert_int_equal(image(ask_and_go_on), 0);
	assert_int_equal(image(task_yield), 77);
}

static char order[8];
static uint64_t told;

static void note(char c, uint64_t deadline)
{
	order[strlen(order)] = c;
	told = deadline;
}

static void stop_a(struct stop_handler *h, uint64_t deadline)
{
	(void)h;
	note('a', deadline);
	stop_hold();
}

static void stop_b(struct stop_handler *h, uint64_t deadline)
{
	(void)h;
	note('b', deadline);
}

static struct stop_handler a = { .stop = stop_a }, b = { .stop = stop_b }, c = { .stop = stop_b };

static void handlers_then_release(void)
{
	stop_on(&a);
	stop_on(&c);
	stop_on(&b);
	stop_cancel(&c);
	assert_false(stop_asked());
	assert_true(stop_deadline() == CLOCK_NEVER);
	ask();
	task_yield();
	task_yield();
	if (strcmp(order, "ba") != 0 || told != 5 * NS_PER_S || !stop_asked() ||
	    stop_deadline() != 5 * NS_PER_S)
		_exit(1);
	stop_cancel(&a); /* after its call: nothing happens */
	stop_on(&c);     /* late: called all the same */
	task_yield();
	if (strcmp(order, "bab") != 0)
		_exit(2);
	atexit(ask);
	stop_release();
	task_yield();
}

static void handlers_are_called_once_the_newest_first_and_holds_put_the_end_off(void **state)
{
	(void)state;
	assert_int_equal(image(handlers_then_release), 0);
}

static void wait_then_end(void)
{
	fake_on_wait = ask;
	stop_wait();
	_exit(fake_wait_events & AMP_WAIT_STOP && stop_asked() ? 42 : 1);
}

static void a_task_that_waits_for_the_end_ends_the_image_itself(void **state)
{
	(void)state;
	assert_int_equal(image(wait_then_end), 42);
}

static void sleep_with_a_hold(void)
{
	stop_hold();
	ask();
	task_sleep_until(clock_now() + NS_PER_S);
	_exit(fake_wait_events & AMP_WAIT_STOP ? 1 : 42); /* it would end each wait at once */
}

static bool did_more;

/* Leaves work that only another turn does, as TCP's FIN is. */
static bool poll_more(struct loop_source *s)
{
	(void)s;
	if (!stop_asked() || did_more)
		return false;
	did_more = true;
	return true;
}

static void waited_without(void)
{
	if (!did_more && stop_asked())
		_exit(1);
}

static void sleep_beside_a_source(void)
{
	static struct loop_source source = { .poll = poll_more };
	loop_add(&source);
	stop_hold();
	ask();
	fake_on_wait = waited_without;
	task_sleep_until(clock_now() + NS_PER_S);
	_exit(did_more ? 42 : 2);
}

/* Regression: what a handler left for the loop waited for the next packet or timer, some hundred milliseconds. */
static void what_handlers_leave_to_be_done_is_done_before_a_wait(void **state)
{
	(void)state;
	assert_int_equal(image(sleep_beside_a_source), 42);
}

static void what_has_been_heard_is_not_waited_for(void **state)
{
	(void)state;
	assert_int_equal(image(sleep_with_a_hold), 42);
}

static void release_twice(void *arg)
{
	(void)arg;
	stop_hold();
	stop_release();
	stop_release();
}

static void a_hold_is_released_once(void **state)
{
	(void)state;
	assert_true(fake_panics(release_twice, NULL, "stop.c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_that_nobody_holds_ends),
		cmocka_unit_test(
		        handlers_are_called_once_the_newest_first_and_holds_put_the_end_off),
		cmocka_unit_test(a_task_that_waits_for_the_end_ends_the_image_itself),
		cmocka_unit_test(what_handlers_leave_to_be_done_is_done_before_a_wait),
		cmocka_unit_test(what_has_been_heard_is_not_waited_for),
		cmocka_unit_test(a_hold_is_released_once),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
