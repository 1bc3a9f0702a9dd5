/* SPDX-License-Identifier: ISC */
/*
 * Opens the store, compares all of it with the model, has it check itself, and prints "state N": N
 * transactions are in it. Then, in mode write, tasks apply further ones, at once, and print "N"
 * when transaction N is acknowledged; another one compares snapshots meanwhile. It ends with the
 * power, with a failure ("error N: why", status 2), or after `count`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/error.h>
#include <core/heap.h>
#include <core/task.h>

#include "appliance.h"
#include "model.h"

#define need(what_, ...)                                                                           \
	do {                                                                                       \
		if (!(what_)) {                                                                    \
			printf("failed: " __VA_ARGS__);                                            \
			printf("\n");                                                              \
			fflush(stdout);                                                            \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static struct btree *tree;
static uint64_t begun, done, last;
static uint32_t running;
static struct task_queue over = TASK_QUEUE_INIT(over);

static void damage(void *of, uint64_t page, const char *what)
{
	(void)of;
	printf("damage: page %llu: %s\n", (unsigned long long)page, what);
}

static uint64_t compare(struct model *m, uint8_t *room)
{
	struct btree_snapshot *s;
	uint64_t number;
	need(btree_snapshot_open(tree, &s) == OK, "no memory for a snapshot");
	const char *why = model_differs(m, arg_seed(), s, room, &number);
	need(!why, "after transaction %llu: %s", (unsigned long long)number, why);
	btree_snapshot_close(s);
	return number;
}

static void writer(void *arg)
{
	struct transaction *t = arg;
	while (begun < last) {
		/* From here to the store's queue nobody else runs: numbers are in the queue's
		 * order. */
		uint64_t n = ++begun;
		transaction_make(t, arg_seed(), n);
		int error = btree_apply(tree, t->changes, t->count);
		if (error) {
			printf("error %llu: %s\n", (unsigned long long)n, error_text(error));
			fflush(stdout);
			exit(2);
		}
		printf("%llu\n", (unsigned long long)n);
		fflush(stdout);
		done++;
	}
	if (--running == 0)
		task_wake_all(&over);
}

static void reader(void *arg)
{
	static struct model m;
	uint64_t before = 0;
	while (running) {
		uint64_t acknowledged = done, now = compare(&m, arg);
		need(now >= before && now >= acknowledged && now <= begun,
		     "a snapshot after %llu acknowledgements is of transaction %llu",
		     (unsigned long long)acknowledged, (unsigned long long)now);
		before = now;
		task_yield();
	}
}

static void *memory(uint64_t bytes)
{
	void *p = heap_alloc_zero(1, bytes);
	need(p, "no memory");
	return p;
}

static void write_on(uint64_t from)
{
	uint32_t writers = arg_writers();
	begun = done = from;
	last = arg_count() ? from + arg_count() : UINT64_MAX;
	running = writers;
	for (uint32_t k = 0; k < writers; k++) {
		struct transaction *t = memory(sizeof *t);
		t->values = memory(CHANGES_MAX * VALUE_ROOM);
		need(task_spawn("writer", writer, t), "too many writers");
	}
	need(task_spawn("reader", reader, memory(2 * VALUE_ROOM)), "too many tasks");
	while (running)
		task_wait(&over, UINT64_MAX);
}

int main(void)
{
	static struct btree_lru lru;
	static struct model m;
	struct block *b = block_find("data");
	struct btree_options o = { .policy = arg_cache() ? &btree_policy_lru : NULL,
		                   .policy_of = &lru,
		                   .cache = arg_cache(),
		                   .create = true,
		                   .damage = damage };
	need(b, "no device data");
	int error = btree_open(&tree, b, &o);
	if (error) {
		printf("not opened: %s\n", error_text(error));
		return error == ERR_IO ? 2 : 1;
	}
	uint8_t *room = memory(2 * VALUE_ROOM);
	uint64_t number = compare(&m, room);
	error = btree_check(tree);
	need(error == OK, "its own check says: %s", error_text(error));
	struct btree_figures f;
	btree_figures(tree, &f);
	printf("state %llu\n", (unsigned long long)number);
	fflush(stdout);
	if (strcmp(arg_mode(), "write") == 0) {
		write_on(number);
		compare(&m, room);
		error = btree_check(tree);
		need(error == OK, "its own check says afterwards: %s", error_text(error));
		btree_figures(tree, &f);
		printf("end %llu, %llu commits\n", (unsigned long long)begun,
		       (unsigned long long)f.commits);
	}
	btree_close(tree);
	return 0;
}
