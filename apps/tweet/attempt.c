/* SPDX-License-Identifier: ISC */
#include "attempt.h"

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/hash.h>
#include <core/task.h>

#define PLACES 4096u
#define ROWS   2u

static uint32_t pair_most = 5, peer_most = 20;
/* Each place: when all wrong ones that were counted there are forgiven. One adds an interval. */
static uint64_t places[ROWS][PLACES];

static uint8_t waiting[PLACES]; /* passwords of an address; those of two may share a place */
static bool busy;               /* one is being looked at */
static struct task_queue turn = { .waiting = LIST_INIT(turn.waiting) };

void attempt_bounds(uint32_t of_pair, uint32_t of_address)
{
	pair_most = of_pair ? of_pair : 1;
	peer_most = of_address ? of_address : 1;
}

/* ---- Counts ---- */

struct count {
	uint64_t *place[ROWS], added[ROWS], interval;
	uint32_t most;
};

static struct count count_of(uint32_t peer, const char *name, uint32_t most, uint64_t interval)
{
	uint8_t bytes[sizeof peer + 64];
	size_t size =
	        name ? strlen(name) + 1 : 0; /* with its NUL: an address alone is no empty name */
	size = size < 64 ? size : 64;
	memcpy(bytes, &peer, sizeof peer);
	if (size)
		memcpy(bytes + sizeof peer, name, size);
	uint64_t h = hash_bytes(bytes, sizeof peer + size);
	return (struct count){ .place = { &places[0][h % PLACES], &places[1][(h >> 32) % PLACES] },
		               .most = most,
		               .interval = interval };
}

static uint64_t least(const struct count *c)
{
	return *c->place[0] < *c->place[1] ? *c->place[0] : *c->place[1];
}

/* 0: there may be one more now. */
static uint64_t wait_ns(const struct count *c, uint64_t now)
{
	uint64_t free_at = least(c), may = now + (c->most - 1) * c->interval;
	return free_at > may ? free_at - may : 0;
}

static void count_add(struct count *c, uint64_t now)
{
	uint64_t from = least(c) > now ? least(c) : now, to = from + c->interval;
	for (uint32_t k = 0; k < ROWS; k++) {
		if (*c->place[k] < from) /* forgiven long ago */
			*c->place[k] = from;
		c->added[k] = to > *c->place[k] ? to - *c->place[k] : 0;
		*c->place[k] += c->added[k];
	}
}

/* It was right: what was added, and not more, is taken back. */
static void count_take_back(const struct count *c)
{
	for (uint32_t k = 0; k < ROWS; k++)
		*c->place[k] -= c->added[k];
}

/* ---- Turns ---- */

static uint8_t *waiting_of(uint32_t peer)
{
	return &waiting[hash_bytes(&peer, sizeof peer) % PLACES];
}

/* False: too many of this address wait already. */
static bool turn_begin(uint32_t peer)
{
	uint8_t *mine = waiting_of(peer);
	if (*mine >= ATTEMPTS_AT_ONCE)
		return false;
	++*mine;
	if (busy) /* who ends hands it over, so that nobody who comes later goes before */
		task_wait(&turn, UINT64_MAX);
	busy = true;
	return true;
}

static void turn_end(uint32_t peer)
{
	--*waiting_of(peer);
	busy = task_wake_one(&turn);
}

/* ---- Attempts ---- */

int attempt_log_in(const struct http_exchange *x, const char *name, const char *password,
                   char token[TOKEN_SIZE + 1], uint32_t *seconds)
{
	uint32_t peer = http_peer(x, NULL);
	uint64_t now = clock_now();
	struct count pair = count_of(peer, name, pair_most, ATTEMPT_PAIR_NS),
	             all = count_of(peer, NULL, peer_most, ATTEMPT_PEER_NS);
	uint64_t of_pair = wait_ns(&pair, now), of_all = wait_ns(&all, now);
	if (of_pair || of_all) {
		*seconds = (uint32_t)(((of_pair > of_all ? of_pair : of_all) - 1) / NS_PER_S) + 1;
		return ERR_AGAIN;
	}
	/* Before it is looked at, so that many at once are not all the first. */
	count_add(&pair, now);
	count_add(&all, now);
	int error = ERR_AGAIN;
	*seconds = 1;
	if (turn_begin(peer)) {
		error = model_log_in(name, password, token);
		turn_end(peer);
	}
	if (error != ERR_REFUSED) {
		count_take_back(&pair);
		count_take_back(&all);
	}
	return error;
}

int attempt_sign_up(const struct http_exchange *x, const char *name, const char *password,
                    uint32_t *seconds)
{
	uint32_t peer = http_peer(x, NULL);
	*seconds = 1;
	if (!turn_begin(peer))
		return ERR_AGAIN;
	int error = model_sign_up(name, password);
	turn_end(peer);
	return error;
}
