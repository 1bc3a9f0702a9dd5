/* SPDX-License-Identifier: ISC */
/* The work on our B-tree; its cache holds all of it, as the peers' page caches do. */
#include <stdlib.h>

#include <core/clock.h>
#include <store/btree/btree.h>

#include "work.h"

static struct btree *tree;

static void check(int good, const char *what)
{
	if (good)
		return;
	printf("failed: %s\n", what);
	fflush(stdout);
	exit(1);
}

static uint64_t work_now(void)
{
	return clock_now();
}

static void work_batch(const uint32_t *numbers, uint32_t count)
{
	static uint8_t keys[BATCH][KEY_SIZE], values[BATCH][VALUE_SIZE];
	static struct btree_change changes[BATCH];
	for (uint32_t k = 0; k < count; k++) {
		work_entry(numbers[k], keys[k], values[k]);
		changes[k] = (struct btree_change){ keys[k], values[k], KEY_SIZE, VALUE_SIZE };
	}
	check(!btree_apply(tree, changes, count), "a commit");
}

static void work_get(uint32_t number)
{
	uint8_t key[KEY_SIZE], value[VALUE_SIZE], got[VALUE_SIZE];
	uint32_t size;
	work_entry(number, key, value);
	check(!btree_get(tree, key, KEY_SIZE, got, sizeof got, &size) && size == VALUE_SIZE &&
	              !memcmp(value, got, size),
	      "a get");
}

static uint32_t work_scan(void)
{
	struct btree_snapshot *s;
	struct btree_cursor c;
	uint8_t value[VALUE_SIZE];
	uint32_t n = 0;
	check(!btree_snapshot_open(tree, &s), "a snapshot");
	btree_cursor_open(&c, s);
	for (int e = btree_cursor_seek(&c, NULL, 0); !e; e = btree_cursor_next(&c)) {
		check(!btree_cursor_value(&c, value, sizeof value), "a value");
		n += value[0] == value[VALUE_SIZE - 1];
	}
	btree_cursor_close(&c);
	btree_snapshot_close(s);
	return n;
}

int main(void)
{
	static struct btree_lru lru;
	struct btree_options o = {
		.policy = &btree_policy_lru, .policy_of = &lru, .cache = 32u << 20, .create = true
	};
	check(!btree_open(&tree, block_find("data"), &o), "opening");
	work_run();
	btree_close(tree);
	return 0;
}
