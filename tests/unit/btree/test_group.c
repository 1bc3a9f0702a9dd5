/* SPDX-License-Identifier: ISC */
/*
 * Many tasks at once, on a device that answers later and out of order. Tasks are threads here, of
 * which one runs at a time and gives way in task_wait only, as in an image.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include <core/error.h>
#include <core/list.h>
#include <core/task.h>
#include <store/btree/btree.h>

#include "../store/disk.h"
#include "../store/fake.h"

#define WRITERS 24u
#define READERS 4u
#define ROUNDS  40u
#define QUEUE   256u

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER, asked = PTHREAD_COND_INITIALIZER;

/* Waking too many is allowed: whoever waits tests in a loop. */
void task_queue_init(struct task_queue *q)
{
	list_init(&q->waiting);
}

int task_wait(struct task_queue *q, uint64_t deadline)
{
	(void)q, (void)deadline;
	pthread_cond_wait(&woken, &turn);
	return OK;
}

bool task_wake_one(struct task_queue *q)
{
	task_wake_all(q);
	return true;
}

void task_wake_all(struct task_queue *q)
{
	(void)q;
	pthread_cond_broadcast(&woken);
}

/* ---- The device ---- */

static struct disk disk;
static const struct block_driver *at_once;
static struct block_request *queue[QUEUE];
static uint32_t queued;
static bool ending;

static void later(struct block *b, struct block_request *q)
{
	(void)b;
	if (queued == QUEUE)
		abort();
	queue[queued++] = q;
	pthread_cond_signal(&asked);
}

static const struct block_driver driver = { later };

static void *device(void *of)
{
	uint64_t seed = 5;
	(void)of;
	pthread_mutex_lock(&turn);
	while (!ending || queued) {
		if (!queued) {
			pthread_cond_wait(&asked, &turn);
			continue;
		}
		uint32_t which = (uint32_t)(disk_random(&seed) % queued);
		struct block_request *q = queue[which];
		queue[which] = queue[--queued];
		at_once->submit(&disk.block, q);
		pthread_mutex_unlock(&turn); /* somebody else's turn */
		pthread_mutex_lock(&turn);
	}
	pthread_mutex_unlock(&turn);
	return NULL;
}

/* ---- The tasks ---- */

static struct btree *tree;
static uint32_t refused, seen, writing;

static void expect(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

/* Two keys get the same number in one batch; what was acknowledged is read at once. */
static void *writer(void *of)
{
	uint8_t n = (uint8_t)(uintptr_t)of, keys[2][2] = { { 'a', n }, { 'b', n } };
	pthread_mutex_lock(&turn);
	for (uint32_t k = 1; k <= ROUNDS; k++) {
		uint32_t value = 0, size;
		struct btree_change c[2] = { { keys[0], &k, 2, sizeof k },
			                     { keys[1], &k, 2, sizeof k } };
		expect(btree_apply(tree, c, 2) == OK, "apply");
		expect(btree_get(tree, keys[k & 1], 2, &value, sizeof value, &size) == OK &&
		               value == k,
		       "what was acknowledged is not there");
	}
	writing--;
	task_wake_all(NULL);
	pthread_mutex_unlock(&turn);
	return NULL;
}

/* Its batches fit nowhere; nobody else's may suffer. */
static void *too_much(void *of)
{
	static uint8_t big[BTREE_VALUE_MAX];
	struct btree_change c[20];
	char keys[20][2];
	(void)of;
	for (uint32_t k = 0; k < 20; k++) {
		keys[k][0] = 'c';
		keys[k][1] = (char)k;
		c[k] = (struct btree_change){ keys[k], big, 2, sizeof big };
	}
	pthread_mutex_lock(&turn);
	for (uint32_t k = 0; k < ROUNDS; k++) {
		expect(btree_apply(tree, c, 20) == ERR_TOO_BIG, "more than the device holds");
		refused++;
	}
	writing--;
	task_wake_all(NULL);
	pthread_mutex_unlock(&turn);
	return NULL;
}

static void *reader(void *of)
{
	(void)of;
	pthread_mutex_lock(&turn);
	while (writing) {
		struct btree_snapshot *s;
		expect(btree_snapshot_open(tree, &s) == OK, "snapshot");
		for (uint8_t n = 0; n < WRITERS; n++) {
			uint8_t keys[2][2] = { { 'a', n }, { 'b', n } };
			uint32_t a = 0, b = 0;
			int first = btree_snapshot_get(s, keys[0], 2, &a, sizeof a, NULL);
			int second = btree_snapshot_get(s, keys[1], 2, &b, sizeof b, NULL);
			expect(first == second && a == b, "half a batch");
			seen += first == OK;
		}
		btree_snapshot_close(s);
		if (writing)
			task_wait(NULL, 0); /* others' turn */
	}
	pthread_mutex_unlock(&turn);
	return NULL;
}

static void writers_share_commits_and_readers_see_whole_ones(void **state)
{
	(void)state;
	pthread_t threads[WRITERS + READERS + 1], io;
	struct btree_lru lru = { .newest = NULL };
	struct btree_options o = { .create = true,
		                   .policy = &btree_policy_lru,
		                   .policy_of = &lru,
		                   .cache = 6 * BTREE_PAGE };
	struct btree_figures f;
	disk_open(&disk, 1024 * 1024, false);
	at_once = disk.block.driver;
	assert_int_equal(btree_open(&tree, &disk.block, &o), OK);
	disk.block.driver = &driver;
	uint64_t flushes = disk.block.flushes;
	writing = WRITERS + 1;
	pthread_create(&io, NULL, device, NULL);
	for (uint32_t k = 0; k < WRITERS; k++)
		pthread_create(&threads[k], NULL, writer, (void *)(uintptr_t)k);
	for (uint32_t k = 0; k < READERS; k++)
		pthread_create(&threads[WRITERS + k], NULL, reader, NULL);
	pthread_create(&threads[WRITERS + READERS], NULL, too_much, NULL);
	for (uint32_t k = 0; k < WRITERS + READERS + 1; k++)
		pthread_join(threads[k], NULL);
	pthread_mutex_lock(&turn);
	ending = true;
	pthread_cond_signal(&asked);
	pthread_mutex_unlock(&turn);
	pthread_join(io, NULL);
	disk.block.driver = at_once;
	btree_figures(tree, &f);
	print_message("%u batches in %u commits\n", WRITERS * ROUNDS, (unsigned)f.commits);
	assert_true(f.commits * 2 < WRITERS * ROUNDS);
	assert_true(disk.block.flushes - flushes <= 2 * f.commits);
	assert_int_equal(f.keys, 2 * WRITERS);
	assert_int_equal(refused, ROUNDS);
	assert_true(seen > 0);
	assert_int_equal(btree_check(tree), OK);
	btree_close(tree);
	disk_close(&disk);
	assert_int_equal(fake_allocated, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writers_share_commits_and_readers_see_whole_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
