/* SPDX-License-Identifier: ISC */
/* The options that `ampoule run`, `clone` and `standby` have in common, as words of a command line. */
#ifndef AMPOULE_CLI_RUN_H
#define AMPOULE_CLI_RUN_H

#include <cli/standby.h>
#include <tender/tender.h>

/* The last two in this order: a line is what one standby is, or several. */
enum run_verb { RUN, RUN_CLONE, RUN_STANDBY, RUN_STANDBY_LINE };
#define RUN_HELP (-1)

int verb_run(int argc, char **argv);

/* A line's words; they, and what follows, hold until the next call. argv[0] is nobody's. */
struct run_words {
	char *const *files; /* the image or snapshot, or several of these */
	unsigned file_count;
	struct tender_options *options;
	const struct standby_words *standby;
	unsigned count;
};

/* `files`: arguments from files are read, too. 0, or the exit status after a line. */
int run_read_line(int argc, char **argv, bool files, struct run_words *);

#endif
