/* SPDX-License-Identifier: ISC */
/* Everything is a hash of the seed, a transaction's number, and a place within it. */
#include <string.h>

#include <core/error.h>

#include "model.h"

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ull;
	v = (v ^ v >> 27) * 0x94d049bb133111ebull;
	return v ^ v >> 31;
}

static uint64_t dice(uint64_t seed, uint64_t number, uint64_t what)
{
	return mix(mix(seed * 0x9e3779b97f4a7c15ull + number) + what * 0xd6e8feb86659fd93ull);
}

/* ---- Keys and values ---- */

/* In the order of their numbers; of several lengths, so that pages hold between 8 and 100. */
static uint32_t key_make(uint8_t *to, uint32_t key)
{
	uint32_t size = 2 + (key % 5 == 0 ? 480 : key % 3 == 0 ? 30 : 6);
	to[0] = (uint8_t)(key >> 8);
	to[1] = (uint8_t)key;
	memset(to + 2, (int)(key * 7 & 255), size - 2);
	return size;
}

static uint32_t value_size(uint64_t seed, uint64_t number, uint32_t key)
{
	uint64_t d = dice(seed, number, 1000 + key);
	switch (d % 8) {
	case 0:
		return 0;
	case 1:
		return (uint32_t)(d >> 8) % (VALUE_ROOM + 1);
	case 2:
		return 1200 +
		       (uint32_t)(d >> 8) % 400; /* about what fits into a page of the tree */
	default:
		return (uint32_t)(d >> 8) % 150;
	}
}

static void value_make(uint8_t *to, uint32_t size, uint64_t seed, uint64_t number, uint32_t key)
{
	uint64_t state = dice(seed, number, 2000 + key);
	for (uint32_t k = 0; k < size; k += 8) {
		uint64_t word = mix(state + k);
		memcpy(to + k, &word, size - k < 8 ? size - k : 8);
	}
}

/* ---- Transactions ---- */

static uint32_t change_count(uint64_t seed, uint64_t number)
{
	return (uint32_t)(dice(seed, number, 0) % CHANGES_MAX) + 1;
}

/* A transaction may name a key twice: the last one counts. */
static uint32_t change_key(uint64_t seed, uint64_t number, uint32_t k)
{
	return (uint32_t)(dice(seed, number, 100 + k) % KEYS);
}

static bool change_deletes(uint64_t seed, uint64_t number, uint32_t k)
{
	return dice(seed, number, 200 + k) % 3 == 0;
}

void transaction_make(struct transaction *t, uint64_t seed, uint64_t number)
{
	t->number = number;
	t->count = change_count(seed, number);
	for (uint32_t k = 0; k < t->count; k++) {
		uint32_t key = change_key(seed, number, k);
		struct btree_change *c = &t->changes[k];
		*c = (struct btree_change){ .key = t->keys[k],
			                    .key_size = key_make(t->keys[k], key) };
		if (change_deletes(seed, number, k))
			continue;
		uint8_t *value = t->values + (uint64_t)k * VALUE_ROOM;
		c->value_size = value_size(seed, number, key);
		c->value = value;
		value_make(value, c->value_size, seed, number, key);
	}
	t->changes[t->count++] = (struct btree_change){ NUMBER_KEY, &t->number,
		                                        sizeof NUMBER_KEY - 1, sizeof t->number };
}

/* ---- What is there ---- */

void model_advance(struct model *m, uint64_t seed, uint64_t number)
{
	if (seed != m->seed || number < m->number)
		*m = (struct model){ .seed = seed };
	while (m->number < number) {
		uint64_t n = ++m->number;
		for (uint32_t k = 0; k < change_count(seed, n); k++) {
			uint64_t *at = &m->written[change_key(seed, n, k)];
			m->count -= *at != 0;
			*at = change_deletes(seed, n, k) ? 0 : n;
			m->count += *at != 0;
		}
	}
}

static const char *entry_differs(const struct model *m, uint64_t seed, struct btree_cursor *c,
                                 uint32_t key, uint8_t *room)
{
	uint8_t want[KEY_ROOM], *got = room + VALUE_ROOM;
	uint32_t size, n = m->written[key] ? value_size(seed, m->written[key], key) : 0;
	const void *is = btree_cursor_key(c, &size);
	if (key_make(want, key) != size || memcmp(want, is, size) != 0)
		return "a key is not the next one";
	if (btree_cursor_value_size(c) != n)
		return "a value has another size";
	if (btree_cursor_value(c, got, VALUE_ROOM) != OK)
		return "a value cannot be read";
	value_make(room, n, seed, m->written[key], key);
	return memcmp(room, got, n) ? "a value is another one" : NULL;
}

const char *model_differs(struct model *m, uint64_t seed, struct btree_snapshot *s, uint8_t *room,
                          uint64_t *number)
{
	uint32_t size = 0;
	int error = btree_snapshot_get(s, NUMBER_KEY, sizeof NUMBER_KEY - 1, number, sizeof *number,
	                               &size);
	if (error == ERR_ABSENT)
		*number = 0;
	else if (error || size != sizeof *number)
		return "its number cannot be read";
	model_advance(m, seed, *number);
	if (btree_snapshot_count(s) != m->count + (*number != 0))
		return "it has another number of keys";
	struct btree_cursor c;
	const char *why = NULL;
	btree_cursor_open(&c, s);
	error = btree_cursor_seek(&c, NULL, 0);
	for (uint32_t key = 0; key < KEYS && !why; key++) {
		if (!m->written[key])
			continue;
		why = error ? "there are too few keys" : entry_differs(m, seed, &c, key, room);
		error = error ? error : btree_cursor_next(&c);
	}
	btree_cursor_close(&c);
	return why;
}
