/* SPDX-License-Identifier: ISC */
/*
 * A file of standbys: a line each, with the words that `ampoule standby` takes. Words stand apart by blanks; "..." and '...'
 * keep blanks, and a backslash before a sign takes that for itself. Empty lines and those that begin with # are none. What is
 * read lies in memory that no child of this process has.
 */
#ifndef STANDBY_LINES_H
#define STANDBY_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>

#define LINES_BYTES_MAX (64u << 20)
#define LINES_WORDS_MAX 512u /* of one line */

struct lines {
	char *at, *end;
	uint32_t number; /* of the line that lines_next has found, from 1 on */
};

/* -1 with a defect, which names the file. */
int lines_open(struct lines *, const char *path, struct defect *why);
/* The next line's words, each with its NUL, one behind the other. 1; 0: there is none; -1 with a defect. */
int lines_next(struct lines *, char **words, uint32_t *size, struct defect *why);

/* Words of another place in the same kind of memory: null: there is none left. */
char *lines_keep(char *const *words, int count, uint32_t *size);
/* As an array, a null behind it: how many. */
int lines_split(char *words, uint32_t size, char *to[LINES_WORDS_MAX + 1]);

#endif
