/* SPDX-License-Identifier: ISC */
/* One line that says what is wrong. Functions that can fail fill one and return -1; the caller
 * prints it once. */
#ifndef TENDER_DEFECT_H
#define TENDER_DEFECT_H

struct defect {
	char text
	        [1000]; /* as much as say prints of it: a path may be long, and the remedy comes last */
};

/* Fills the line; always returns -1, so that a check reads `return defect_set(why, ...)`. Control
 * characters are written as '?', since parts of the text come from an image. */
__attribute__((format(printf, 2, 3))) int defect_set(struct defect *, const char *format, ...);

/* Prints "ampoule: ..." on standard error with one write. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

#endif
