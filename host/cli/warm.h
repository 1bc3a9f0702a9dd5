/* SPDX-License-Identifier: ISC */
/* `ampoule run --warm FILE`: the image runs until it says that it is warm (clone_ready), and its snapshot is the file. */
#ifndef AMPOULE_CLI_WARM_H
#define AMPOULE_CLI_WARM_H

#include <tender/tender.h>

/* `limit`: ns in which it has to say so; 0: none. */
int warm_run(struct tender_options *, const char *file, uint64_t limit);

#endif
