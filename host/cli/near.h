/* SPDX-License-Identifier: ISC */
/* What a wrong word was probably meant to be. */
#ifndef AMPOULE_CLI_NEAR_H
#define AMPOULE_CLI_NEAR_H

#include <stdbool.h>

struct near_word {
	const char *theirs, *ours;
};

/* Our word for one of docker's, or null. */
const char *near_docker(const char *word, const struct near_word *, unsigned count);
/* The nearest of `words` by letters that are wrong, missing, too many or swapped, or the only one that begins so; null if none is
 * near. */
const char *near_find(const char *word, const char *const *words, unsigned count);

#endif
