/* SPDX-License-Identifier: ISC */
/*
 * POSIX mutexes between tasks, for libraries that were made for threads. A task that finds one taken
 * lets other tasks run until it is free. Threads themselves cannot be made (EAGAIN), which such
 * libraries have to expect anyway. A mutex is the forty bytes of glibc's and musl's
 * pthread_mutex_t, all zero when statically initialised, and PTHREAD_MUTEX_* are the same numbers
 * in both.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <core/clock.h>
#include <core/task.h>

#include "libc.h"

struct mutex {
	struct task *owner;
	uint32_t count; /* how often its owner has it; 0: free */
	uint32_t recursive;
	struct task_queue queue; /* all zero until a task has had to wait */
};
_Static_assert(sizeof(struct mutex) <= sizeof(pthread_mutex_t), "a mutex in a mutex");

struct mutex_kind {
	int type;
};
_Static_assert(sizeof(struct mutex_kind) <= sizeof(pthread_mutexattr_t),
               "attributes in attributes");

static struct mutex *mutex_of(pthread_mutex_t *m)
{
	return (struct mutex *)m;
}

LIBC int pthread_mutexattr_init(pthread_mutexattr_t *a)
{
	((struct mutex_kind *)a)->type = PTHREAD_MUTEX_DEFAULT;
	return 0;
}

LIBC int pthread_mutexattr_settype(pthread_mutexattr_t *a, int type)
{
	if (type < PTHREAD_MUTEX_NORMAL || type > PTHREAD_MUTEX_ERRORCHECK)
		return EINVAL;
	((struct mutex_kind *)a)->type = type;
	return 0;
}

LIBC int pthread_mutexattr_destroy(pthread_mutexattr_t *a)
{
	(void)a;
	return 0;
}

LIBC int pthread_mutex_init(pthread_mutex_t *restrict m, const pthread_mutexattr_t *restrict a)
{
	memset(m, 0, sizeof *m);
	mutex_of(m)->recursive =
	        a && ((const struct mutex_kind *)a)->type == PTHREAD_MUTEX_RECURSIVE;
	return 0;
}

LIBC int pthread_mutex_destroy(pthread_mutex_t *m)
{
	return mutex_of(m)->count ? EBUSY : 0;
}

/* A second lock by the owner is EDEADLK if the mutex is not recursive: it would wait for itself. */
LIBC int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	struct mutex *m = mutex_of(mutex);
	struct task *self = task_self();

	if (m->count && (m->owner != self || !m->recursive))
		return EBUSY;
	if (m->count == UINT32_MAX)
		return EAGAIN;
	m->owner = self;
	m->count++;
	return 0;
}

LIBC int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	struct mutex *m = mutex_of(mutex);

	if (m->count && m->owner == task_self() && !m->recursive)
		return EDEADLK;
	for (;;) {
		int error = pthread_mutex_trylock(mutex);
		if (error != EBUSY)
			return error;
		if (!m->queue.waiting.next)
			task_queue_init(&m->queue);
		task_wait(&m->queue, CLOCK_NEVER);
	}
}

LIBC int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	struct mutex *m = mutex_of(mutex);

	if (!m->count || m->owner != task_self())
		return EPERM;
	if (--m->count == 0) {
		m->owner = NULL;
		if (m->queue.waiting.next)
			task_wake_one(&m->queue);
	}
	return 0;
}

LIBC int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict a,
                        void *(*fn)(void *), void *restrict arg)
{
	(void)thread;
	(void)a;
	(void)fn;
	(void)arg;
	return EAGAIN;
}

LIBC int pthread_join(pthread_t thread, void **result)
{
	(void)thread;
	(void)result;
	return ESRCH;
}
