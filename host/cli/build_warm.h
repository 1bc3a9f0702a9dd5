/* SPDX-License-Identifier: ISC */
/* `ampoule build --warm`: the image that was built runs until it says that it is warm (clone_ready), and its snapshot is written
 * beside it. */
#ifndef AMPOULE_CLI_BUILD_WARM_H
#define AMPOULE_CLI_BUILD_WARM_H

#define BUILD_WARM_TIMEOUT "60s" /* unless --warm-timeout says else */

/* `words`: further ones of `ampoule run`'s; `timeout`: its --warm-timeout. NAME.snap is written for NAME.amp. The exit status. */
int build_warm(const char *output, const char *timeout, char **words, int count);

#endif
