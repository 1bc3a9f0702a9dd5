/* SPDX-License-Identifier: ISC */
/* Packages of the system, as pkg-config describes them: what their headers need, where these lie, which archives they are. */
#ifndef BUILD_PACKAGE_H
#define BUILD_PACKAGE_H

#include <builder/foreign.h>

/* Adds the package to what sources are made with. Mistakes are reported at the node. */
void package_read(struct foreign *, const struct input *, const struct node *, const char *name,
                  const struct library *, bool threads_fail);

#endif
