/* SPDX-License-Identifier: ISC */
/* POSIX mutexes between tasks (os/core/libc/thread.c), under their names in rename_thread.h. */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include <core/clock.h>
#include <core/config.h>
#include <core/start.h>
#include <core/task.h>

#include "fake.h"

#define STACK_SIZE 65536u
#define STACKS     5u

const struct stack_layout stack_layout = { 0x300000000000, STACK_SIZE, STACKS };

static int start(void **state)
{
	(void)state;
	fake_start();
	for (uint64_t i = 0; i < STACKS; i++) {
		void *at = (void *)(stack_layout.base + i * (STACK_SIZE + AMP_PAGE) + AMP_PAGE);
		if (mmap(at, STACK_SIZE, PROT_READ | PROT_WRITE,
		         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
			return -1;
	}
	struct amp_extent extent = { (uint64_t)fake_memory(1 << 20), 1 << 20 };
	heap_start(&extent, 1);
	task_start();
	return 0;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char trace[64];
static size_t trace_size;

static void note(char c)
{
	if (trace_size < sizeof trace - 1)
		trace[trace_size++] = c;
	trace[trace_size] = '\0';
}

static void hold(void *arg)
{
	char c = *(const char *)arg;
	assert_int_equal(pthread_mutex_lock(&mutex), 0);
	note(c);
	task_sleep(NS_PER_MS); /* others run, and wait */
	note(c);
	assert_int_equal(pthread_mutex_unlock(&mutex), 0);
}

static void who_finds_one_taken_waits(void **state)
{
	(void)state;
	static char names[] = "abc";
	trace_size = 0;
	for (int i = 0; i < 3; i++)
		assert_non_null(task_spawn("holder", hold, &names[i]));
	task_sleep(100 * NS_PER_MS);
	assert_string_equal(trace, "aabbcc");
}

static void try_it(void *arg)
{
	*(int *)arg = pthread_mutex_trylock(&mutex);
	assert_int_equal(pthread_mutex_unlock(&mutex), EPERM);
}

static void only_its_owner_may_unlock(void **state)
{
	(void)state;
	int got = 0;
	assert_int_equal(pthread_mutex_unlock(&mutex), EPERM);
	assert_int_equal(pthread_mutex_lock(&mutex), 0);
	task_spawn("other", try_it, &got);
	task_yield();
	assert_int_equal(got, EBUSY);
	assert_int_equal(pthread_mutex_destroy(&mutex), EBUSY);
	assert_int_equal(pthread_mutex_unlock(&mutex), 0);
	assert_int_equal(pthread_mutex_destroy(&mutex), 0);
}

static void a_plain_one_is_locked_once(void **state)
{
	(void)state;
	assert_int_equal(pthread_mutex_lock(&mutex), 0);
	assert_int_equal(pthread_mutex_lock(&mutex), EDEADLK);
	assert_int_equal(pthread_mutex_trylock(&mutex), EBUSY);
	assert_int_equal(pthread_mutex_unlock(&mutex), 0);
}

static void a_recursive_one_is_unlocked_as_often(void **state)
{
	(void)state;
	pthread_mutexattr_t a;
	int got;
	assert_int_equal(pthread_mutexattr_init(&a), 0);
	assert_int_equal(pthread_mutexattr_settype(&a, 17), EINVAL);
	assert_int_equal(pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE), 0);
	assert_int_equal(pthread_mutex_init(&mutex, &a), 0);
	assert_int_equal(pthread_mutexattr_destroy(&a), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(i % 2 ? pthread_mutex_trylock(&mutex) : pthread_mutex_lock(&mutex),
		                 0);
	for (int i = 0; i < 3; i++) {
		got = 0;
		task_spawn("other", try_it, &got);
		task_yield();
		assert_int_equal(got, EBUSY);
		assert_int_equal(pthread_mutex_unlock(&mutex), 0);
	}
	assert_int_equal(pthread_mutex_init(&mutex, NULL), 0);
}

static void *thread(void *arg)
{
	return arg;
}

static void there_are_no_threads(void **state)
{
	(void)state;
	pthread_t t;
	assert_int_equal(pthread_create(&t, NULL, thread, NULL), EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_finds_one_taken_waits),
		cmocka_unit_test(only_its_owner_may_unlock),
		cmocka_unit_test(a_plain_one_is_locked_once),
		cmocka_unit_test(a_recursive_one_is_unlocked_as_often),
		cmocka_unit_test(there_are_no_threads),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
