/* SPDX-License-Identifier: ISC */
/*
 * What each file of the work folder was made of. Times decide nothing: a source may come with an older one (cp -p, rsync -a,
 * tar). Each build first removes what was made of something else than what is there now, by another build that was
 * interrupted among others; ninja then makes what is missing, and what a changed command or that makes necessary.
 */
#ifndef BUILD_RECORD_H
#define BUILD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <builder/plan.h>

/* Proves, where it is unchanged, that a file's content is: nobody can set the time of change back. */
struct identity {
	uint64_t inode, size;
	int64_t modified, changed; /* ns since 1970 */
};

/* False and errno if there is no such file. */
bool identity_of(const char *path, struct identity *);
/* One line of text without its end. */
const char *identity_text(const struct identity *);

struct record;

/* Removes each output of the plan that is missing an input, or was made of other contents, or has no record. */
struct record *record_check(const struct plan *);
/* ninja has ended, well or not: what it made is recorded. Ends the process if that cannot be written. */
void record_write(struct record *, const struct plan *);

#endif
