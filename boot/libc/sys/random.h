/* SPDX-License-Identifier: ISC */
/* random.c: never short once random_begin has found a source. */
#ifndef LIBC_SYS_RANDOM_H
#define LIBC_SYS_RANDOM_H

#include <stddef.h>
#include <sys/types.h>

ssize_t getrandom(void *, size_t, unsigned);

#endif
