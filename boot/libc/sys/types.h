/* SPDX-License-Identifier: ISC */
#ifndef LIBC_SYS_TYPES_H
#define LIBC_SYS_TYPES_H

typedef long ssize_t;

#endif
