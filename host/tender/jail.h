/* SPDX-License-Identifier: ISC */
/*
 * What `--jail strict` and `--cpus` add to confinement.c: namespaces of users, mounts, processes, network, IPC, host names
 * and control groups; Landlock, where the kernel has it; limits. It fails closed: where something else cannot be had, nothing
 * is run. Strict's limits of memory and processes are a control group's, too, where one can be made below the caller's own:
 * not every user may make one. With `--cpus` it must be.
 *
 * In two steps, because a KVM machine belongs to the process that has made it, and a process namespace to a new process:
 *
 *   jail_enter  once all of the host's devices and files are open: goes on in a new process, in a process namespace and
 *               control group of its own; the old one becomes its monitor
 *   jail_close  once the machine is made: all else
 */
#ifndef TENDER_JAIL_H
#define TENDER_JAIL_H

#include <stdbool.h>

#include <tender/cgroup.h>

struct jail_options {
	bool strict;
	uint32_t cpu_permille; /* of one CPU that it may use; 0: no limit */
};

struct jail {
	bool strict;
	bool no_landlock; /* said by jail_close: this kernel has none, or has it off */
	bool no_group;    /* strict, and no control group could be made */
	unsigned user;    /* that a root's tender becomes; 0: the caller is not root */
	bool has_users;   /* jail_enter has made the namespace of users already */
};

/* Returns in the new process, or in the old one where there is nothing to do. `memory`: bytes that the image may have. -1 with a
 * defect. */
int jail_enter(struct jail *, const struct jail_options *, uint64_t memory, struct defect *why);
int jail_close(struct jail *, struct defect *why);

#endif
