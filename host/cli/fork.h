/* SPDX-License-Identifier: ISC */
#ifndef AMPOULE_CLI_FORK_H
#define AMPOULE_CLI_FORK_H

#define FORK_ELSEWHERE (-1) /* nobody of this name runs: ampoule-daily knows more */

/* The words of `ampoule fork`. The exit status, or FORK_ELSEWHERE. */
int verb_fork(int argc, char **argv);

#endif
