/* SPDX-License-Identifier: ISC */
/*
 * The process that stays outside of a jail: it waits for the one inside, passes signals on to it, removes its control group,
 * and ends as it ended. It holds nothing else, and may call nothing else.
 */
#ifndef TENDER_MONITOR_H
#define TENDER_MONITOR_H

#include <sys/types.h>

#include <tender/cgroup.h>

/* Before the fork: signals wait from here on. In the child they come again by monitor_release. */
void monitor_hold(void);
void monitor_release(void);

/* Does not return. Gives up all descriptors but the standard ones and the group's. */
_Noreturn void monitor_run(pid_t child, struct cgroup *);

#endif
