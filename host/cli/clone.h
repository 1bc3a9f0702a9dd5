/* SPDX-License-Identifier: ISC */
/* `ampoule clone`: the command line of `ampoule run`, with a snapshot in the image's place. */
#ifndef AMPOULE_CLI_CLONE_H
#define AMPOULE_CLI_CLONE_H

#include <cli/detach.h>
#include <tender/tender.h>

/* `file`: a snapshot's path; "-": one on its way, on standard input; "fd:N": it is open there. Returns the exit status. */
int clone_run(struct tender_options *, struct detach *, const char *file, unsigned count);

#endif
