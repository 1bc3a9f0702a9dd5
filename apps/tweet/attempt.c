/* SPDX-License-Identifier: ISC */
#include "attempt.h"

#include <string.h>

#include <app/http/limit.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/hash.h>
#include <core/task.h>
#include <net/address.h>

#define PLACES 4096u

static struct http_limit *pairs, *peers; /* of names and addresses, and of addresses */

static uint8_t waiting[PLACES]; /* passwords of an address; those of two may share a place */
static bool busy;               /* one is being looked at */
static struct task_queue turn = { .waiting = LIST_INIT(turn.waiting) };

int attempt_open(uint32_t of_pair, uint32_t of_address)
{
	struct http_limit_options pair = { of_pair ? of_pair : 1, ATTEMPT_PAIR_NS, PLACES },
	                          peer = { of_address ? of_address : 1, ATTEMPT_PEER_NS, PLACES };
	int error = http_limit_open(&pairs, &pair);
	return error ? error : http_limit_open(&peers, &peer);
}

struct pair {
	struct net_address peer;
	char name[64]; /* zeros behind it; what goes on behind that does not count */
};

/* ---- Turns ---- */

static uint8_t *waiting_of(struct net_address peer)
{
	return &waiting[hash_bytes(&peer, sizeof peer) % PLACES];
}

/* False: too many of this address wait already. */
static bool turn_begin(struct net_address peer)
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

static void turn_end(struct net_address peer)
{
	--*waiting_of(peer);
	busy = task_wake_one(&turn);
}

/* ---- Attempts ---- */

int attempt_log_in(const struct http_exchange *x, const char *name, const char *password,
                   char token[TOKEN_SIZE + 1], uint32_t *seconds)
{
	struct pair pair = { .peer = http_limit_peer(x) };
	struct http_limit_taken of_pair, of_peer;
	memcpy(pair.name, name, strnlen(name, sizeof pair.name));
	uint64_t wait = http_limit_wait(pairs, &pair, sizeof pair),
	         other = http_limit_wait(peers, &pair.peer, sizeof pair.peer);
	if (wait || other) {
		*seconds = (uint32_t)(((wait > other ? wait : other) - 1) / NS_PER_S) + 1;
		return ERR_AGAIN;
	}
	/* Before it is looked at, so that many at once are not all the first. */
	http_limit_take(pairs, &pair, sizeof pair, &of_pair);
	http_limit_take(peers, &pair.peer, sizeof pair.peer, &of_peer);
	int error = ERR_AGAIN;
	*seconds = 1;
	if (turn_begin(pair.peer)) {
		error = model_log_in(name, password, token);
		turn_end(pair.peer);
	}
	if (error != ERR_REFUSED) { /* it was right */
		http_limit_back(pairs, &of_pair);
		http_limit_back(peers, &of_peer);
	}
	return error;
}

int attempt_sign_up(const struct http_exchange *x, const char *name, const char *password,
                    uint32_t *seconds)
{
	struct net_address peer = http_limit_peer(x);
	*seconds = 1;
	if (!turn_begin(peer))
		return ERR_AGAIN;
	int error = model_sign_up(name, password);
	turn_end(peer);
	return error;
}
