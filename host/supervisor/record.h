/* SPDX-License-Identifier: ISC */
/* What is known of an appliance in the background, as `state.json`: written beside and renamed, so that a reader sees the old or
 * the new one. Only whoever holds the folder's lock writes it. */
#ifndef SUPERVISOR_RECORD_H
#define SUPERVISOR_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <supervisor/place.h>
#include <supervisor/restart.h>
#include <ampoule_abi.h>

#define RECORD_ID_SIZE   13u /* 12 hexadecimal digits and a NUL */
#define RECORD_PORTS_MAX 16u

enum record_status {
	RECORD_STARTING,
	RECORD_RUNNING,
	RECORD_STOPPING,
	RECORD_RESTARTING,
	RECORD_EXITED
};

/* A process, by number and by when it was started (proc(5), stat's field 22): the number alone is another's one day. */
struct record_process {
	pid_t pid;
	uint64_t start;
};

struct record {
	char id[RECORD_ID_SIZE], name[PLACE_NAME_MAX];
	const char *image;        /* as given */
	const char *folder;       /* the one that it was started in */
	uint64_t generation;      /* 0: it is no clone; */
	const char *parent;       /* ... else the id of the snapshot that it goes on from */
	const char *project;      /* of `ampoule up`; null: none */
	const char *const *ports; /* -p's, as given */
	unsigned port_count;
	enum record_status status;
	struct restart restart;
	uint32_t restarts;                        /* how often it was started anew */
	int exit_status;                          /* the last one's; -1: none has ended */
	int64_t created, started, finished;       /* ns since 1970; 0: not yet */
	uint64_t stop_ms;                         /* what it has to end in when it is asked to */
	struct record_process supervisor, tender; /* pid 0: none */
	const char *health;                       /* what is asked; null: nothing */
	struct amp_note_health health_times;      /* how often, and how long it may take */
	uint32_t watchdog_ms;                     /* 0: none */
	const char *health_status;                /* "starting", "healthy", "unhealthy" */
};

/* Both folders' paths are relative to the descriptor. -1: errno says why. */
int record_write(int folder, const struct record *);

/* Of a process that is there; start 0: it is not. */
struct record_process record_process(pid_t pid);
int64_t record_now(void); /* ns since 1970 */

#endif
