/* SPDX-License-Identifier: ISC */
/* `ampoule clone`: the command line of `ampoule run`, with a snapshot in the image's place. */
#ifndef AMPOULE_CLI_CLONE_H
#define AMPOULE_CLI_CLONE_H

#include <cli/detach.h>
#include <tender/tender.h>

/* Opens what is gone on from, asks whether its image may run, and puts both into the options, whose path is named in messages; once a
 * process. Takes the descriptors; base: of a fork's, or -1. verify: are the sums of its pages looked at? 0, or the exit status after a
 * line. */
int clone_from(struct tender_options *, int fd, int base, bool verify);

/* `file`: a snapshot's path; "-": one on its way, on standard input; "fd:N": it is open there. Returns the exit status. */
int clone_run(struct tender_options *, struct detach *, const char *file, unsigned count);

#endif
