/* SPDX-License-Identifier: ISC */
/*
 * A device that somebody has written to who knows the format: bytes of a small store are changed,
 * and the sums made right again on the way up to the root, so that what is wrong is not hidden
 * behind them. Then everything that the store can do is done to it. It may refuse; it may not
 * crash, hang, keep memory or touch a page that is not its own.
 *
 * Input: 1 byte of flags (1: leave the sums wrong), then records of 4: page, offset 2, value.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <core/error.h>
#include <store/btree/internal.h>

#include "disk.h"
#include "fake.h"

#define PAGES     96u
#define KEYS      120u
#define STEPS_MAX 1000u /* of a cursor: a forged tree may be longer than anybody can walk */
#define REACH_MAX 512u

static uint8_t *seed_image;

static uint32_t key_make(uint32_t k, uint8_t *to)
{
	uint32_t size = k % 5 ? 3 : 700;
	memset(to, (int)('a' + k % 26), size);
	to[0] = (uint8_t)(k * 37 >> 8);
	to[1] = (uint8_t)(k * 37);
	return size;
}

static void make_seed(void)
{
	static uint8_t value[9000];
	struct disk d;
	struct btree *t = NULL;
	struct btree_options o = { .create = true };
	disk_open(&d, PAGES * BTREE_PAGE, false);
	if (btree_open(&t, &d.block, &o))
		abort();
	for (uint32_t k = 0; k < KEYS; k++) {
		uint8_t key[BTREE_KEY_MAX];
		uint32_t size = k % 30 ? k : sizeof value;
		if (btree_put(t, key, key_make(k, key), value, size))
			abort();
	}
	btree_close(t);
	seed_image = malloc(PAGES * BTREE_PAGE);
	memcpy(seed_image, d.bytes, PAGES * BTREE_PAGE);
	disk_close(&d);
}

/* ---- Making the sums right ---- */

static uint8_t *page_at(uint8_t *image, uint64_t page)
{
	return page < PAGES ? image + page * BTREE_PAGE : NULL;
}

static void mend(uint8_t *image, uint8_t *pointer)
{
	uint64_t page = bytes_load_u64(pointer);
	if (page_at(image, page) && bytes_load_u64(pointer + 8))
		bytes_store_u64(pointer + 8, btree_page_sum(page_at(image, page), page));
}

/* Children before parents, as far as a bounded walk gets; loops stay as wrong as they are. */
static void mend_node(uint8_t *image, uint8_t *pointer, uint32_t level, uint32_t *left)
{
	uint8_t *page = page_at(image, bytes_load_u64(pointer));
	if (!page || !*left)
		return;
	--*left;
	uint32_t count = bytes_load_u16(page + 4);
	for (uint32_t k = 0; k < count && 16 + 2 * k + 2 <= BTREE_PAGE; k++) {
		uint32_t at = bytes_load_u16(page + 16 + 2 * k), key;
		if (at + 8 > BTREE_PAGE)
			continue;
		key = bytes_load_u16(page + at);
		if (level) {
			if (at + 2 + key + 16 <= BTREE_PAGE)
				mend_node(image, page + at + 2 + key, level - 1, left);
			continue;
		}
		uint32_t size = bytes_load_u32(page + at + 4);
		for (uint32_t p = 0; size >> 31 && p < btree_value_pages(size & 0x1ffffu); p++) {
			if (at + 8 + key + 16 * p + 16 <= BTREE_PAGE)
				mend(image, page + at + 8 + key + 16 * p);
		}
	}
	mend(image, pointer);
}

/* magic 8, version 4, page size 4, pages 8, generation 8, keys 8, used 8, root 16, level 4, 0 4,
 * dirs */
static void mend_root(uint8_t *image, uint8_t *record)
{
	uint32_t left = REACH_MAX, level = bytes_load_u32(record + 64);
	mend_node(image, record + 48, level < BTREE_DEPTH_MAX ? level : 0, &left);
	uint8_t *dir = page_at(image, bytes_load_u64(record + 72));
	if (dir) {
		mend(image, dir);
		mend(image, record + 72);
	}
	/* The record's own sum is the page's function over fewer bytes: btree_record_write knows it. */
	struct state s = { .pages = bytes_load_u64(record + 16) };
	s.generation = bytes_load_u64(record + 24);
	s.keys = bytes_load_u64(record + 32);
	s.used = bytes_load_u64(record + 40);
	s.root = btree_pointer_load(record + 48);
	s.level = bytes_load_u32(record + 64);
	for (uint32_t k = 0; k < MAP_DIRS; k++)
		s.dirs[k] = btree_pointer_load(record + 72 + 16 * k);
	btree_record_write(record, &s);
}

/* ---- Using it ---- */

static void walk(struct btree *t, struct btree_snapshot *s)
{
	static uint8_t value[BTREE_VALUE_MAX];
	struct btree_cursor c;
	uint32_t size;
	(void)t;
	btree_cursor_open(&c, s);
	int error = btree_cursor_seek(&c, "", 0);
	for (uint32_t n = 0; !error && n < STEPS_MAX; n++) {
		const uint8_t *key = btree_cursor_key(&c, &size);
		if (size > BTREE_KEY_MAX || (size && key[size - 1] == 0xff && key[0] == 0xfe))
			value[0]++;
		if (btree_cursor_value_size(&c) > BTREE_VALUE_MAX)
			abort();
		btree_cursor_value(&c, value, sizeof value);
		error = btree_cursor_next(&c);
	}
	error = btree_cursor_last(&c);
	for (uint32_t n = 0; !error && n < STEPS_MAX; n++)
		error = btree_cursor_previous(&c);
	btree_cursor_close(&c);
}

static void use(struct btree *t, uint64_t seed)
{
	static uint8_t value[20000];
	struct btree_snapshot *s = NULL;
	uint32_t size;
	btree_check(t);
	for (uint32_t n = 0; n < 24; n++) {
		uint8_t key[BTREE_KEY_MAX];
		uint32_t k = (uint32_t)(disk_random(&seed) % KEYS), key_size = key_make(k, key);
		switch (disk_random(&seed) % 5) {
		case 0:
			btree_get(t, key, key_size, value, sizeof value, &size);
			break;
		case 1:
			btree_put(t, key, key_size, value, (uint32_t)(disk_random(&seed) % 300));
			break;
		case 2:
			btree_put(t, key, key_size, value,
			          (uint32_t)(disk_random(&seed) % sizeof value));
			break;
		case 3:
			btree_delete(t, key, key_size);
			break;
		default:
			if (s) {
				walk(t, s);
				btree_snapshot_close(s);
				s = NULL;
			} else if (btree_snapshot_open(t, &s)) {
				s = NULL;
			}
		}
	}
	if (s) {
		walk(t, s);
		btree_snapshot_close(s);
	}
	btree_check(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct disk d;
	struct btree_lru lru = { .newest = NULL };
	struct btree_options o = { .create = true };
	struct btree *t = NULL;
	uint64_t seed = size;
	if (!seed_image)
		make_seed();
	if (!size)
		return 0;
	disk_open(&d, PAGES * BTREE_PAGE, false);
	memcpy(d.bytes, seed_image, PAGES * BTREE_PAGE);
	for (size_t at = 1; at + 4 <= size; at += 4) {
		uint32_t page = data[at] % PAGES,
		         offset = (data[at + 1] | data[at + 2] << 8) % BTREE_PAGE;
		d.bytes[page * BTREE_PAGE + offset] = data[at + 3];
		seed = seed * 31 + data[at + 3];
	}
	for (uint32_t k = 0; !(data[0] & 1) && k < 4; k++) /* two roots, two copies each */
		mend_root(d.bytes,
		          d.bytes + (k & 1) * BTREE_PAGE + (k & 2 ? BTREE_PAGE - RECORD_SIZE : 0));
	if (data[0] & 2) {
		o.policy = &btree_policy_lru;
		o.policy_of = &lru;
		o.cache = 10 * BTREE_PAGE;
	}
	for (uint32_t twice = 0; twice < 2; twice++) {
		lru = (struct btree_lru){ .newest = NULL };
		if (btree_open(&t, &d.block, &o))
			break;
		use(t, seed + twice);
		btree_close(t);
	}
	disk_close(&d);
	if (fake_allocated)
		abort();
	return 0;
}
