/* SPDX-License-Identifier: ISC */
/*
 * The folder of a container, ROOT/ID: state.json, which is replaced as a whole; `start` and `begun`, FIFOs that are there until
 * the container has been started; nodes of block devices. The folder is locked while a verb works on it: what a killed runtime
 * left half made is told by the lock that nobody holds.
 */
#ifndef OCI_STATE_H
#define OCI_STATE_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include <tender/defect.h>

#define STATE_START  "start"
#define STATE_BEGUN  "begun"
#define STATE_ID_MAX 255u

enum status { CREATING, CREATED, RUNNING, STOPPED };
extern const char *const status_names[];

struct state {
	char folder[PATH_MAX];
	const char *id; /* the caller's */
	int lock;       /* descriptor of the folder */
	json_t *json;   /* owned; null: there is none yet */
	pid_t pid;      /* of the container's process; 0: none yet */
	enum status status;
};

bool state_is_id(const char *id);
int state_check_id(const char *id, struct defect *why);

/* Makes the folder, locked. -1 with a defect, as for one that is there. */
int state_make(struct state *, const char *root, const char *id, struct defect *why);
/* Opens and locks it; waits for the verb that works on it. */
int state_open(struct state *, const char *root, const char *id, struct defect *why);
/* As it is now, without waiting: for those who only tell. */
int state_look(struct state *, const char *root, const char *id, struct defect *why);
/* Replaces state.json by `json`, which it takes. */
int state_save(struct state *, json_t *json, struct defect *why);
/* The folder goes with all in it. */
void state_remove(struct state *);
void state_close(struct state *);

/* What `state` prints and hooks read (runtime.md, State). The caller's. */
json_t *state_told(const struct state *);

#endif
