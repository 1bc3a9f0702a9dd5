/* SPDX-License-Identifier: ISC */
/* The generic cell rate algorithm, in a count-min table: a place says when all that was counted there is forgiven. */
#include <app/http/limit.h>

#include <string.h>

#include <app/http/http_internal.h>
#include <core/hash.h>
#include <core/heap.h>
#include <core/print.h>

#define ROWS 2u

struct http_limit {
	uint64_t interval, burst_ns; /* burst_ns: what may be counted ahead */
	uint32_t count;
	uint64_t places[]; /* ROWS times count */
};

int http_limit_open(struct http_limit **to, const struct http_limit_options *o)
{
	uint32_t count = o->places ? o->places : HTTP_LIMIT_PLACES_DEFAULT;
	if (!o->burst || !o->interval_ns || o->interval_ns > UINT64_MAX / 4 / o->burst)
		return ERR_INVALID;
	struct http_limit *l =
	        heap_alloc_zero(1, sizeof *l + (size_t)ROWS * count * sizeof(uint64_t));
	if (!l)
		return ERR_MEMORY;
	l->interval = o->interval_ns;
	l->burst_ns = (o->burst - 1) * o->interval_ns;
	l->count = count;
	*to = l;
	return OK;
}

void http_limit_close(struct http_limit *l)
{
	heap_free(l);
}

static void find(const struct http_limit *l, const void *key, uint32_t size, uint32_t places[ROWS])
{
	uint64_t h = hash_bytes(key, size);
	places[0] = (uint32_t)((h & UINT32_MAX) * l->count >> 32);
	places[1] = l->count + (uint32_t)((h >> 32) * l->count >> 32);
}

static uint64_t least(const struct http_limit *l, const uint32_t places[ROWS])
{
	uint64_t a = l->places[places[0]], b = l->places[places[1]];
	return a < b ? a : b;
}

static uint64_t wait_of(const struct http_limit *l, const uint32_t places[ROWS], uint64_t now)
{
	uint64_t free_at = least(l, places), may = now + l->burst_ns;
	return free_at > may ? free_at - may : 0;
}

uint64_t http_limit_wait(const struct http_limit *l, const void *key, uint32_t size)
{
	uint32_t places[ROWS];
	find(l, key, size, places);
	return wait_of(l, places, clock_now());
}

uint64_t http_limit_take(struct http_limit *l, const void *key, uint32_t size,
                         struct http_limit_taken *taken)
{
	uint64_t now = clock_now();
	struct http_limit_taken t = { .added = { 0 } };
	find(l, key, size, t.places);
	uint64_t wait = wait_of(l, t.places, now), from = least(l, t.places);
	if (wait)
		return wait;
	from = from > now ? from : now;
	for (uint32_t k = 0; k < ROWS; k++) {
		uint64_t *place = &l->places[t.places[k]];
		if (*place < from) /* forgiven long ago, or another's */
			*place = from;
		t.added[k] = from + l->interval > *place ? from + l->interval - *place : 0;
		*place += t.added[k];
	}
	if (taken)
		*taken = t;
	return 0;
}

void http_limit_back(struct http_limit *l, const struct http_limit_taken *t)
{
	for (uint32_t k = 0; k < ROWS; k++)
		l->places[t->places[k]] -= t->added[k];
}

struct net_address http_limit_peer(const struct http_exchange *x)
{
	struct net_address peer = http_peer(x, NULL);
	if (!net_is_ip4(peer))
		peer.halves[1] = 0;
	return peer;
}

int http_limit_refuse(struct http_exchange *x, uint64_t wait_ns)
{
	char seconds[24];
	print_text(seconds, sizeof seconds, "%llu",
	           (unsigned long long)((wait_ns + NS_PER_S - 1) / NS_PER_S));
	http_set(x, "Retry-After", seconds);
	return http_fail(x, 429);
}

bool http_limit_before(struct http_exchange *x, void *limit)
{
	struct net_address peer = http_limit_peer(x);
	uint64_t wait = http_limit_take(limit, &peer, sizeof peer, NULL);
	if (wait)
		http_limit_refuse(x, wait);
	return !wait;
}
