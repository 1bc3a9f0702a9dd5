/* SPDX-License-Identifier: ISC */
/* Everything wrong with the input, collected, then printed in one go: FILE:LINE:COLUMN: what, what
 * to do. */
#ifndef BUILD_REPORT_H
#define BUILD_REPORT_H

#include <stdio.h>

struct report_entry;
struct report {
	struct report_entry **entries;
	unsigned count;
};

/* Line and column count from 1; 0 leaves them out: the column alone, or both. */
__attribute__((format(printf, 5, 6))) void report_at(struct report *, const char *file, int line,
                                                     int column, const char *format, ...);
/* By file in order of first mention, line, column; returns how many there were. */
unsigned report_print(const struct report *, FILE *);

#endif
