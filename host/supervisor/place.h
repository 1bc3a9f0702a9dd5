/* SPDX-License-Identifier: ISC */
/*
 * Where appliances in the background keep their state: a folder of the user's, and in it one for each appliance, which bears
 * its name. Its file `lock` is held with flock(2) by the supervisor as long as that lives: nobody has to trust a process
 * number to know. A folder whose lock is free belongs to what has ended, or to what was lost.
 */
#ifndef SUPERVISOR_PLACE_H
#define SUPERVISOR_PLACE_H

#include <stdbool.h>

#include <tender/defect.h>

#define PLACE_NAME_MAX 64u /* bytes of an appliance's name, its NUL included */
#define PLACE_PATH_MAX 4096u

#define PLACE_LOCK  "lock"
#define PLACE_STATE "state.json"
#define PLACE_WORDS                                                                                \
	"words" /* the folder it was started in, then the words that start it anew, each with its NUL */
#define PLACE_LOG     "log"
#define PLACE_OLD_LOG "log.1"
#define PLACE_CONTROL "control"
#define PLACE_NOTIFY  "notify"
#define PLACE_ROSTER  "standbys" /* of `ampoule standby`: standby/roster.h */

#define PLACE_VARIABLE "AMPOULE_FOLDER" /* environment of a tender: its appliance's folder */

/* [a-zA-Z0-9][a-zA-Z0-9_.-]*, as docker's, up to PLACE_NAME_MAX - 1 bytes. */
bool place_name_is_valid(const char *);

/* The user's folder, $XDG_RUNTIME_DIR/ampoule, /run/ampoule of root, else /tmp/ampoule-UID, and its path in PLACE_PATH_MAX
 * bytes. It is made if it is missing and `make` says so. A descriptor; -1 with a defect, or -1 without one (an empty text) if
 * there is none. One that somebody else owns or may write to is refused. */
int place_open(bool make, char *path, struct defect *);

/* Makes the folder of a new appliance and takes its lock. It appears under its name with the lock held, or not at all. With
 * `replace` the folder of one that has ended is taken over, its log included. 0 with both descriptors; -1 with a defect. */
int place_take(int root, const char *name, bool replace, int *folder, int *lock, struct defect *);

/* The folder of `name` in `root`, -1 if there is none. */
int place_folder(int root, const char *name);

/* Takes the lock of a folder: its descriptor, or -1 if somebody holds it (EWOULDBLOCK), or it is gone (ENOENT). With `wait` it
 * waits for its turn. */
int place_lock(int folder, bool wait);

/* Does somebody hold it? Looks without taking it. */
bool place_is_held(int folder);

/* Deletes a folder whose lock the caller holds. */
int place_remove(int root, const char *name, int folder);

#endif
