/* SPDX-License-Identifier: ISC */
/* Runs after main and after every other handler of exit(), since it was asked for first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <cli/output.h>

static const char *program;
static char room
        [64u << 10]; /* a text that fits is written at once, so that an error is known to check() */

static void check(int status, void *unused)
{
	(void)unused;
	/* An earlier piece may be the one that was lost, of an error long forgotten. */
	int lost = ferror(stdout);
	errno = 0;
	if (!fflush(stdout) && !lost)
		return;
	fprintf(stderr, "%s: the output cannot be written: %s\n", program,
	        errno ? strerror(errno) : "not all of it was taken");
	_exit(status ? status : AMP_EXIT_TENDER);
}

void output_watch(const char *name)
{
	if (!program) {
		on_exit(check, NULL);
		if (!isatty(1))
			setvbuf(stdout, room, _IOFBF, sizeof room);
	}
	program = name;
}
