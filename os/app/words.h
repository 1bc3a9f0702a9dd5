/* SPDX-License-Identifier: ISC */
/*
 * Words of a compiler's command line that stand in a file. A command line has room for some 128 KiB, so `ampoule build`
 * gives longer lists as the one word --words=FILE: a word a line, as it is. For build tools.
 */
#ifndef APP_WORDS_H
#define APP_WORDS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_SWITCH "--words="

struct words {
	char **at;
	size_t count, room;
};

static inline void words_add(struct words *w, char *word)
{
	if (w->count + 1 >= w->room) {
		w->room = w->room ? 2 * w->room : 64;
		w->at = realloc(w->at, w->room * sizeof *w->at);
	}
	if (!w->at || !word) {
		fputs("out of memory\n", stderr);
		exit(1);
	}
	w->at[w->count++] = word;
	w->at[w->count] = NULL;
}

static inline void words_read(struct words *w, const char *file)
{
	FILE *f = fopen(file, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while (f && (n = getline(&line, &room, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = 0;
		words_add(w, strdup(line));
	}
	free(line);
	if (!f || ferror(f)) {
		fprintf(stderr, WORDS_SWITCH "%s: %s\n", file, strerror(errno));
		exit(1);
	}
	fclose(f);
}

/* The arguments of main() with such files' words in their places. What it allocates lasts as long as the program. */
static inline void words_expand(int *argc, char ***argv)
{
	static struct words all;

	for (int k = 0; k < *argc; k++) {
		if (k && strncmp((*argv)[k], WORDS_SWITCH, strlen(WORDS_SWITCH)) == 0)
			words_read(&all, (*argv)[k] + strlen(WORDS_SWITCH));
		else
			words_add(&all, (*argv)[k]);
	}
	*argc = (int)all.count;
	*argv = all.at;
}

#endif
