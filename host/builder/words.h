/* SPDX-License-Identifier: ISC */
/* The names that a library of one's own gives to the rest of an image: each begins with one of its words, as in the SDK, so that
 * libraries and applications do not meet each other's. */
#ifndef BUILD_WORDS_H
#define BUILD_WORDS_H

#include <builder/plan.h>
#include <builder/report.h>

/* Once all is compiled. Each name without a word is in the report. */
void words_check(const struct plan *, struct report *);

#endif
