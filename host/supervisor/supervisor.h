/* SPDX-License-Identifier: ISC */
/*
 * The supervisor of one appliance in the background: what conmon is to Podman. There is no daemon. It holds the folder's lock,
 * starts the tender and starts it anew, keeps the log, asks for its health, and does what control.h says. It is outside of
 * every seal, and the appliance's output is all that it reads of it.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include <supervisor/health.h>
#include <supervisor/record.h>

#define SUPERVISOR_STOP_MORE_MS 2000u /* beyond what the image has to end in; then it is killed */
#define SUPERVISOR_START_MAX_MS                                                                    \
	30000u /* a start that takes longer is answered as one that goes on */

struct supervisor_order {
	struct record record;
	int root, folder, lock; /* place.h's */
	const char *root_path;
	char *const *words; /* of the tender: "ampoule", "run", ... */
	char *const *
	        again; /* the words that start it anew as it is now, in front of `words` from the third on */
	uint64_t log_size;
	struct health health;
	bool remove; /* the folder goes when it has ended */
};

/* Starts it as a process of its own, and comes back when the image has started or could not be. 0: it has; else the exit
 * status that tells why it could not, which has been said on standard error, and nothing is left. */
int supervisor_start(struct supervisor_order *);

#endif
