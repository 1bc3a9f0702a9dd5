/* SPDX-License-Identifier: ISC */
/* Where the image's file is. */
#ifndef BOOT_MODULE_H
#define BOOT_MODULE_H

#include <boot/platform.h>

void module_set(const struct range *);

#endif
