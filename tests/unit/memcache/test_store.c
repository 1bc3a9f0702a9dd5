/* SPDX-License-Identifier: ISC */
/*
 * The store against a model: a plain array that holds what each key must be. Where nothing has to
 * be evicted the store must say the same; where memory is short it may have forgotten, and must say
 * the same of what it has not. FULL=1: a million operations of each kind.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include <app/memcache/number.h>
#include <core/error.h>

#include "world.h"

static struct memcache_store s;
static uint64_t random_state;

static uint32_t below(uint32_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) % bound);
}

struct entry {
	bool there;
	char *value; /* from malloc */
	uint32_t size, flags, expires;
};

static struct memcache_key name(uint32_t k, char text[32])
{
	return (struct memcache_key){ text, (uint32_t)snprintf(text, 32, "key-%u", k), false };
}

static void forget(struct entry *e)
{
	free(e->value);
	*e = (struct entry){ .there = false };
}

static void open_store(uint64_t memory)
{
	fake_start();
	assert_int_equal(memcache_store_open(&s, memory, 0), 0);
}

static void close_store(void)
{
	assert_int_equal(s.memory.pinned, 0);
	memcache_store_close(&s);
	assert_int_equal(fake.allocated, 0);
	fake_stop();
}

/* A value, in one of the ways that commands have; false: there was no memory for it. */
static bool put(const struct memcache_key *key, const char *value, uint32_t size, uint32_t flags,
                uint32_t expires, enum memcache_mode mode, enum memcache_result *result)
{
	struct memcache_storing how = { .mode = mode };
	*result = MEMCACHE_OK;
	if (mode == MEMCACHE_SET && memcache_overwrite(&s, key, flags, expires, value, size))
		return true;
	struct memcache_item *i = memcache_new(&s, key, flags, expires, size);
	if (!i)
		return false;
	memcpy(memcache_item_value(i), value, size);
	memcpy(memcache_item_value(i) + size, "\r\n", 2);
	*result = memcache_put(&s, i, &how);
	return true;
}

static void same(const struct entry *e, struct memcache_item *i, const struct memcache_key *key)
{
	char head[100];
	int n = snprintf(head, sizeof head, "VALUE %.*s %u %u\r\n", (int)key->size, key->bytes,
	                 e->flags, e->size);
	assert_int_equal(i->value_size, e->size);
	assert_int_equal(memcache_item_text_size(i), (uint32_t)n + e->size + 2);
	assert_memory_equal(i->text, head, (size_t)n);
	assert_memory_equal(memcache_item_value(i), e->value, e->size);
	assert_memory_equal(memcache_item_value(i) + e->size, "\r\n", 2);
	assert_int_equal(i->expires, e->expires);
}

/* lossy: what the model has may be gone, as a whole. */
static void run(uint32_t operations, uint32_t keys, uint32_t size_max, bool lossy)
{
	struct entry *model = calloc(keys, sizeof *model);
	for (uint32_t k = 0; k < operations; k++) {
		char text[32];
		uint32_t which = below(keys), what = below(100);
		struct memcache_key key = name(which, text);
		struct entry *e = &model[which];
		fake.now += below(20) ? 0 : below(2000) * 1000000u;
		memcache_tick(&s, fake.now);
		for (uint32_t m = 0; e->there && m < 1; m++) {
			if (e->expires && e->expires <= s.now)
				forget(e);
		}
		struct memcache_item *i = memcache_find(&s, &key);
		if (!e->there)
			assert_null(i);
		else if (!lossy)
			assert_non_null(i);
		if (e->there && !i)
			forget(e);
		if (i)
			same(e, i, &key);
		if (what < 30) {
			if (i)
				memcache_used(&s, i);
		} else if (what < 75) {
			static const enum memcache_mode modes[] = {
				MEMCACHE_SET,     MEMCACHE_SET,    MEMCACHE_SET,    MEMCACHE_ADD,
				MEMCACHE_REPLACE, MEMCACHE_APPEND, MEMCACHE_PREPEND
			};
			enum memcache_mode mode = modes[below(7)];
			enum memcache_result result;
			uint32_t size = below(10) ? below(200) : below(size_max),
			         flags = below(3) ? 0 : below(100000);
			uint32_t expires = below(4) ? 0 : s.now + below(30);
			bool joins = mode == MEMCACHE_APPEND || mode == MEMCACHE_PREPEND;
			if (joins && e->there && e->size + size > size_max)
				size = 0;
			char *value = malloc(size + 1);
			for (uint32_t at = 0; at < size; at++)
				value[at] = (char)('0' + below(10));
			if (!put(&key, value, size, flags, expires, mode, &result)) {
				fail_msg("no memory for %u bytes", size);
			} else if ((mode == MEMCACHE_ADD && e->there) ||
			           (mode != MEMCACHE_ADD && mode != MEMCACHE_SET && !e->there)) {
				/* Making room for the new one may have evicted the old one. */
				if (!(lossy && mode == MEMCACHE_ADD && result == MEMCACHE_OK))
					assert_int_equal(result, MEMCACHE_NOT_STORED);
				if (result == MEMCACHE_OK) {
					forget(e);
					*e = (struct entry){ true, value, size, flags, expires };
					value = NULL;
				}
			} else if (lossy && result == MEMCACHE_NOT_STORED) {
				forget(e);
			} else {
				assert_int_equal(result, MEMCACHE_OK);
				if (joins) {
					char *both = malloc(e->size + size + 1);
					bool before = mode == MEMCACHE_PREPEND;
					memcpy(both + (before ? size : 0), e->value, e->size);
					memcpy(both + (before ? 0 : e->size), value, size);
					free(e->value);
					e->value = both;
					e->size += size;
				} else {
					forget(e);
					*e = (struct entry){ true, value, size, flags, expires };
					value = NULL;
				}
			}
			free(value);
		} else if (what < 82 && i) {
			memcache_delete(&s, i);
			forget(e);
		} else if (what < 88 && i) {
			e->expires = below(2) ? 0 : s.now + 1 + below(20);
			memcache_touch(&s, i, e->expires);
		} else if (what < 94 && i) {
			uint64_t delta = below(1000), got, had;
			bool minus = below(2),
			     number = memcache_number_begins(e->value, e->size, &had);
			enum memcache_result result = memcache_add(&s, &i, delta, minus, 0, &got);
			assert_int_equal(result, number ? MEMCACHE_OK : MEMCACHE_NOT_A_NUMBER);
			if (number) {
				char digits[40];
				had = minus ? had - (delta < had ? delta : had) : had + delta;
				assert_true(got == had);
				int n = snprintf(digits, sizeof digits, "%llu",
				                 (unsigned long long)had);
				uint32_t width = (uint32_t)n > e->size ? (uint32_t)n : e->size;
				char *value = malloc(width + 1);
				memset(value, ' ', width);
				memcpy(value, digits, (size_t)n);
				free(e->value);
				e->value = value;
				e->size = width;
			}
		} else if (what == 94 && below(200) == 0) {
			memcache_flush(&s, 0);
			for (uint32_t m = 0; m < keys; m++)
				forget(&model[m]);
		} else {
			memcache_crawl(&s, below(50));
		}
		if (k % 1000 == 0)
			assert_true(memcache_memory_is_valid(&s.memory));
	}
	for (uint32_t k = 0; k < keys; k++) {
		char text[32];
		struct memcache_key key = name(k, text);
		struct memcache_item *i = memcache_find(&s, &key);
		if (i)
			same(&model[k], i, &key);
		else if (!lossy && model[k].there)
			assert_true(model[k].expires && model[k].expires <= s.now);
		forget(&model[k]);
	}
	free(model);
}

static uint32_t operations(void)
{
	const char *full = getenv("FULL");
	return full && *full == '1' ? 1000000 : 60000;
}

static void says_what_the_model_says(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		random_state = seed * 0x9e3779b97f4a7c15u;
		open_store(8u << 20);
		run(operations(), 2000, 3000, false);
		assert_int_equal(s.memory.evictions, 0);
		close_store();
	}
}

static void says_the_same_of_what_it_kept(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		random_state = seed * 0x9e3779b97f4a7c15u;
		open_store(1u << 20);
		run(operations(), 5000, 20000, true);
		assert_true(s.memory.evictions > 0);
		close_store();
	}
}

static void large_items_come_and_go(void **state)
{
	(void)state;
	random_state = 7;
	open_store(4u << 20);
	run(operations() / 10, 40, 200000, true);
	close_store();
}

/* Holes are used again: nothing is evicted though ten times the memory was stored over the same
 * keys. */
static void churn_evicts_nothing(void **state)
{
	(void)state;
	enum memcache_result result;
	char text[32], value[1000];
	random_state = 5;
	memset(value, 'v', sizeof value);
	open_store(4u << 20);
	for (uint32_t k = 0; k < 40000; k++) {
		struct memcache_key key = name(k < 2000 ? k : below(2000), text);
		assert_true(put(&key, value, 700 + k * 7919 % 300, 0, 0, MEMCACHE_SET, &result));
	}
	assert_int_equal(s.table.count, 2000);
	assert_int_equal(s.memory.evictions, 0);
	assert_true(s.memory.cleaned > 0);
	close_store();
}

static void what_is_used_stays(void **state)
{
	(void)state;
	enum memcache_result result;
	char text[32], value[500];
	uint32_t kept = 0, old = 0;
	memset(value, 'v', sizeof value);
	open_store(4u << 20);
	for (uint32_t k = 0; k < 40000; k++) { /* five times the memory */
		struct memcache_key key = name(k, text);
		assert_true(put(&key, value, sizeof value, 0, 0, MEMCACHE_SET, &result));
		key = name(k % 100, text); /* the first hundred are asked for again and again */
		struct memcache_item *i = memcache_find(&s, &key);
		if (i)
			memcache_used(&s, i);
	}
	for (uint32_t k = 0; k < 20000; k++) {
		struct memcache_key key = name(k, text);
		bool there = memcache_find(&s, &key);
		kept += k < 100 && there;
		old += k >= 100 && there;
	}
	assert_int_equal(kept, 100);
	assert_int_equal(old, 0);
	struct memcache_key newest = name(39999, text);
	assert_non_null(memcache_find(&s, &newest));
	assert_true(s.table.count > (4u << 20) / 600 * 3 / 4); /* and the memory is used */
	close_store();
}

static void with_keep_there_is_an_end(void **state)
{
	(void)state;
	enum memcache_result result;
	char text[32], value[500];
	uint32_t stored = 0;
	memset(value, 'v', sizeof value);
	open_store(4u << 20);
	s.memory.keep = true;
	for (;; stored++) {
		struct memcache_key key = name(stored, text);
		if (!put(&key, value, sizeof value, 0, 0, MEMCACHE_SET, &result))
			break;
	}
	assert_int_equal(s.memory.evictions, 0);
	assert_true(stored > (4u << 20) / 600 * 3 / 4);
	for (uint32_t k = 0; k < stored; k++) {
		struct memcache_key key = name(k, text);
		assert_non_null(memcache_find(&s, &key));
	}
	/* What is deleted makes room. */
	for (uint32_t k = 0; k < stored; k += 2) {
		struct memcache_key key = name(k, text);
		memcache_delete(&s, memcache_find(&s, &key));
	}
	for (uint32_t k = 0; k < stored / 3; k++) {
		struct memcache_key key = name(100000 + k, text);
		assert_true(put(&key, value, sizeof value, 0, 0, MEMCACHE_SET, &result));
	}
	assert_true(memcache_memory_is_valid(&s.memory));
	close_store();
}

static void pinned_items_stay_where_they_are(void **state)
{
	(void)state;
	enum memcache_result result;
	char text[32], value[500];
	memset(value, 'p', sizeof value);
	open_store(1u << 20);
	struct memcache_key key = name(1000000, text);
	assert_true(put(&key, value, sizeof value, 0, 0, MEMCACHE_SET, &result));
	struct memcache_item *i = memcache_find(&s, &key);
	memcache_memory_pin(&s.memory, i);
	memcache_delete(&s, i);
	for (uint32_t k = 0; k < 20000; k++) {
		struct memcache_key other = name(k, text);
		memset(value, 'a' + k % 26, sizeof value);
		assert_true(put(&other, value, sizeof value, 0, 0, MEMCACHE_SET, &result));
	}
	memset(value, 'p', sizeof value);
	assert_memory_equal(memcache_item_value(i), value, sizeof value);
	memcache_memory_unpin(&s.memory, i);
	assert_true(memcache_memory_is_valid(&s.memory));
	close_store();
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	(void)state;
	fake_start();
	assert_int_equal(memcache_store_open(&s, MEMORY_MIN - 1, 0), ERR_INVALID);
	assert_int_equal(memcache_store_open(&s, MEMORY_MAX + 1, 0), ERR_INVALID);
	fake.memory_fails = true;
	assert_int_equal(memcache_store_open(&s, MEMORY_MIN, 0), ERR_MEMORY);
	fake.memory_fails = false;
	assert_int_equal(fake.allocated, 0);
	fake_stop();
}

static void numbers_are_read_as_they_are_printed(void **state)
{
	(void)state;
	static const uint64_t numbers[] = { 0,         1,   9,           10,
		                            99,        100, 4294967295u, UINT64_MAX - 1,
		                            UINT64_MAX };
	char text[64];
	uint64_t v;
	int64_t w;
	for (uint32_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
		char want[64];
		uint32_t n = memcache_number_print(text, numbers[k]);
		assert_int_equal(
		        snprintf(want, sizeof want, "%llu", (unsigned long long)numbers[k]), n);
		assert_memory_equal(text, want, n);
		assert_true(memcache_number_read(text, n, &v) && v == numbers[k]);
	}
	static const char *const bad[] = { "",
		                           "+",
		                           "-",
		                           "1x",
		                           "x1",
		                           " 1",
		                           "1 ",
		                           "18446744073709551616",
		                           "99999999999999999999",
		                           "+-1" };
	for (uint32_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		assert_false(memcache_number_read(bad[k], (uint32_t)strlen(bad[k]), &v));
		assert_false(memcache_number_read_signed(bad[k], (uint32_t)strlen(bad[k]), &w));
	}
	assert_true(memcache_number_read_signed("-5", 2, &w) && w == -5);
	assert_false(memcache_number_read_signed("-+5", 3, &w));
	assert_false(memcache_number_read_signed("--5", 3, &w));
	assert_true(memcache_number_begins(" \t12 x", 6, &v) && v == 12);
	assert_false(memcache_number_begins("12x", 3, &v));
	assert_false(memcache_number_begins("-1", 2, &v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_the_model_says),
		cmocka_unit_test(says_the_same_of_what_it_kept),
		cmocka_unit_test(large_items_come_and_go),
		cmocka_unit_test(churn_evicts_nothing),
		cmocka_unit_test(what_is_used_stays),
		cmocka_unit_test(with_keep_there_is_an_end),
		cmocka_unit_test(pinned_items_stay_where_they_are),
		cmocka_unit_test(sizes_that_cannot_be_are_refused),
		cmocka_unit_test(numbers_are_read_as_they_are_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
