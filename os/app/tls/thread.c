/* SPDX-License-Identifier: ISC */
/*
 * Threads, of which an image has one: instead of libcrypto's threads_pthread.c. A task goes on until it waits, and none waits while it is
 * inside of libcrypto, so that a lock is free whenever it is taken. Clones of one image tell each other apart as processes do after a
 * fork: their generators are seeded anew.
 */
#include <stdbool.h>
#include <stddef.h>

#include <openssl/crypto.h>

#include <core/archive.h>
#include <core/clone.h>

#define LOCALS_MAX 16u

/* ---- Locks ---- */
CRYPTO_RWLOCK *CRYPTO_THREAD_lock_new(void)
{
	static char lock; /* all are this one: nobody looks into it */
	return (CRYPTO_RWLOCK *)&lock;
}

int CRYPTO_THREAD_read_lock(CRYPTO_RWLOCK *lock)
{
	(void)lock;
	return 1;
}

int CRYPTO_THREAD_write_lock(CRYPTO_RWLOCK *lock)
{
	(void)lock;
	return 1;
}

int CRYPTO_THREAD_unlock(CRYPTO_RWLOCK *lock)
{
	(void)lock;
	return 1;
}

void CRYPTO_THREAD_lock_free(CRYPTO_RWLOCK *lock)
{
	(void)lock;
}

/* ---- Once ---- */
ARCHIVE_CALLER(void, call_init, (void (*fn)(void)), )

int CRYPTO_THREAD_run_once(CRYPTO_ONCE *once, void (*init)(void))
{
	if (*once == CRYPTO_ONCE_STATIC_INIT) {
		*once = CRYPTO_ONCE_STATIC_INIT + 1;
		call_init(init);
	}
	return 1;
}

/* ---- The thread's own ---- */
static void *locals[LOCALS_MAX];
static bool is_used[LOCALS_MAX];

int CRYPTO_THREAD_init_local(CRYPTO_THREAD_LOCAL *key, void (*at_exit)(void *))
{
	(void)at_exit; /* the thread does not */
	for (unsigned k = 0; k < LOCALS_MAX; k++) {
		if (is_used[k])
			continue;
		is_used[k] = true;
		*key = k;
		return 1;
	}
	return 0;
}

void *CRYPTO_THREAD_get_local(CRYPTO_THREAD_LOCAL *key)
{
	return *key < LOCALS_MAX ? locals[*key] : NULL;
}

int CRYPTO_THREAD_set_local(CRYPTO_THREAD_LOCAL *key, void *value)
{
	if (*key >= LOCALS_MAX)
		return 0;
	locals[*key] = value;
	return 1;
}

int CRYPTO_THREAD_cleanup_local(CRYPTO_THREAD_LOCAL *key)
{
	if (*key >= LOCALS_MAX)
		return 0;
	is_used[*key] = false;
	locals[*key] = NULL;
	return 1;
}

CRYPTO_THREAD_ID CRYPTO_THREAD_get_current_id(void)
{
	return 0;
}

int CRYPTO_THREAD_compare_id(CRYPTO_THREAD_ID a, CRYPTO_THREAD_ID b)
{
	return a == b;
}

/* ---- Numbers ---- */
int CRYPTO_atomic_add(int *value, int amount, int *result, CRYPTO_RWLOCK *lock)
{
	(void)lock;
	*result = *value += amount;
	return 1;
}

int CRYPTO_atomic_or(uint64_t *value, uint64_t bits, uint64_t *result, CRYPTO_RWLOCK *lock)
{
	(void)lock;
	*result = *value |= bits;
	return 1;
}

int CRYPTO_atomic_load(uint64_t *value, uint64_t *result, CRYPTO_RWLOCK *lock)
{
	(void)lock;
	*result = *value;
	return 1;
}

/* ---- Forks ---- */
int openssl_init_fork_handlers(void);
int openssl_get_fork_id(void);

int openssl_init_fork_handlers(void)
{
	return 1;
}

int openssl_get_fork_id(void)
{
	return (int)clone_generation() + 1;
}
