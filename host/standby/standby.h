/* SPDX-License-Identifier: ISC */
/*
 * Appliances that are not there until somebody asks for them. One process, the waker, holds a descriptor for each, its TAP
 * device or packet socket, with a filter of the kernel's on it. The first frame that passes wakes it: the waker forks, and
 * the child is its tender, finds that frame in the queue and answers it. When it has had nothing to do for a while, it ends,
 * or its state is written back, and the filter and the waker wait again.
 *
 * A child is a fork: it could read what the waker has in memory. So the words of command lines, which may hold secrets, lie in
 * memory that no child has (lines.h); it is given its own.
 */
#ifndef STANDBY_STANDBY_H
#define STANDBY_STANDBY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <standby/filter.h>
#include <standby/roster.h>
#include <standby/source.h>
#include <standby/wire.h>

#define STANDBY_WIRES_MAX 4u          /* network devices of one appliance */
#define STANDBY_WORDS_MAX (64u << 10) /* bytes of a command line */
#define STANDBY_IDLE_MS   30000u
#define STANDBY_AWAKE_MAX 1000u
#define STANDBY_POOL_MAX  64u /* snapshots that one line names */
#define STANDBY_DESCRIPTORS                                                                        \
	64u /* of the waker's own, its first source's, and of one that is being woken */

/* One command line: one standby, or several that differ by their number. */
struct standby_plan {
	struct source *source;      /* the first of the pool: what all of it have in common */
	const struct source **pool; /* which of them a standby is woken from is drawn each time */
	uint32_t pool_count;
	const char *words; /* each with its NUL; in memory that no child has */
	uint32_t words_size;
	uint32_t idle_ms;
	uint64_t stop_ms;   /* what it has to end in */
	const char *folder; /* where its state is kept; null: it has none */
};

struct life;

struct standby {
	const struct standby_plan *plan;
	uint32_t number; /* in its plan */
	uint32_t wire_count;
	struct wire wires[STANDBY_WIRES_MAX]; /* the first one's name is the standby's */
	struct sock_filter *filters[STANDBY_WIRES_MAX];
	uint16_t filter_sizes[STANDBY_WIRES_MAX];
	uint32_t pause_ms; /* before it is tried again; 0: it has not failed */
	uint64_t until;    /* ... and when that is over, ms */
	struct life *life; /* while it is awake */
	/* Its state's file as the waker has written it, which need not be looked through again. */
	dev_t kept_device;
	ino_t kept_inode;
	int64_t kept_at; /* ns since 1970; 0: there is none */
};

/* What whoever is woken begins with, in its own process. */
struct standby_order {
	struct standby *standby;
	const struct source *source; /* what it goes on from, unless it has a state */
	const char *words;           /* a copy of the plan's */
	uint32_t words_size;
	uint64_t *traffic; /* as in struct tender_options */
	int pictures;      /* where it is asked for its state; -1: nowhere */
};

struct standby_wish {
	struct standby *all;
	uint32_t count;
	uint32_t awake_max;
	const char *folder; /* of the appliance in the background; null: it is in the foreground */
	int (*run)(const struct standby_order *); /* becomes the tender: the exit status */
};

/* Serves until it is asked to end: the exit status. */
int standby_serve(const struct standby_wish *);

/* The file that keeps its state, in PATH_MAX bytes. */
void standby_state_path(const struct standby *, const char *suffix, char *path);

#endif
