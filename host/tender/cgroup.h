/* SPDX-License-Identifier: ISC */
/*
 * A control group for one run: version 2's, or version 1's where these controllers are there. It is made below the caller's
 * own, and goes when the run ends. Where limits must be had, and the caller's own group hands no controllers down (one of
 * version 2 that has processes does not), it is made below the next group outwards that does.
 */
#ifndef TENDER_CGROUP_H
#define TENDER_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <tender/defect.h>

struct cgroup_limits {
	uint32_t cpu_permille; /* of one CPU; 0: no limit */
	uint32_t processes;    /* threads and processes; 0: no limit */
	uint64_t memory;       /* bytes; 0: no limit */
};

#define CGROUP_CONTROLLERS 3u

struct cgroup {
	uint32_t count; /* groups: one, or one a controller */
	struct {
		int parent; /* the folder that it is in */
		int enter;  /* to be written by who enters */
		int into;   /* the group, of version 2: for processes that begin there; or -1 */
	} groups[CGROUP_CONTROLLERS];
	char name[32];
};

/* Makes the group. must: with all of these limits, or -1 with a defect, and nothing is left behind. Else with those that can
 * be had below the caller's own group; perhaps none. `root`: what lies before /proc and /sys, "" but in tests. */
int cgroup_make(struct cgroup *, const char *root, const struct cgroup_limits *, bool must,
                struct defect *why);
/* fork() into the group; the caller has one thread. -1 with errno. */
pid_t cgroup_fork(struct cgroup *);
/* The rest of the way, and nothing stays open: to be called in the new process. */
int cgroup_enter(struct cgroup *, struct defect *why);
/* By another process, once all in it have ended; waits a little for that. Calls unlinkat and nanosleep alone. */
void cgroup_remove(struct cgroup *);

#endif
