/* SPDX-License-Identifier: ISC */
/* One line that says what is wrong. Functions that can fail fill one and return -1; the caller
 * prints it once. */
#ifndef TENDER_DEFECT_H
#define TENDER_DEFECT_H

struct defect {
	char text
	        [1000]; /* as much as say prints of it: a path may be long, and the remedy comes last */
};

/* Writes '?' over each byte of what a terminal might do more for than show a sign; returns the text. For all that comes from
 * an image and is printed. What is left is UTF-8. */
char *defect_clean(char *text);

/* Fills the line, which is cleaned; always returns -1, so that a check reads `return defect_set(why, ...)`. */
__attribute__((format(printf, 2, 3))) int defect_set(struct defect *, const char *format, ...);

#ifndef SAY_PREFIX /* the boot kernel has its own */
#define SAY_PREFIX "ampoule run: "
#endif
/* "ampoule run: ", unless say_as has said otherwise: at most SAY_PREFIX_MAX bytes, its NUL included. */
#define SAY_PREFIX_MAX 48u
extern char say_prefix[SAY_PREFIX_MAX];
void say_as(const char *verb);

/* Prints that and a line on standard error with one write. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

#endif
