/* SPDX-License-Identifier: ISC */
/*
 * pthread_once, and keys of threads, for libraries that were made for threads. An image is one thread, whatever number of tasks
 * it has, as errno is one: so a key has one value, and nothing that could end before the image and have its destructors
 * called.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <core/archive.h>
#include <core/task.h>

#include "libc.h"

enum { NEW, DONE, RUNNING }; /* PTHREAD_ONCE_INIT is 0 in glibc and in musl */

ARCHIVE_CALLER(void, call_once_function, (void (*fn)(void)))

/* Another task that comes while the function waits goes on once it has returned. */
LIBC int pthread_once(pthread_once_t *once, void (*fn)(void))
{
	if (*once == NEW) {
		*once = RUNNING;
		call_once_function(fn);
		*once = DONE;
	}
	while (*once == RUNNING && task_self())
		task_yield();
	return 0;
}

struct key {
	void *value;
	uint32_t taken;
};

static struct key keys[PTHREAD_KEYS_MAX];

LIBC int pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
	(void)destroy;
	for (uint32_t k = 0; k < PTHREAD_KEYS_MAX; k++)
		if (!keys[k].taken) {
			keys[k] = (struct key){ .taken = 1 };
			*key = k;
			return 0;
		}
	return EAGAIN;
}

LIBC int pthread_key_delete(pthread_key_t key)
{
	if (key >= PTHREAD_KEYS_MAX || !keys[key].taken)
		return EINVAL;
	keys[key].taken = 0;
	return 0;
}

LIBC void *pthread_getspecific(pthread_key_t key)
{
	return key < PTHREAD_KEYS_MAX && keys[key].taken ? keys[key].value : NULL;
}

LIBC int pthread_setspecific(pthread_key_t key, const void *value)
{
	if (key >= PTHREAD_KEYS_MAX || !keys[key].taken)
		return EINVAL;
	keys[key].value = (void *)(uintptr_t)value;
	return 0;
}

/* There is no fork. */
LIBC int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	(void)prepare;
	(void)parent;
	(void)child;
	return 0;
}
