/* SPDX-License-Identifier: ISC */
/*
 * POSIX read-write locks between tasks, as thread.c's mutexes: the 56 bytes of glibc's and musl's pthread_rwlock_t, all zero
 * when statically initialised. Readers share; a writer waits for all of them, and all wait for it. The task that would wait
 * for itself gets EDEADLK.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <core/clock.h>
#include <core/task.h>

#include "libc.h"

struct rwlock {
	struct task *writer; /* who has it, if it is written; null: the event loop */
	uint32_t readers;
	bool is_written, is_queue_ready;
	struct task_queue queue;
};
_Static_assert(sizeof(struct rwlock) <= sizeof(pthread_rwlock_t), "a lock in a lock");

static inline __attribute__((always_inline)) struct rwlock *lock_of(pthread_rwlock_t *l)
{
	return (struct rwlock *)l;
}

static inline __attribute__((always_inline)) bool is_writer(const struct rwlock *l)
{
	return l->is_written && l->writer == task_self();
}

static void wait_for(struct rwlock *l)
{
	if (!l->is_queue_ready) {
		task_queue_init(&l->queue);
		l->is_queue_ready = true;
	}
	task_wait(&l->queue, CLOCK_NEVER);
}

LIBC int pthread_rwlock_init(pthread_rwlock_t *restrict lock,
                             const pthread_rwlockattr_t *restrict a)
{
	(void)a;
	memset(lock, 0, sizeof *lock);
	return 0;
}

LIBC int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
	return lock_of(lock)->is_written || lock_of(lock)->readers ? EBUSY : 0;
}

LIBC int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
	struct rwlock *l = lock_of(lock);

	if (l->is_written)
		return EBUSY;
	if (l->readers == UINT32_MAX)
		return EAGAIN;
	l->readers++;
	return 0;
}

LIBC int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
	struct rwlock *l = lock_of(lock);

	if (l->is_written || l->readers)
		return EBUSY;
	l->is_written = true;
	l->writer = task_self();
	return 0;
}

LIBC int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	struct rwlock *l = lock_of(lock);
	int error;

	if (!l->is_written && l->readers < UINT32_MAX) {
		l->readers++;
		return 0;
	}
	if (is_writer(l))
		return EDEADLK;
	while ((error = pthread_rwlock_tryrdlock(lock)) == EBUSY)
		wait_for(lock_of(lock));
	return error;
}

LIBC int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	if (is_writer(lock_of(lock)))
		return EDEADLK;
	while (pthread_rwlock_trywrlock(lock) == EBUSY)
		wait_for(lock_of(lock));
	return 0;
}

LIBC int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	struct rwlock *l = lock_of(lock);

	if (is_writer(l))
		l->is_written = false;
	else if (l->readers)
		l->readers--;
	else
		return EPERM;
	if (l->is_queue_ready && !l->readers)
		task_wake_all(&l->queue);
	return 0;
}
