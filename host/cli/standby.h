/* SPDX-License-Identifier: ISC */
/* `ampoule standby`: its own options, and its standbys from the command line or from a file. */
#ifndef AMPOULE_CLI_STANDBY_H
#define AMPOULE_CLI_STANDBY_H

#include <cli/detach.h>
#include <standby/standby.h>
#include <tender/tender.h>

extern const char standby_help[]; /* the head of its --help */

struct standby_words {
	const char *file;   /* of lines; null: none */
	const char *folder; /* --keep-state */
	uint32_t idle_ms, awake_max;
	uint64_t hold;                       /* bytes */
	const char *wakes[FILTER_ADDRESSES]; /* --wake */
	unsigned wake_count;
};

/* Takes the option with getopt's letter c. Of one line: some are not. 0, or an exit status after a line. */
int standby_take(struct standby_words *, int c, const char *value, bool is_line);
/* The exit status. */
int standby_run(int argc, char **argv, struct tender_options *, struct detach *,
                const struct standby_words *);

#endif
