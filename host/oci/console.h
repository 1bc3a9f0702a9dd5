/* SPDX-License-Identifier: ISC */
/* The terminal of a container that has one. */
#ifndef OCI_CONSOLE_H
#define OCI_CONSOLE_H

#include <oci/bundle.h>

/* Makes one, sends its master to whoever listens on `socket_path`, and returns the other end; -1 with a defect. */
int console_make(const struct bundle *, const char *socket_path, struct defect *why);
/* In the container's process: it is the session's, and the standard descriptors. */
int console_take(int fd, struct defect *why);

#endif
