/* SPDX-License-Identifier: ISC */
/* What a process and its descendants use of the host, from /proc. */
#ifndef AMPOULE_CLI_USE_H
#define AMPOULE_CLI_USE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct use_process;
struct use_table {
	struct use_process *processes; /* all of the host, by parent */
	unsigned count;
};
struct use_table use_read(void);

struct use {
	uint64_t ticks;  /* of CPU, user and system */
	uint64_t memory; /* bytes that are resident */
	uint64_t private,
	        shared; /* of that, as far as this user may know: what it alone has, and what others have, too */
	unsigned processes;
};
/* The supervisor of an appliance, and whatever descends from it: the tender, a sandbox, a network. Pages: private and shared. */
struct use use_of(const struct use_table *, pid_t root, bool pages);

#endif
