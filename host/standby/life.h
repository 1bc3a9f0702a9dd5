/* SPDX-License-Identifier: ISC */
/* One standby while it is awake: its process, what it has done lately, and its state on the way to a file. */
#ifndef STANDBY_LIFE_H
#define STANDBY_LIFE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <standby/standby.h>

#define LIFE_NEVER UINT64_MAX

enum life_end { LIFE_GOES_ON, LIFE_ASKED, LIFE_KEPT }; /* kept: its state is being written */

struct life {
	pid_t pid;
	uint64_t *traffic;       /* shared with it, a page */
	uint64_t seen;           /* of traffic, when it was looked at last */
	uint64_t began, changed; /* ms: it was woken; traffic has changed */
	uint64_t look_at;        /* ms: when to look again */
	uint64_t kill_at;
	enum life_end end;
	int pictures; /* -1: none */
	uint64_t again_at, again_ms;
	bool is_written; /* its state is, whole */
};

uint64_t life_now(void); /* ms, CLOCK_MONOTONIC */

/* Forks; `run` becomes the tender. False after a line: it could not be. */
bool life_begin(struct standby *, int (*run)(const struct standby_order *));
/* It has ended: all that was held of it. */
void life_over(struct standby *);
uint64_t life_traffic(const struct life *);

/* Asks it to end, or for its state, which ends it. */
void life_ask(struct standby *);
void life_keep(struct standby *);
/* `pictures` is readable. */
void life_answer(struct standby *);
/* Whatever is due. `stops`: the waker ends. */
void life_turn(struct standby *, uint64_t now, bool stops);
uint64_t life_due(const struct life *);

#endif
