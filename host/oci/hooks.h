/* SPDX-License-Identifier: ISC */
/* Hooks of a bundle (config.md, POSIX-platform Hooks). */
#ifndef OCI_HOOKS_H
#define OCI_HOOKS_H

#include <oci/bundle.h>
#include <oci/state.h>

/* Runs those of `kind` in order, each with the state on its standard input. -1 with a defect at the first that fails. */
int hooks_run(const struct bundle *, const char *kind, const struct state *, struct defect *why);
/* All of them, whatever they do: a failure is a warning. */
void hooks_run_all(const struct bundle *, const char *kind, const struct state *);

#endif
