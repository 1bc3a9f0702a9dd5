/* SPDX-License-Identifier: ISC */
/* Descriptors 1 and 2 are the console. */
#ifndef LIBC_UNISTD_H
#define LIBC_UNISTD_H

#include <stddef.h>
#include <sys/types.h>

ssize_t write(int, const void *, size_t);

#endif
