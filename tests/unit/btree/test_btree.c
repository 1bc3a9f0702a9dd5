/* SPDX-License-Identifier: ISC */
/*
 * The store against a model that is nothing but an array: random operations with snapshots and
 * openings anew, power that goes at every write, every bit flipped, memory and devices that fail.
 * FULL=1: a million operations, 10,000 cut points, a bit of each byte in use flipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <core/error.h>
#include <store/btree/btree.h>
#include <store/btree/internal.h>

#include "../store/disk.h"
#include "../store/fake.h"

#define KIB        1024u
#define MIB        (1024u * KIB)
#define USED_STEP  7u /* bits: less than a byte */
#define ROOT_BYTES (2 * BTREE_PAGE)

static bool full;
static uint64_t seed;

static uint32_t below(uint32_t n)
{
	return (uint32_t)(disk_random(&seed) % n);
}

/* ---- The model: keys are numbers, and values follow from a number each ---- */

#define KEYS_MAX 4096u

struct entry {
	bool there;
	uint32_t size;
	uint32_t pattern;
};

struct model {
	uint32_t keys; /* numbers below this */
	struct entry all[KEYS_MAX];
};

/* Key k in bytes: of several lengths, in the order of their numbers. */
static uint32_t key_bytes(uint32_t k, uint8_t *to)
{
	uint32_t size = 4 + (k % 7 == 0 ? 900 : k % 3 == 0 ? 40 : 0);
	for (uint32_t i = 0; i < 4; i++)
		to[i] = (uint8_t)(k >> (24 - 8 * i));
	memset(to + 4, (int)(k & 255), size - 4);
	return size;
}

static void value_bytes(const struct entry *e, uint8_t *to)
{
	for (uint32_t k = 0; k < e->size; k++)
		to[k] = (uint8_t)(e->pattern * 31 + k * 7 + k / 256);
}

static uint32_t some_size(void)
{
	switch (below(12)) {
	case 0:
		return 0;
	case 1:
		return below(BTREE_VALUE_MAX + 1);
	case 2:
		return 1300 + below(3000);
	default:
		return below(200);
	}
}

/* ---- Watching ---- */

static uint32_t damages;
static uint64_t damaged_page;
static char damage_text[128];

static void on_damage(void *of, uint64_t page, const char *what)
{
	(void)of;
	damages++;
	damaged_page = page;
	snprintf(damage_text, sizeof damage_text, "page %llu: %s", (unsigned long long)page, what);
}

static struct btree_lru lru;

static struct btree *open_store(struct disk *d, uint64_t cache)
{
	struct btree *t = NULL;
	struct btree_options o = { .policy = cache ? &btree_policy_lru : NULL,
		                   .policy_of = &lru,
		                   .cache = cache,
		                   .create = true,
		                   .damage = on_damage };
	lru = (struct btree_lru){ .newest = NULL };
	int error = btree_open(&t, &d->block, &o);
	if (error)
		fail_msg("cannot be opened: %s (%s)", error_text(error), damage_text);
	return t;
}

static bool same_value(const struct entry *e, const uint8_t *value, uint32_t size)
{
	static uint8_t want[BTREE_VALUE_MAX];
	value_bytes(e, want);
	return size == e->size && memcmp(value, want, size) == 0;
}

/* Is the snapshot exactly the model, walked forwards (or back)? */
static bool is_model(struct btree_snapshot *s, const struct model *m, bool back)
{
	static uint8_t value[BTREE_VALUE_MAX];
	struct btree_cursor c;
	btree_cursor_open(&c, s);
	int error = back ? btree_cursor_last(&c) : btree_cursor_seek(&c, NULL, 0);
	uint32_t found = 0;
	bool good = true;
	for (uint32_t n = 0; n < m->keys && good; n++) {
		uint32_t k = back ? m->keys - 1 - n : n, size;
		uint8_t key[BTREE_KEY_MAX];
		if (!m->all[k].there)
			continue;
		uint32_t key_size = key_bytes(k, key);
		if (error) {
			good = false;
			break;
		}
		const void *have = btree_cursor_key(&c, &size);
		good = size == key_size && memcmp(have, key, size) == 0;
		good = good && btree_cursor_value(&c, value, sizeof value) == OK &&
		       same_value(&m->all[k], value, btree_cursor_value_size(&c));
		found++;
		error = back ? btree_cursor_previous(&c) : btree_cursor_next(&c);
	}
	good = good && error == ERR_ABSENT && btree_snapshot_count(s) == found;
	btree_cursor_close(&c);
	return good;
}

static bool store_is(struct btree *t, const struct model *m)
{
	struct btree_snapshot *s;
	assert_int_equal(btree_snapshot_open(t, &s), OK);
	bool good = is_model(s, m, false);
	btree_snapshot_close(s);
	return good;
}

/* A random batch, made in the model too. */
#define BATCH_MAX 24u
struct batch {
	struct btree_change changes[BATCH_MAX];
	uint8_t keys[BATCH_MAX][BTREE_KEY_MAX];
	uint8_t *values[BATCH_MAX];
	uint32_t count;
};

static void batch_make(struct batch *b, struct model *m, uint32_t most, uint32_t deletes)
{
	b->count = 1 + below(most);
	for (uint32_t i = 0; i < b->count; i++) {
		uint32_t k = below(m->keys);
		struct entry *e = &m->all[k];
		b->values[i] = NULL;
		*e = (struct entry){ .there = below(100) >= deletes };
		if (e->there) {
			e->size = some_size();
			e->pattern = (uint32_t)disk_random(&seed);
			b->values[i] = malloc(e->size + 1);
			value_bytes(e, b->values[i]);
		}
		b->changes[i] = (struct btree_change){ b->keys[i], b->values[i],
			                               key_bytes(k, b->keys[i]), e->size };
	}
}

static void batch_free(struct batch *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		free(b->values[i]);
}

static void apply(struct btree *t, struct model *m, uint32_t most, uint32_t deletes)
{
	static struct batch b;
	batch_make(&b, m, most, deletes);
	int error = btree_apply(t, b.changes, b.count);
	if (error)
		fail_msg("apply: %s (%s)", error_text(error), damage_text);
	batch_free(&b);
}

static void sound(struct btree *t)
{
	damages = 0;
	if (btree_check(t) != OK || damages)
		fail_msg("the check finds: %s", damage_text);
}

/* ---- Tests ---- */

static void a_new_store_is_empty(void **state)
{
	(void)state;
	struct disk d;
	uint8_t byte;
	disk_open(&d, MIB, false);
	struct btree *t = NULL;
	struct btree_options o = { .create = false };
	assert_int_equal(btree_open(&t, &d.block, &o), ERR_ABSENT);
	t = open_store(&d, 0);
	assert_int_equal(btree_get(t, "a", 1, &byte, 1, NULL), ERR_ABSENT);
	assert_int_equal(btree_delete(t, "a", 1), OK);
	sound(t);
	btree_close(t);
	assert_int_equal(btree_open(&t, &d.block, &o), OK);
	btree_close(t);
	disk_close(&d);
	assert_int_equal(fake_allocated, 0);
}

static void keeps_what_it_was_given(void **state)
{
	(void)state;
	struct disk d;
	char value[16];
	uint32_t size;
	disk_open(&d, MIB, false);
	struct btree *t = open_store(&d, 64 * KIB);
	assert_int_equal(btree_put(t, "colour", 6, "green", 5), OK);
	assert_int_equal(btree_put(t, "colour", 6, "red", 3), OK);
	assert_int_equal(btree_put(t, "empty", 5, NULL, 0), OK);
	btree_close(t);
	t = open_store(&d, 0);
	assert_int_equal(btree_get(t, "colour", 6, value, sizeof value, &size), OK);
	assert_int_equal(size, 3);
	assert_memory_equal(value, "red", 3);
	assert_int_equal(btree_get(t, "empty", 5, value, sizeof value, &size), OK);
	assert_int_equal(size, 0);
	assert_int_equal(btree_get(t, "colou", 5, value, sizeof value, &size), ERR_ABSENT);
	btree_close(t);
	disk_close(&d);
}

static void bounds_are_named(void **state)
{
	(void)state;
	struct disk d;
	static uint8_t big[BTREE_VALUE_MAX + 1];
	disk_open(&d, MIB, false);
	struct btree *t = open_store(&d, 0);
	assert_int_equal(btree_put(t, "", 0, "x", 1), ERR_INVALID);
	assert_int_equal(btree_put(t, big, BTREE_KEY_MAX + 1, "x", 1), ERR_TOO_BIG);
	assert_int_equal(btree_put(t, "x", 1, big, BTREE_VALUE_MAX + 1), ERR_TOO_BIG);
	assert_int_equal(btree_put(t, big, BTREE_KEY_MAX, big, BTREE_VALUE_MAX), OK);
	btree_close(t);
	d.block.read_only = true;
	t = open_store(&d, 0);
	assert_int_equal(btree_put(t, "x", 1, "y", 1), ERR_READ_ONLY);
	btree_close(t);
	d.block.size = 15 * BTREE_PAGE;
	struct btree_options o = { .create = true };
	assert_int_equal(btree_open(&t, &d.block, &o), ERR_TOO_BIG);
	disk_close(&d);
	disk_open(&d, MIB, false);
	memset(d.bytes, 'x', 5000);
	assert_int_equal(btree_open(&t, &d.block, &o), ERR_MALFORMED);
	disk_close(&d);
	assert_int_equal(fake_allocated, 0);
}

/* Random batches, openings anew, snapshots that stay as they were. */
static void equals_a_model(void **state)
{
	(void)state;
	uint32_t operations = 0, wanted = full ? 1000000 : 30000;
	for (uint32_t round = 0; operations < wanted; round++) {
		static struct model m, old;
		struct disk d;
		struct btree_snapshot *s = NULL;
		memset(&m, 0, sizeof m);
		m.keys = round % 3 == 0 ? 50 : round % 3 == 1 ? 600 : 3000;
		uint64_t cache = round % 2 ? 20 * BTREE_PAGE : 0;
		disk_open(&d, 32 * MIB, false);
		struct btree *t = open_store(&d, cache);
		for (uint32_t k = 0; k < 250 && operations < wanted; k++) {
			apply(t, &m, BATCH_MAX, k / 50 % 2 ? 70 : 20);
			operations += BATCH_MAX / 2;
			if (s && below(10) == 0) {
				assert_true(is_model(s, &old, below(2)));
				btree_snapshot_close(s);
				s = NULL;
			} else if (!s && below(10) == 0) {
				assert_int_equal(btree_snapshot_open(t, &s), OK);
				old = m;
			}
			if (below(30) == 0) {
				if (s) {
					assert_true(is_model(s, &old, true));
					btree_snapshot_close(s);
				}
				s = NULL;
				btree_close(t);
				t = open_store(&d, cache);
				sound(t);
			}
			if (below(25) == 0)
				assert_true(store_is(t, &m));
		}
		if (s)
			btree_snapshot_close(s);
		assert_true(store_is(t, &m));
		sound(t);
		/* All of it goes again, and with it the space. */
		for (uint32_t k = 0; k < m.keys; k++) {
			uint8_t key[BTREE_KEY_MAX];
			if (m.all[k].there)
				assert_int_equal(btree_delete(t, key, key_bytes(k, key)), OK);
		}
		struct btree_figures f;
		btree_figures(t, &f);
		assert_int_equal(f.keys, 0);
		assert_int_equal(f.depth, 1);
		assert_int_equal(f.pages_used,
		                 2 + 1 + 2); /* roots, a leaf, the map and its directory */
		sound(t);
		btree_close(t);
		disk_close(&d);
		assert_int_equal(fake_allocated, 0);
	}
}

static void seeks_to_the_next_key(void **state)
{
	(void)state;
	static struct model m;
	struct disk d;
	memset(&m, 0, sizeof m);
	m.keys = 1500;
	disk_open(&d, 16 * MIB, false);
	struct btree *t = open_store(&d, 64 * BTREE_PAGE);
	for (uint32_t k = 0; k < 100; k++)
		apply(t, &m, BATCH_MAX, 30);
	struct btree_snapshot *s;
	struct btree_cursor c;
	assert_int_equal(btree_snapshot_open(t, &s), OK);
	btree_cursor_open(&c, s);
	for (uint32_t n = 0; n < 5000; n++) {
		uint8_t key[BTREE_KEY_MAX], want[BTREE_KEY_MAX];
		uint32_t k = below(m.keys), at = k, size, key_size = key_bytes(k, key);
		while (at < m.keys && !m.all[at].there)
			at++;
		int error = btree_cursor_seek(&c, key, key_size);
		assert_int_equal(error, at < m.keys ? OK : ERR_ABSENT);
		if (error)
			continue;
		const void *have = btree_cursor_key(&c, &size);
		assert_int_equal(size, key_bytes(at, want));
		assert_memory_equal(have, want, size);
	}
	btree_cursor_close(&c);
	btree_snapshot_close(s);
	btree_close(t);
	disk_close(&d);
}

static void keys_in_order_fill_their_pages(void **state)
{
	(void)state;
	struct disk d;
	struct btree_figures f;
	disk_open(&d, 16 * MIB, false);
	struct btree *t = open_store(&d, 64 * BTREE_PAGE);
	for (uint32_t k = 0; k < 10000; k++) {
		uint8_t key[4] = { (uint8_t)(k >> 24), (uint8_t)(k >> 16), (uint8_t)(k >> 8),
			           (uint8_t)k };
		assert_int_equal(btree_put(t, key, 4, "0123456789012345", 16), OK);
	}
	btree_figures(t, &f);
	assert_true(f.pages_used < 10000 * 30 / BTREE_PAGE * 11 / 10 + 8);
	sound(t);
	btree_close(t);
	disk_close(&d);
}

/* A full device refuses, keeps what it has, and takes new things once old ones have gone. */
static void a_full_device_loses_nothing(void **state)
{
	(void)state;
	static uint8_t value[20000];
	struct disk d;
	disk_open(&d, MIB, false);
	struct btree *t = open_store(&d, 0);
	uint32_t n = 0;
	uint8_t byte;
	int error = OK;
	while (!error && n < 1000) {
		uint8_t key = (uint8_t)n;
		error = btree_put(t, &key, 1, value, sizeof value);
		n += !error;
	}
	assert_int_equal(error, ERR_TOO_BIG);
	assert_in_range(n, 40, 60);
	sound(t);
	for (uint32_t k = 0; k < n; k++) {
		uint8_t key = (uint8_t)k;
		assert_int_equal(btree_get(t, &key, 1, &byte, 1, NULL), OK);
	}
	for (uint32_t round = 0; round < 200; round++) { /* what goes makes room for as much */
		uint8_t key = (uint8_t)below(n);
		assert_int_equal(btree_delete(t, &key, 1), OK);
		assert_int_equal(btree_put(t, &key, 1, value, sizeof value), OK);
	}
	sound(t);
	btree_close(t);
	disk_close(&d);
	assert_int_equal(fake_allocated, 0);
}

/* 2,000 random transactions; at every write the power may go. What is found afterwards is what was
 * acknowledged last, or that and the one under way. */
static void power_may_go_at_any_write(void **state)
{
	(void)state;
	uint32_t points = 0, wanted = full ? 10000 : 400, newer = 0,
	         transactions = full ? 2000 : 80;
	for (uint64_t run = 0; points < wanted; run++) {
		static struct model acknowledged, after, m;
		static struct batch b;
		struct disk d, e;
		struct disk_cut cut;
		uint64_t batch_seed = 77 + run;
		memset(&m, 0, sizeof m);
		m.keys = 40;
		disk_open(&d, MIB, true);
		struct btree *t = open_store(&d, 0);
		disk_note(&d, 0);
		for (uint32_t k = 0; k < transactions; k++) {
			seed = batch_seed + k;
			batch_make(&b, &m, 4, 40);
			assert_int_equal(btree_apply(t, b.changes, b.count), OK);
			batch_free(&b);
			disk_note(&d, k + 1);
		}
		btree_close(t);

		disk_open(&e, MIB, false);
		disk_cut_open(&cut, &d);
		memset(&acknowledged, 0, sizeof acknowledged);
		acknowledged.keys = 40;
		after = acknowledged;
		uint64_t done = 0;
		bool created = false;
		for (uint32_t at = 0; at < d.event_count; at++) {
			if (d.events[at].kind == DISK_NOTE) {
				done = d.events[at].at;
				created = true;
				acknowledged = after;
				seed = batch_seed + done;
				batch_make(&b, &after, 4, 40);
				batch_free(&b);
				continue;
			}
			if (d.events[at].kind != DISK_WRITE)
				continue;
			for (uint32_t twice = 0; twice < 2; twice++) {
				/* Just before this write was asked for, and with it on its way. */
				disk_cut_image(&cut, at + twice, points * 2654435761u + run,
				               e.bytes);
				points++;
				damages = 0;
				struct btree *found = NULL;
				struct btree_options o = { .create = true, .damage = on_damage };
				int error = btree_open(&found, &e.block, &o);
				if (error)
					fail_msg("run %u, event %u: %s (%s)", (unsigned)run, at,
					         error_text(error), damage_text);
				damages = 0; /* a root that was being written may say so */
				if (btree_check(found) || damages)
					fail_msg("run %u, event %u: %s", (unsigned)run, at,
					         damage_text);
				bool is_new = created && store_is(found, &after);
				if (!is_new && !store_is(found, &acknowledged))
					fail_msg("run %u, event %u: neither of the two states",
					         (unsigned)run, at);
				newer += is_new;
				btree_close(found);
			}
		}
		disk_cut_close(&cut);
		disk_close(&d);
		disk_close(&e);
	}
	assert_true(newer > 10);
	print_message("%u cut points, %u of them with the transaction under way\n", points, newer);
	assert_int_equal(fake_allocated, 0);
}

/* Bits of a small store, one at a time: the flip is told, with its page, and what needs another
 * page is there as before. FULL: a bit of each byte of the pages in use. */
static void every_flipped_bit_is_found(void **state)
{
	(void)state;
	static struct model m;
	static uint8_t value[BTREE_VALUE_MAX];
	struct disk d;
	memset(&m, 0, sizeof m);
	m.keys = 60;
	disk_open(&d, MIB / 2, false);
	struct btree *t = open_store(&d, 0);
	for (uint32_t k = 0; k < 12; k++)
		apply(t, &m, 6, 20);
	struct btree_figures f;
	btree_figures(t, &f);
	btree_close(t);
	uint32_t step = 509, lost_most = 0, losing = 0, found = 0, unused = 0, maps = 0;
	uint8_t *image = malloc(d.block.size);
	memcpy(image, d.bytes, d.block.size);
	for (uint64_t bit = 0, next; bit < d.block.size * 8; bit = next) {
		d.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		uint64_t page = bit / 8 / BTREE_PAGE;
		struct btree_options o = { .damage = on_damage };
		damages = 0;
		t = NULL;
		assert_int_equal(btree_open(&t, &d.block, &o), OK);
		bool at_once = damages, map = at_once && page > 1, told = at_once;
		if (told && damaged_page != page)
			fail_msg("bit %llu of page %llu: told is %s",
			         (unsigned long long)bit % 32768, (unsigned long long)page,
			         damage_text);
		damages = 0;
		int checked = btree_check(t);
		if (damages && damaged_page != page)
			fail_msg("bit %llu of page %llu: the check tells %s",
			         (unsigned long long)bit % 32768, (unsigned long long)page,
			         damage_text);
		assert_int_equal(checked, damages ? ERR_CORRUPT : OK);
		told |= damages != 0;
		uint32_t lost = 0;
		for (uint32_t k = 0; k < m.keys; k++) {
			uint8_t key[BTREE_KEY_MAX];
			uint32_t size = 0;
			damages = 0;
			int e = btree_get(t, key, key_bytes(k, key), value, sizeof value, &size);
			if (e != ERR_CORRUPT) {
				assert_int_equal(e, m.all[k].there ? OK : ERR_ABSENT);
			} else { /* for want of this page, and no other one */
				lost++;
				assert_true(damages && damaged_page == page);
			}
			if (!e)
				assert_true(same_value(&m.all[k], value, size));
		}
		assert_true(!lost || (told && !at_once)); /* roots and maps cost no entry */
		if (map && maps++ % 8 == 0) {             /* and the next commit makes a new map */
			assert_int_equal(btree_put(t, "new", 3, "new", 3), OK);
			sound(t);
			btree_close(t);
			t = open_store(&d, 0);
			sound(t);
			memcpy(d.bytes, image, d.block.size);
		}
		btree_close(t);
		found += told;
		unused += !told;
		losing += lost != 0;
		next = (page + 1) * BTREE_PAGE * 8;
		if (bit + (full && told ? USED_STEP : step) < next)
			next = bit + (full && told ? USED_STEP : step);
		lost_most = lost > lost_most ? lost : lost_most;
		memcpy(d.bytes, image, ROOT_BYTES); /* an opening repairs them */
		d.bytes[bit / 8] = image[bit / 8];
	}
	free(image);
	assert_true(maps > 8 && losing > 100);
	print_message("%u bits flipped in %u pages: %u told, %u in pages not in use; %u cost "
	              "an entry, %u of %u entries at most\n",
	              found + unused, (uint32_t)(d.block.size / BTREE_PAGE), found, unused, losing,
	              lost_most, m.keys);
	/* What is not told lies in pages that the state does not use. */
	uint32_t per_page = (BTREE_PAGE * 8 + step - 1) / step;
	assert_int_equal(found, f.pages_used * (full ? (BTREE_PAGE * 8 + USED_STEP - 1) / USED_STEP
	                                             : per_page));
	assert_int_equal(unused, (d.block.size / BTREE_PAGE - f.pages_used) * per_page);
	disk_close(&d);
	assert_int_equal(fake_allocated, 0);
}

static void failing_devices_are_told(void **state)
{
	(void)state;
	static struct model m, before;
	static struct batch b;
	for (uint32_t at = 1; at < 60; at++) {
		struct disk d;
		memset(&m, 0, sizeof m);
		m.keys = 40;
		seed = at;
		disk_open(&d, MIB, false);
		struct btree *t = open_store(&d, 0);
		for (uint32_t k = 0; k < 5; k++)
			apply(t, &m, 6, 20);
		before = m;
		d.requests = 0;
		d.fail_at = at;
		d.fail_once = at % 2;
		batch_make(&b, &m, 6, 20);
		int error = btree_apply(t, b.changes, b.count);
		batch_free(&b);
		d.fail_at = 0;
		assert_true(error == OK || error == ERR_IO);
		btree_close(t);
		t = open_store(&d, 0);
		sound(t);
		assert_true(store_is(t, &m) || (error && store_is(t, &before)));
		btree_close(t);
		disk_close(&d);
		assert_int_equal(fake_allocated, 0);
	}
}

static void failing_memory_changes_nothing(void **state)
{
	(void)state;
	static struct model m, before;
	static struct batch b;
	uint32_t failed = 0;
	struct disk d;
	memset(&m, 0, sizeof m);
	m.keys = 200;
	disk_open(&d, 8 * MIB, false);
	struct btree *t = open_store(&d, 16 * BTREE_PAGE);
	for (uint32_t k = 0; k < 30; k++)
		apply(t, &m, BATCH_MAX, 20);
	for (uint32_t at = 0; at < 400; at++) {
		before = m;
		batch_make(&b, &m, BATCH_MAX, 30);
		fake_memory_left = at % 200;
		int error = btree_apply(t, b.changes, b.count);
		fake_memory_left = UINT64_MAX;
		batch_free(&b);
		assert_true(error == OK || error == ERR_MEMORY);
		if (error) {
			failed++;
			m = before;
		}
		if (at % 20 == 0) {
			assert_true(store_is(t, &m));
			sound(t);
		}
	}
	assert_true(failed > 20);
	assert_true(store_is(t, &m));
	btree_close(t);
	t = open_store(&d, 0);
	sound(t);
	assert_true(store_is(t, &m));
	btree_close(t);
	disk_close(&d);
	assert_int_equal(fake_allocated, 0);
}

static void a_larger_device_is_fine_and_a_smaller_one_is_not(void **state)
{
	(void)state;
	struct disk d, larger;
	char byte;
	disk_open(&d, MIB, false);
	struct btree *t = open_store(&d, 0);
	assert_int_equal(btree_put(t, "k", 1, "v", 1), OK);
	btree_close(t);
	disk_open(&larger, 2 * MIB, false);
	memcpy(larger.bytes, d.bytes, MIB);
	t = open_store(&larger, 0);
	assert_int_equal(btree_get(t, "k", 1, &byte, 1, NULL), OK);
	sound(t);
	btree_close(t);
	d.block.size = MIB / 2;
	struct btree_options o = { .create = true };
	fake_log_lines = damages = 0;
	assert_int_equal(btree_open(&t, &d.block, &o), ERR_TOO_BIG);
	assert_int_equal(fake_log_lines + damages, 1);
	assert_string_equal(fake_log_text,
	                    "disk has 524288 bytes, the store on it needs 1048576: it was shrunk, "
	                    "or not copied to its end");
	disk_close(&d);
	disk_close(&larger);
}

/* Puts values of 60,000 bytes until there is no room; how many. */
static uint32_t fill(struct btree *t, uint32_t from)
{
	static uint8_t value[60000];
	uint32_t n = 0;
	for (;; n++) {
		uint32_t key = from + n;
		int error = btree_put(t, &key, sizeof key, value, sizeof value);
		if (error == ERR_TOO_BIG)
			return n;
		assert_int_equal(error, OK);
	}
}

static void a_device_that_grew_is_used_to_its_end(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {
		1, 2, 127, 128, 129, 300
	}; /* MiB: a page of the map is good for 128 */
	struct disk d, larger;
	uint32_t all = 0;
	disk_open(&d, MIB, false);
	for (uint32_t k = 0; k < 6; k++) {
		if (k) {
			disk_open(&larger, sizes[k] * MIB, false);
			memcpy(larger.bytes, d.bytes, d.block.size);
			disk_close(&d);
			d = larger;
			d.block.driver = larger.block.driver;
		}
		struct btree *t = open_store(&d, 0);
		struct btree_figures f;
		sound(t); /* before the first commit, too */
		all += fill(t, all);
		btree_figures(t, &f);
		assert_int_equal(f.pages, sizes[k] * MIB / BTREE_PAGE);
		assert_true(f.pages_used > f.pages - 64);
		sound(t);
		btree_close(t);
		t = open_store(&d, 0); /* as it lies on the device */
		btree_figures(t, &f);
		assert_int_equal(f.keys, all);
		sound(t);
		btree_close(t);
	}
	disk_close(&d);
}

static void what_is_freed_is_discarded(void **state)
{
	(void)state;
	static uint8_t value[4000];
	struct disk d;
	struct btree_figures f;
	disk_open(&d, 128 * MIB, false);
	memset(d.bytes + MIB, 0xee, 127 * MIB); /* what somebody left there is not its first page */
	struct btree *t = open_store(&d, MIB);
	/* Churn of few keys stays at the device's begin. */
	for (uint32_t n = 0; n < 20000; n++) {
		uint32_t key = below(200);
		assert_int_equal(btree_put(t, &key, sizeof key, value, sizeof value), OK);
	}
	uint32_t kept = 0;
	for (uint64_t page = 0; page < 128 * MIB / BTREE_PAGE; page++)
		kept += d.bytes[page * BTREE_PAGE + 100] != 0xdd;
	btree_figures(t, &f);
	assert_true(kept < 2 * f.pages_used + 2 * 4096 + 64);
	/* Much that goes leaves little. */
	uint32_t all = fill(t, 1000);
	assert_true(all > 1900);
	for (uint32_t k = 0; k < all; k++) {
		uint32_t key = 1000 + k;
		assert_int_equal(btree_delete(t, &key, sizeof key), OK);
	}
	for (uint32_t n = 0; n < 300; n++) {
		uint32_t key = below(200);
		assert_int_equal(btree_put(t, &key, sizeof key, value, sizeof value), OK);
	}
	kept = 0;
	for (uint64_t page = 0; page < 128 * MIB / BTREE_PAGE; page++)
		kept += d.bytes[page * BTREE_PAGE + 100] != 0xdd;
	btree_figures(t, &f);
	assert_true(kept < 2 * f.pages_used + 2 * 4096 + 512);
	sound(t);
	btree_close(t);
	disk_close(&d);
}

/* A page that one commit takes and gives back, while a snapshot is open, is free once: not again
 * when that snapshot goes, after another one has come to need it. */
static void a_page_is_not_given_back_twice(void **state)
{
	(void)state;
	static uint8_t big[30000], other[30000], value[30000];
	struct disk d;
	struct btree_snapshot *first, *second;
	memset(big, 'b', sizeof big);
	memset(other, 'o', sizeof other);
	disk_open(&d, MIB / 2, false);
	struct btree *t = open_store(&d, 0);
	struct btree_change gone[6];
	assert_int_equal(btree_put(t, "x", 1, "1", 1), OK);
	assert_int_equal(btree_snapshot_open(t, &first), OK);
	for (uint32_t k = 0; k < 10; k++) { /* taken and given back */
		struct btree_change c[2] = { { "y", big, 1, sizeof big }, { "y", NULL, 1, 0 } };
		assert_int_equal(btree_apply(t, c, 2), OK);
	}
	for (uint32_t k = 0; k < 6; k++) { /* taken again */
		gone[k] = (struct btree_change){ "012345" + k, NULL, 1, 0 };
		assert_int_equal(btree_put(t, gone[k].key, 1, big, sizeof big), OK);
	}
	assert_int_equal(btree_snapshot_open(t, &second), OK);
	assert_int_equal(btree_apply(t, gone, 6), OK);
	btree_snapshot_close(first);
	while (btree_put(t, "w", 1, other, sizeof other) == OK)
		; /* all that is free */
	for (uint32_t k = 0; k < 6; k++) {
		assert_int_equal(
		        btree_snapshot_get(second, gone[k].key, 1, value, sizeof value, NULL), OK);
		assert_memory_equal(value, big, sizeof big);
	}
	btree_snapshot_close(second);
	sound(t);
	btree_close(t);
	disk_close(&d);
	assert_int_equal(fake_allocated, 0);
}

/* The store ends without the power going (a killed tender, a failing flush): what the next opening
 * finds was perhaps never flushed, and has to be there all the same if the power goes later. */
static void what_was_opened_survives_power_loss(void **state)
{
	(void)state;
	static struct model old, m, found, next;
	static struct batch b;
	uint32_t newer = 0;
	for (uint32_t at = 1; at < 14; at++) {
		struct disk d, e;
		struct disk_cut cut;
		memset(&m, 0, sizeof m);
		m.keys = 40;
		seed = at;
		disk_open(&d, MIB, true);
		struct btree *t = open_store(&d, 0);
		for (uint32_t k = 0; k < 4; k++)
			apply(t, &m, 6, 20);
		old = m;
		d.requests = 0;
		d.fail_at = at;
		d.fail_once = true;
		batch_make(&b, &m, 3, 20);
		btree_apply(t, b.changes, b.count);
		batch_free(&b);
		d.fail_at = 0;
		btree_close(t);
		t = open_store(&d, 0);
		uint32_t from = d.event_count;
		found = store_is(t, &m) ? m : old;
		newer += store_is(t, &m);
		next = found;
		apply(t, &next, 24, 20);
		btree_close(t);
		disk_open(&e, MIB, false);
		disk_cut_open(&cut, &d);
		for (uint32_t point = from; point <= d.event_count; point++) {
			for (uint32_t s = 0; s < 8; s++) {
				disk_cut_image(&cut, point, s * 977 + point, e.bytes);
				struct btree *after = open_store(&e, 0);
				sound(after);
				assert_true(store_is(after, &found) || store_is(after, &next));
				btree_close(after);
			}
		}
		disk_cut_close(&cut);
		disk_close(&d);
		disk_close(&e);
	}
	assert_true(newer > 0);
	assert_int_equal(fake_allocated, 0);
}

/* Of a root only one copy came through; then that one is damaged. */
static void half_a_root_is_made_whole(void **state)
{
	(void)state;
	struct disk d;
	struct btree_figures f;
	char value;
	disk_open(&d, MIB, false);
	struct btree *t = open_store(&d, 0);
	for (uint32_t k = 0; k < 3; k++)
		assert_int_equal(btree_put(t, "k", 1, k == 2 ? "2" : "x", 1), OK);
	btree_figures(t, &f);
	btree_close(t);
	uint8_t *root = d.bytes + (f.generation & 1) * BTREE_PAGE;
	for (uint32_t k = 0; k < 2; k++) {
		memset(root + (k ? 0 : BTREE_PAGE - 512), 0, 512);
		t = open_store(&d, 0);
		btree_close(t);
		root[(k ? BTREE_PAGE - 512 : 0) + 100] ^= 1;
		t = open_store(&d, 0);
		assert_int_equal(btree_get(t, "k", 1, &value, 1, NULL), OK);
		assert_int_equal(value, '2');
		sound(t);
		btree_close(t);
	}
	disk_close(&d);
}

static void a_page_that_changes_in_memory_is_found(void **state)
{
	(void)state;
	struct disk d;
	disk_open(&d, 4 * MIB, false);
	struct btree *t = open_store(&d, MIB);
	assert_int_equal(btree_put(t, "k", 1, "v", 1), OK);
	assert_true(btree_is_valid(t));
	struct btree_node *n = btree_table_find(&t->clean, t->state.root.page);
	assert_non_null(n);
	n->bytes[BTREE_PAGE - 1] ^= 1;
	bool found = false; /* not all pages are looked at each time */
	for (uint32_t k = 0; k < t->clean.size && !found; k++) {
		t->figures.hits++;
		found = !btree_is_valid(t);
	}
	assert_true(found);
	n->bytes[BTREE_PAGE - 1] ^= 1;
	t->kept++;
	assert_false(btree_is_valid(t));
	t->kept--;
	t->state.used = t->pages + 1;
	assert_false(btree_is_valid(t));
	t->state.used = t->work.used;
	struct btree_snapshot *s;
	assert_int_equal(btree_snapshot_open(t, &s), OK);
	s->state.generation++;
	assert_false(btree_is_valid(t));
	s->state.generation--;
	assert_true(btree_is_valid(t));
	btree_snapshot_close(s);
	btree_close(t);
	disk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_store_is_empty),
		cmocka_unit_test(keeps_what_it_was_given),
		cmocka_unit_test(bounds_are_named),
		cmocka_unit_test(equals_a_model),
		cmocka_unit_test(seeks_to_the_next_key),
		cmocka_unit_test(keys_in_order_fill_their_pages),
		cmocka_unit_test(a_full_device_loses_nothing),
		cmocka_unit_test(power_may_go_at_any_write),
		cmocka_unit_test(every_flipped_bit_is_found),
		cmocka_unit_test(failing_devices_are_told),
		cmocka_unit_test(failing_memory_changes_nothing),
		cmocka_unit_test(a_page_is_not_given_back_twice),
		cmocka_unit_test(what_was_opened_survives_power_loss),
		cmocka_unit_test(half_a_root_is_made_whole),
		cmocka_unit_test(a_page_that_changes_in_memory_is_found),
		cmocka_unit_test(a_larger_device_is_fine_and_a_smaller_one_is_not),
		cmocka_unit_test(a_device_that_grew_is_used_to_its_end),
		cmocka_unit_test(what_is_freed_is_discarded),
	};
	full = getenv("FULL") && strcmp(getenv("FULL"), "1") == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
