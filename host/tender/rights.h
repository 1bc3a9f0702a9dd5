/* SPDX-License-Identifier: ISC */
/* A message over a Unix socket, with a descriptor beside it (unix(7), SCM_RIGHTS). Nothing is allocated. */
#ifndef TENDER_RIGHTS_H
#define TENDER_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* fd -1: none beside it. `flags`: sendmsg's. False, with errno: it was not sent. */
bool rights_send(int socket, const void *bytes, size_t size, int fd, int flags);
/* As recvmsg; *fd: the caller's from here on, -1: none came. */
ssize_t rights_receive(int socket, void *bytes, size_t size, int *fd, int flags);

#endif
