/* SPDX-License-Identifier: ISC */
/* Items by key, over memory.c's places and table.c's chains. Whatever changes is told to the
 * backend here and nowhere else. */
#include <app/memcache/store.h>

#include <string.h>

#include <app/memcache/number.h>
#include <core/clock.h>
#include <core/cold.h>
#include <core/error.h>
#include <core/hash.h>
#include <core/panic.h>

#define ITEM_MAX_DEFAULT (1u << 20)

static void changed(struct memcache_store *s, const struct memcache_item *i)
{
	if (s->backend)
		s->backend->changed(s->backend->of, memcache_item_key(i), i->key_size);
}

static int64_t left_of(const struct memcache_store *s, uint32_t expires)
{
	return expires ? (int64_t)expires - s->now : -1;
}

static inline bool is_watched(const struct memcache_store *s, enum memcache_watched what)
{
	return __builtin_expect(s->watched & what, 0);
}

static COLD void watch_store(struct memcache_store *s, const struct memcache_key *k,
                             enum memcache_mode mode, enum memcache_result result, uint32_t expires,
                             uint32_t size)
{
	s->watch(s, &(struct memcache_event){ .what = MEMCACHE_MUTATIONS,
	                                      .status = (uint8_t)result,
	                                      .mode = (uint8_t)mode,
	                                      .key = k->bytes,
	                                      .key_size = k->size,
	                                      .size = size,
	                                      .left = left_of(s, expires) });
}

static COLD void watch_eviction(struct memcache_store *s, const struct memcache_item *i)
{
	s->watch(s, &(struct memcache_event){ .what = MEMCACHE_EVICTIONS,
	                                      .fetched = (i->bits & ITEM_FETCHED) != 0,
	                                      .key = memcache_item_key(i),
	                                      .key_size = i->key_size,
	                                      .size = i->value_size,
	                                      .left = left_of(s, i->expires),
	                                      .idle = s->now - i->used_at });
}

static bool expired(const struct memcache_store *s, const struct memcache_item *i)
{
	return i->expires && i->expires <= s->now;
}

static bool dead(void *of, const struct memcache_item *i)
{
	const struct memcache_store *s = of;
	return expired(s, i) || i->cas <= s->flushed;
}

/* memory.c has moved or forgotten a linked item. */
static void moved(void *of, struct memcache_item *from, struct memcache_item *to)
{
	struct memcache_store *s = of;
	if (to) {
		memcache_table_move(&s->table, from, to);
		return;
	}
	memcache_table_remove(&s->table, from);
	s->mortal -= from->expires != 0;
	if (dead(s, from))
		s->counts[MEMCACHE_RECLAIMED]++;
	else if (is_watched(s, MEMCACHE_EVICTIONS))
		watch_eviction(s, from);
	changed(s, from);
}

int memcache_store_open(struct memcache_store *s, uint64_t memory, uint32_t item_max)
{
	*s = (struct memcache_store){ .now = MEMCACHE_SECONDS_FROM, .began = clock_now() };
	s->began_wall = clock_wall() / (int64_t)NS_PER_S;
	int error = memcache_memory_open(&s->memory, memory);
	if (error)
		return error;
	error = memcache_table_open(&s->table, &s->memory);
	if (error) {
		memcache_memory_close(&s->memory);
		return error;
	}
	s->memory.moved = moved;
	s->memory.dead = dead;
	s->memory.of = s;
	s->item_max = item_max ? item_max : ITEM_MAX_DEFAULT;
	if (s->item_max > memcache_memory_item_max(&s->memory))
		s->item_max = memcache_memory_item_max(&s->memory);
	return OK;
}

void memcache_store_close(struct memcache_store *s)
{
	memcache_table_close(&s->table);
	memcache_memory_close(&s->memory);
}

/* ---- Time ---- */

void memcache_tick(struct memcache_store *s, uint64_t now_ns)
{
	uint64_t seconds = now_ns > s->began ? (now_ns - s->began) / NS_PER_S : 0;
	uint32_t now = (uint32_t)(seconds + MEMCACHE_SECONDS_FROM);
	if (now == s->now)
		return;
	s->now = now;
	if (s->flush_at && s->flush_at <= now)
		memcache_flush(s, 0);
}

uint32_t memcache_expiry(const struct memcache_store *s, int64_t time)
{
	if (time == 0)
		return 0;
	if (time < 0)
		return 1;
	if (time <= MEMCACHE_RELATIVE_MAX)
		return s->now + (uint32_t)time;
	if (time <= s->began_wall)
		return 1;
	uint64_t at = (uint64_t)(time - s->began_wall) + MEMCACHE_SECONDS_FROM;
	return at < UINT32_MAX ? (uint32_t)at : UINT32_MAX;
}

/* ---- Table and memory together ---- */

static uint32_t hash_of(const struct memcache_key *k)
{
	return (uint32_t)hash_bytes(k->bytes, k->size);
}

static void number(struct memcache_store *s, struct memcache_item *i)
{
	i->cas = ++s->cas;
}

static void link_in(struct memcache_store *s, struct memcache_item *i)
{
	number(s, i);
	i->bits = ITEM_LINKED | (i->bits & (ITEM_BINARY | ITEM_STALE | ITEM_WON));
	i->used_at = s->now;
	memcache_table_insert(&s->table, i);
	s->mortal += i->expires != 0;
	s->counts[MEMCACHE_STORED]++;
}

static void unlink(struct memcache_store *s, struct memcache_item *i)
{
	memcache_table_remove(&s->table, i);
	s->mortal -= i->expires != 0;
	memcache_memory_give(&s->memory, i);
}

/* Tells what a look at the key is going to find. */
static COLD void watch_fetch(struct memcache_store *s, const struct memcache_key *k)
{
	const struct memcache_item *i =
	        memcache_table_find(&s->table, hash_of(k), k->bytes, k->size);
	enum memcache_found status = !i              ? MEMCACHE_IS_NOT
	                             : !dead(s, i)   ? MEMCACHE_IS
	                             : expired(s, i) ? MEMCACHE_HAS_EXPIRED
	                                             : MEMCACHE_WAS_FLUSHED;
	s->watch(s, &(struct memcache_event){ .what = MEMCACHE_FETCHERS,
	                                      .status = (uint8_t)status,
	                                      .key = k->bytes,
	                                      .key_size = k->size,
	                                      .size = i ? i->value_size : 0 });
}

static inline struct memcache_item *find(struct memcache_store *s, const struct memcache_key *k)
{
	uint32_t hash = hash_of(k);
	struct memcache_item *i = memcache_table_find(&s->table, hash, k->bytes, k->size);
	if (s->backend && s->backend->looked)
		s->backend->looked(s->backend->of, k->bytes, k->size, hash);
	if (!i || __builtin_expect(!dead(s, i), 1))
		return i;
	s->counts[expired(s, i) ? MEMCACHE_GET_EXPIRED : MEMCACHE_GET_FLUSHED]++;
	s->counts[MEMCACHE_RECLAIMED]++;
	changed(s, i);
	unlink(s, i);
	return NULL;
}

struct memcache_item *memcache_find(struct memcache_store *s, const struct memcache_key *k)
{
	if (is_watched(s, MEMCACHE_FETCHERS))
		watch_fetch(s, k);
	return find(s, k);
}

void memcache_used(struct memcache_store *s, struct memcache_item *i)
{
	uint8_t bits = i->bits | ITEM_RECENT | ITEM_FETCHED;
	if (bits != i->bits ||
	    i->used_at != s->now) { /* a get that changes nothing writes nothing */
		i->bits = bits;
		i->used_at = s->now;
	}
}

/* ---- Storing ---- */

static uint32_t head_size(const struct memcache_key *k, uint32_t flags, uint64_t value_size)
{
	return ITEM_KEY_AT + k->size + 1 + memcache_number_digits(flags) + 1 +
	       memcache_number_digits(value_size);
}

static uint64_t room_for(uint32_t head, uint64_t value_size)
{
	uint64_t size = sizeof(struct memcache_item) + head + 2 + value_size + 2;
	return (size + ITEM_UNIT - 1) / ITEM_UNIT * ITEM_UNIT;
}

bool memcache_fits(const struct memcache_store *s, const struct memcache_key *k,
                   uint64_t value_size)
{
	return value_size < s->item_max &&
	       room_for(head_size(k, UINT32_MAX, value_size), value_size) <= s->item_max;
}

/* All of the item but where it is linked and what its value is. */
static void write_head(struct memcache_item *i, const struct memcache_key *k, uint32_t flags,
                       uint32_t expires, uint32_t value_size)
{
	char *at = i->text + ITEM_KEY_AT;
	memcpy(i->text, "VALUE ", ITEM_KEY_AT);
	memcpy(at, k->bytes, k->size);
	at += k->size;
	*at++ = ' ';
	at += memcache_number_print(at, flags);
	*at++ = ' ';
	at += memcache_number_print(at, value_size);
	i->head_size = (uint16_t)(at - i->text);
	memcpy(at, "\r\n", 2);
	i->key_size = (uint8_t)k->size;
	i->flags = flags;
	i->expires = expires;
	i->value_size = value_size;
}

struct memcache_item *memcache_new(struct memcache_store *s, const struct memcache_key *k,
                                   uint32_t flags, uint32_t expires, uint32_t value_size)
{
	struct memcache_item *i = memcache_memory_take(
	        &s->memory, (uint32_t)room_for(head_size(k, flags, value_size), value_size));
	if (!i) {
		s->counts[MEMCACHE_NO_MEMORY]++;
		return NULL;
	}
	memcache_memory_pin(&s->memory, i);
	write_head(i, k, flags, expires, value_size);
	i->bits = ITEM_FILLING | (k->binary ? ITEM_BINARY : 0);
	i->hash = hash_of(k);
	i->cas = 0;
	return i;
}

void memcache_abandon(struct memcache_store *s, struct memcache_item *i)
{
	memcache_memory_give(&s->memory, i);
	memcache_memory_unpin(&s->memory, i);
}

void memcache_refused(struct memcache_store *s, const struct memcache_key *k,
                      enum memcache_mode mode, uint32_t expires, bool big)
{
	if (is_watched(s, MEMCACHE_MUTATIONS))
		watch_store(s, k, mode, big ? MEMCACHE_TOO_BIG : MEMCACHE_OUT_OF_MEMORY, expires,
		            0);
	struct memcache_item *old = mode == MEMCACHE_SET ? memcache_find(s, k) : NULL;
	if (old)
		memcache_delete(s, old);
	s->counts[MEMCACHE_TOO_LARGE] += big;
}

static struct memcache_key key_of(const struct memcache_item *i)
{
	return (struct memcache_key){ .bytes = memcache_item_key(i),
		                      .size = i->key_size,
		                      .binary = (i->bits & ITEM_BINARY) != 0 };
}

/* The new one takes the old one's place in the table; old may be null. */
static void replace(struct memcache_store *s, struct memcache_item *old, struct memcache_item *new)
{
	if (old)
		unlink(s, old);
	link_in(s, new);
	memcache_memory_unpin(&s->memory, new);
	changed(s, new);
}

/* The old value with the new one behind or before it, as a new item that is being filled. */
static struct memcache_item *joined(struct memcache_store *s, struct memcache_item *old,
                                    struct memcache_item *more, bool before)
{
	struct memcache_key key = key_of(old);
	uint64_t size = (uint64_t)old->value_size + more->value_size;
	memcache_memory_pin(&s->memory, old); /* it must not move */
	struct memcache_item *i = memcache_new(s, &key, old->flags, old->expires, (uint32_t)size);
	if (i) {
		struct memcache_item *first = before ? more : old, *second = before ? old : more;
		memcpy(memcache_item_value(i), memcache_item_value(first), first->value_size);
		memcpy(memcache_item_value(i) + first->value_size, memcache_item_value(second),
		       second->value_size + 2);
	}
	memcache_memory_unpin(&s->memory, old);
	return i;
}

static enum memcache_result decide(struct memcache_store *s, struct memcache_item *old,
                                   struct memcache_item *i, const struct memcache_storing *how)
{
	bool match = old && old->cas == how->cas;
	switch (how->mode) {
	case MEMCACHE_SET:
		return MEMCACHE_OK;
	case MEMCACHE_ADD:
		if (old) /* it was used, but nobody has seen it (meta flag h) */
			old->bits |= ITEM_RECENT, old->used_at = s->now;
		return old ? MEMCACHE_NOT_STORED : MEMCACHE_OK;
	case MEMCACHE_REPLACE:
		return old ? MEMCACHE_OK : MEMCACHE_NOT_STORED;
	case MEMCACHE_APPEND:
	case MEMCACHE_PREPEND:
		return !old                 ? MEMCACHE_NOT_STORED
		       : how->cas && !match ? MEMCACHE_EXISTS
		                            : MEMCACHE_OK;
	case MEMCACHE_CAS:
		s->counts[!old    ? MEMCACHE_CAS_MISSES
		          : match ? MEMCACHE_CAS_HITS
		                  : MEMCACHE_CAS_BAD]++;
		if (!old)
			return MEMCACHE_NOT_FOUND;
		if (!match && how->invalidate && how->cas < old->cas) {
			/* The value is another one, its time and who renews it are not. */
			i->bits |= ITEM_STALE | (old->bits & ITEM_WON);
			i->expires = old->expires;
		} else if (!match)
			return MEMCACHE_EXISTS;
		break;
	}
	return MEMCACHE_OK;
}

enum memcache_result memcache_put(struct memcache_store *s, struct memcache_item *i,
                                  struct memcache_storing *how)
{
	struct memcache_key key = key_of(i);
	struct memcache_item *old = memcache_find(s, &key), *whole = i;
	enum memcache_result result = decide(s, old, i, how);

	how->new_cas = 0;
	bool join = how->mode == MEMCACHE_APPEND || how->mode == MEMCACHE_PREPEND;
	if (result == MEMCACHE_OK && join &&
	    !memcache_fits(s, &key, (uint64_t)old->value_size + i->value_size))
		result = MEMCACHE_NOT_STORED; /* what memcached says to a value that grows too large
		                               */
	if (result == MEMCACHE_OK && join) {
		whole = joined(s, old, i, how->mode == MEMCACHE_PREPEND);
		if (!whole)
			result = MEMCACHE_OUT_OF_MEMORY;
		else
			memcache_abandon(s, i);
		/* Making room may have moved the old one, or forgotten it. */
		old = whole ? find(s, &(struct memcache_key){ memcache_item_key(whole),
		                                              whole->key_size, false })
		            : NULL;
	}
	if (is_watched(s, MEMCACHE_MUTATIONS)) {
		const struct memcache_item *of = result == MEMCACHE_OK ? whole : i;
		key = key_of(of);
		watch_store(s, &key, how->mode, result, of->expires, of->value_size);
	}
	if (result != MEMCACHE_OK) {
		memcache_abandon(s, i);
		return result;
	}
	replace(s, old, whole);
	how->new_cas = whole->cas;
	return MEMCACHE_OK;
}

struct memcache_item *memcache_overwrite(struct memcache_store *s, const struct memcache_key *k,
                                         uint32_t flags, uint32_t expires, const char *value,
                                         uint32_t size)
{
	struct memcache_item *i = find(s, k); /* that it was, the other way tells, too */
	if (!i || room_for(head_size(k, flags, size), size) != i->room ||
	    memcache_memory_is_pinned(&s->memory, i))
		return NULL;
	if (is_watched(s, MEMCACHE_FETCHERS))
		watch_fetch(s, k);
	if (is_watched(s, MEMCACHE_MUTATIONS))
		watch_store(s, k, MEMCACHE_SET, MEMCACHE_OK, expires, size);
	s->mortal -= i->expires != 0;
	s->mortal += expires != 0;
	write_head(i, k, flags, expires, size);
	memcpy(memcache_item_value(i), value, size);
	memcpy(memcache_item_value(i) + size, "\r\n", 2);
	i->bits = ITEM_LINKED | ITEM_RECENT | (k->binary ? ITEM_BINARY : 0);
	i->used_at = s->now;
	number(s, i);
	s->counts[MEMCACHE_STORED]++;
	changed(s, i);
	return i;
}

/* ---- Changing ---- */

void memcache_delete(struct memcache_store *s, struct memcache_item *i)
{
	changed(s, i);
	unlink(s, i);
}

void memcache_touch(struct memcache_store *s, struct memcache_item *i, uint32_t expires)
{
	s->mortal -= i->expires != 0;
	s->mortal += expires != 0;
	i->expires = expires;
	changed(s, i);
}

void memcache_set_bits(struct memcache_store *s, struct memcache_item *i, uint8_t bits,
                       uint8_t cleared)
{
	i->bits = (uint8_t)((i->bits & ~cleared) | bits);
	changed(s, i);
}

void memcache_renumber(struct memcache_store *s, struct memcache_item *i)
{
	number(s, i);
	changed(s, i);
}

enum memcache_result memcache_add(struct memcache_store *s, struct memcache_item **item,
                                  uint64_t delta, bool subtract, uint64_t cas, uint64_t *value)
{
	struct memcache_item *i = *item;
	char text[NUMBER_SIZE];
	if (cas && cas != i->cas && i->value_size) /* that it is empty is told first */
		return MEMCACHE_EXISTS;
	if (!memcache_number_begins(memcache_item_value(i), i->value_size, value))
		return MEMCACHE_NOT_A_NUMBER;
	if (subtract)
		*value -= delta < *value ? delta : *value;
	else
		*value += delta;
	uint32_t size = memcache_number_print(text, *value);
	if (size <= i->value_size &&
	    !memcache_memory_is_pinned(&s->memory, i)) { /* in place, as wide as it was */
		memcpy(memcache_item_value(i), text, size);
		memset(memcache_item_value(i) + size, ' ', i->value_size - size);
		memcache_renumber(s, i);
		return MEMCACHE_OK;
	}
	struct memcache_key key = key_of(i);
	uint32_t width = size > i->value_size ? size : i->value_size;
	memcache_memory_pin(&s->memory, i);
	struct memcache_item *new = memcache_new(s, &key, i->flags, i->expires, width);
	memcache_memory_unpin(&s->memory, i);
	if (!new)
		return MEMCACHE_OUT_OF_MEMORY;
	memcpy(memcache_item_value(new), text, size);
	memset(memcache_item_value(new) + size, ' ', width - size);
	memcpy(memcache_item_value(new) + width, "\r\n", 2);
	replace(s, i, new);
	*item = new;
	return MEMCACHE_OK;
}

struct memcache_item *memcache_seed(struct memcache_store *s, const struct memcache_key *k,
                                    uint32_t expires, uint64_t number)
{
	char text[NUMBER_SIZE];
	uint32_t size = memcache_number_print(text, number);
	struct memcache_storing how = { .mode = MEMCACHE_ADD };
	struct memcache_item *i = memcache_new(s, k, 0, expires, size);
	if (!i)
		return NULL;
	memcpy(memcache_item_value(i), text, size);
	memcpy(memcache_item_value(i) + size, "\r\n", 2);
	return memcache_put(s, i, &how) == MEMCACHE_OK ? i : NULL;
}

void memcache_flush(struct memcache_store *s, uint32_t at)
{
	s->flush_at = at > s->now ? at : 0;
	if (!s->flush_at) {
		s->flushed = s->cas;
		s->crawl_again = s->table.count > 0;
	}
	if (s->backend)
		s->backend->flushed(s->backend->of);
}

/* ---- For backends ---- */

struct memcache_item *memcache_peek(const struct memcache_store *s, const struct memcache_key *k)
{
	struct memcache_item *i = memcache_table_find(&s->table, hash_of(k), k->bytes, k->size);
	return i && (expired(s, i) || i->cas <= s->flushed) ? NULL : i;
}

void memcache_restore(struct memcache_store *s, struct memcache_item *i, uint64_t cas)
{
	struct memcache_item *old =
	        memcache_table_find(&s->table, i->hash, memcache_item_key(i), i->key_size);
	if (old)
		unlink(s, old);
	link_in(s, i);
	i->cas = cas;
	memcache_memory_unpin(&s->memory, i);
}

void memcache_forget(struct memcache_store *s, struct memcache_item *i)
{
	unlink(s, i);
}

/* ---- Crawling ---- */

/* The next segment that holds anything; false: they have all been seen. */
static bool crawl_next(struct memcache_store *s)
{
	while (++s->crawl_segment < s->memory.count) {
		const struct memcache_segment *g = &s->memory.segments[s->crawl_segment];
		if (g->state == SEGMENT_FREE || !g->live)
			continue;
		s->crawl_turn = g->turn;
		s->crawl_at = MEMORY_FIRST;
		return true;
	}
	s->crawl_segment = UINT32_MAX;
	s->crawl_at = 0;
	return false;
}

bool memcache_crawl(struct memcache_store *s, uint32_t items)
{
	if (!s->crawl_at) {
		if (!s->mortal && !s->crawl_again)
			return false;
		s->crawl_segment = UINT32_MAX;
		s->crawl_again = false;
		if (!crawl_next(s))
			return false;
	}
	while (items > 0) {
		const struct memcache_segment *g = &s->memory.segments[s->crawl_segment];
		struct memcache_item *i = NULL;
		/* Emptied and filled anew meanwhile: where we were may be the middle of something.
		 */
		if (g->state != SEGMENT_FREE && g->turn == s->crawl_turn)
			i = memcache_memory_walk(&s->memory, s->crawl_segment, &s->crawl_at);
		if (!i) {
			if (!crawl_next(s))
				break;
			continue;
		}
		items--;
		if (i->bits & ITEM_LINKED && dead(s, i)) {
			s->counts[MEMCACHE_RECLAIMED]++;
			changed(s, i);
			unlink(s, i);
		}
	}
	return true;
}
