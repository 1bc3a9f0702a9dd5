/* SPDX-License-Identifier: ISC */
/* What `ampoule inspect` gives up before it looks at the first hostile byte. */
#ifndef CLI_INSPECT_SEAL_H
#define CLI_INSPECT_SEAL_H

/* All files are open. From here on the process reads them, writes to its console, and gets memory: it opens nothing, and
 * can neither start nor signal another process. Ends the process where the host has no seccomp: nothing is read then. */
void inspect_seal(void);

#endif
