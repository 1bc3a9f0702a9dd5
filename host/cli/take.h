/* SPDX-License-Identifier: ISC */
/* A picture of an appliance in the background, asked of its supervisor. */
#ifndef AMPOULE_CLI_TAKE_H
#define AMPOULE_CLI_TAKE_H

#include <tender/defect.h>

#define TAKE_SNAPSHOT "snapshot"
#define TAKE_AND_STOP "snapshot 1"
#define TAKE_FOR_FORK "snapshot 2"

/* In the file `fd`, of the appliance in `folder`; *base: what a fork needs beside it, or -1; may be null. 0, or -1 with a defect. */
int take_picture(int folder, const char *request, int fd, unsigned long long *pause_us, int *base,
                 struct defect *why);

#endif
