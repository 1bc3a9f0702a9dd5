/* SPDX-License-Identifier: ISC */
/* A list of words that grows: a command line. Out of memory ends the process: nothing has been changed by then. */
#ifndef OCI_WORDS_H
#define OCI_WORDS_H

struct words {
	char **all; /* with a null behind them */
	unsigned count;
};

__attribute__((format(printf, 2, 3))) void words_add(struct words *, const char *format, ...);

#endif
