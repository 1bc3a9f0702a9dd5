/* SPDX-License-Identifier: ISC */
/* Namespaces that the container's process enters. Those of files, processes and users are not among them: a tender makes an
 * empty root and a user of its own (SECURITY.md), and an image names no process. */
#ifndef OCI_SPACES_H
#define OCI_SPACES_H

#include <stdbool.h>

#include <oci/bundle.h>

/* To be called once, before anything else: remembers which network this process was started in. */
void spaces_begin(void);
/* Joins or makes those of the bundle; a new network's loopback goes up. -1 with a defect. */
int spaces_enter(const struct bundle *, struct defect *why);
/* Is this process in the network that the runtime was started in, or in the machine's? */
bool spaces_network_is_own(void);

#endif
