/* SPDX-License-Identifier: ISC */
/* POSIX mutexes and read-write locks between tasks (os/core/libc: thread.c, rwlock.c), under their names in rename_thread.h. */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include <core/clock.h>
#include <core/config.h>
#include <core/start.h>
#include <core/task.h>
#include <core/timer.h>

#include "fake.h"

#define STACK_SIZE  65536u
#define STACK_GUARD 8192u
#define STACKS      5u

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
	task_sleep_until(clock_now() + NS_PER_MS); /* others run, and wait */
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
	task_sleep_until(clock_now() + 100 * NS_PER_MS);
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

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int on_loop[4];

static void write_on_loop(struct timer *t)
{
	(void)t;
	on_loop[0] = pthread_rwlock_trywrlock(&rwlock);
	on_loop[1] = pthread_rwlock_wrlock(&rwlock);
	on_loop[2] = pthread_rwlock_rdlock(&rwlock);
}

static void end_on_loop(struct timer *t)
{
	(void)t;
	on_loop[3] = pthread_rwlock_unlock(&rwlock);
}

static void a_writer_on_the_loop_keeps_all_others_out(void **state)
{
	(void)state;
	static struct timer begin, end;
	timer_set_in(&begin, 0, write_on_loop);
	task_sleep_until(clock_now() + NS_PER_MS);
	assert_int_equal(on_loop[0], 0);
	assert_int_equal(on_loop[1], EDEADLK);
	assert_int_equal(on_loop[2], EDEADLK);
	assert_int_equal(pthread_rwlock_tryrdlock(&rwlock), EBUSY);
	assert_int_equal(pthread_rwlock_trywrlock(&rwlock), EBUSY);
	assert_int_equal(pthread_rwlock_unlock(&rwlock), EPERM);
	assert_int_equal(pthread_rwlock_destroy(&rwlock), EBUSY);
	on_loop[3] = -1;
	timer_set_in(&end, NS_PER_MS, end_on_loop);
	assert_int_equal(pthread_rwlock_wrlock(&rwlock), 0); /* waits for the loop's */
	assert_int_equal(on_loop[3], 0);
	assert_int_equal(pthread_rwlock_wrlock(&rwlock), EDEADLK);
	assert_int_equal(pthread_rwlock_unlock(&rwlock), 0);
	assert_int_equal(pthread_rwlock_unlock(&rwlock), EPERM);
}

static void read_and_hold(void *arg)
{
	(void)arg;
	assert_int_equal(pthread_rwlock_rdlock(&rwlock), 0);
	task_sleep_until(clock_now() + NS_PER_MS);
	note('r');
	assert_int_equal(pthread_rwlock_unlock(&rwlock), 0);
}

static void readers_share_and_a_writer_waits_for_all(void **state)
{
	(void)state;
	trace_size = 0;
	assert_int_equal(pthread_rwlock_init(&rwlock, NULL), 0);
	for (int i = 0; i < 2; i++)
		assert_non_null(task_spawn("reader", read_and_hold, NULL));
	task_yield();
	assert_int_equal(pthread_rwlock_tryrdlock(&rwlock), 0);
	assert_int_equal(pthread_rwlock_unlock(&rwlock), 0);
	assert_int_equal(pthread_rwlock_trywrlock(&rwlock), EBUSY);
	assert_int_equal(pthread_rwlock_wrlock(&rwlock), 0);
	assert_string_equal(trace, "rr");
	assert_int_equal(pthread_rwlock_unlock(&rwlock), 0);
	assert_int_equal(pthread_rwlock_destroy(&rwlock), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_finds_one_taken_waits),
		cmocka_unit_test(only_its_owner_may_unlock),
		cmocka_unit_test(a_plain_one_is_locked_once),
		cmocka_unit_test(a_recursive_one_is_unlocked_as_often),
		cmocka_unit_test(there_are_no_threads),
		cmocka_unit_test(a_writer_on_the_loop_keeps_all_others_out),
		cmocka_unit_test(readers_share_and_a_writer_waits_for_all),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
