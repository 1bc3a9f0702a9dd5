/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include <core/error.h>
#include <core/hash.h>
#include <core/random.h>
#include <store/btree/btree.h>

#include "../store/disk.h"
#include "image.h"

static struct btree *open_over(struct disk *d, const uint8_t *bytes, uint64_t size, bool create)
{
	struct btree_options o = { .create = create };
	struct btree *t = NULL;
	disk_open(d, size, false);
	memcpy(d->bytes, bytes, size);
	if (btree_open(&t, &d->block, &o))
		return NULL;
	return t;
}

void image_create(uint8_t *bytes, uint64_t size)
{
	struct disk d;
	struct btree *t = open_over(&d, bytes, size, true);
	if (!t)
		abort();
	btree_close(t);
	memcpy(bytes, d.bytes, size);
	disk_close(&d);
}

static uint32_t key_make(uint32_t k, uint8_t *to)
{
	uint32_t size = k % 7 ? 2 + k % 30 : 900;
	memset(to, (int)('a' + k % 26), size);
	to[0] = (uint8_t)(k * 37 >> 8);
	to[1] = (uint8_t)(k * 37);
	return size;
}

void image_change(uint8_t *bytes, uint64_t size, uint64_t *seed, uint32_t count, uint32_t keys)
{
	static uint8_t value[BTREE_VALUE_MAX];
	struct disk d;
	struct btree *t = open_over(&d, bytes, size, false);
	if (!t)
		abort();
	for (uint32_t n = 0; n < count; n++) {
		uint8_t key[BTREE_KEY_MAX];
		uint32_t key_size = key_make((uint32_t)(disk_random(seed) % keys), key);
		uint64_t what = disk_random(seed);
		uint32_t value_size = (uint32_t)(what % 16 == 0 ? what % 20000 : what % 300);
		for (uint32_t k = 0; k < value_size; k++)
			value[k] = (uint8_t)disk_random(seed);
		if (what % 5 == 1 ? btree_delete(t, key, key_size)
		                  : btree_put(t, key, key_size, value, value_size))
			abort();
	}
	btree_close(t);
	memcpy(bytes, d.bytes, size);
	disk_close(&d);
}

long image_check(const uint8_t *bytes, uint64_t size)
{
	struct disk d;
	struct btree_figures f = { .keys = 0 };
	struct btree *t = open_over(&d, bytes, size, false);
	bool sound = t && !btree_check(t);
	if (t) {
		btree_figures(t, &f);
		btree_close(t);
	}
	disk_close(&d);
	return sound ? (long)f.keys : -1;
}

void image_walk(const uint8_t *bytes, uint64_t size,
                void (*entry)(void *, const void *, uint32_t, const void *, uint32_t), void *of)
{
	static uint8_t value[BTREE_VALUE_MAX];
	struct disk d;
	struct btree *t = open_over(&d, bytes, size, false);
	struct btree_snapshot *s;
	struct btree_cursor c;
	if (!t || btree_snapshot_open(t, &s))
		abort();
	btree_cursor_open(&c, s);
	for (int error = btree_cursor_seek(&c, NULL, 0); error != ERR_ABSENT;
	     error = btree_cursor_next(&c)) {
		uint32_t key_size;
		const void *key = btree_cursor_key(&c, &key_size);
		if (error || btree_cursor_value(&c, value, sizeof value))
			abort();
		entry(of, key, key_size, value, btree_cursor_value_size(&c));
	}
	btree_cursor_close(&c);
	btree_snapshot_close(s);
	btree_close(t);
	disk_close(&d);
}

/* hash.c is here for its keyed sums only. */
void random_bytes(void *to, size_t size)
{
	memset(to, 0, size);
}

uint64_t image_hash(const uint64_t key[2], const void *bytes, uint64_t size)
{
	return hash_bytes_keyed(key, bytes, size);
}
