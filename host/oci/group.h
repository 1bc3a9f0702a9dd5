/* SPDX-License-Identifier: ISC */
/* The container's control group (config-linux.md, Control groups), by version 2 or version 1. */
#ifndef OCI_GROUP_H
#define OCI_GROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <oci/bundle.h>

struct group_limits {
	uint64_t memory;        /* bytes; 0: none */
	uint64_t quota, period; /* µs of CPU in each period; 0: none */
	uint64_t shares;        /* version 1's; 0: none */
	uint64_t processes;     /* 0: none */
};

int group_limits(struct group_limits *, const struct bundle *, struct defect *why);

/* Where it is below each hierarchy: linux.cgroupsPath, as a path or in systemd's form SLICE:PREFIX:NAME; else a place of our
 * own. */
int group_path(char to[PATH_MAX], const struct bundle *, const char *id, bool systemd,
               struct defect *why);

/* Makes it with the limits and moves the process there. *none: this user may not make any, and nothing has been made. */
int group_enter(const char *path, const struct group_limits *, pid_t pid, bool *none,
                struct defect *why);
/* Is there one at that path already, of somebody's? */
bool group_is_there(const char *path);
/* Once its processes have ended; those that have not a while later are killed. */
void group_remove(const char *path);

#endif
