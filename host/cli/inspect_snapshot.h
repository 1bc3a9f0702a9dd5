/* SPDX-License-Identifier: ISC */
/* `ampoule inspect` of a snapshot. */
#ifndef CLI_INSPECT_SNAPSHOT_H
#define CLI_INSPECT_SNAPSHOT_H

#include <stdbool.h>

/* Does the open file begin as one? */
bool inspect_is_snapshot(int fd);
/* Checks and prints all of it; takes the descriptor. The exit status. */
int inspect_snapshot(int fd, const char *path, bool json);

#endif
