/* SPDX-License-Identifier: ISC */
#ifndef BOOT_ARENA_H
#define BOOT_ARENA_H

#include <boot/platform.h>

/* What there is for the image; its place is a multiple of 2 MiB. */
void arena_set(const struct range *);

#endif
