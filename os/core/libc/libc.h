/* SPDX-License-Identifier: ISC */
/* What the files of this folder share: standard C names over core, declared by musl's headers. */
#ifndef CORE_LIBC_H
#define CORE_LIBC_H

#include <stddef.h>
#include <stdint.h>

/* musl declares these for _GNU_SOURCE only. */
void *memrchr(const void *, int, size_t);
void *mempcpy(void *restrict, const void *restrict, size_t);
char *strchrnul(const char *, int);

/*
 * `used`: link-time optimisation may make calls of printf into calls of puts after it has dropped a puts that
 * nobody called; so all bodies stay until the linker collects sections. `no_builtin`: else the loop in memcpy
 * would be recognised as a memcpy.
 */
#if defined(__clang__)
#define LIBC	      __attribute__((used, no_builtin))
#define UNINITIALIZED __attribute__((uninitialized)) /* a large buffer that is written before it is read */
#else
#define LIBC
#define UNINITIALIZED
#endif

#endif
