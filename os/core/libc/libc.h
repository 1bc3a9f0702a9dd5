/* SPDX-License-Identifier: ISC */
/* Shared by the files of this folder: standard C names over core, declared by musl's headers. */
#ifndef CORE_LIBC_H
#define CORE_LIBC_H

#include <stddef.h>
#include <stdint.h>

/* musl declares these for _GNU_SOURCE only. */
void *memrchr(const void *, int, size_t);
void *mempcpy(void *restrict, const void *restrict, size_t);
char *strchrnul(const char *, int);

/*
 * LIBC: without `no_builtin`, the loop in memcpy would be recognised as a memcpy. LIBC_IMPLICIT is
 * for functions that the compiler calls by itself (printf becomes puts, malloc and memset calloc).
 * Link-time optimisation may do that after it has dropped a puts without callers, so the body stays
 * until the linker collects sections. SMALL_CODE: for size, not speed.
 * LIBC_WEAK: of names that are POSIX's or glibc's and not C's, which an application may have for its own.
 */
#if defined(__clang__)
#define LIBC          __attribute__((no_builtin))
#define LIBC_WEAK     __attribute__((weak, no_builtin))
#define LIBC_IMPLICIT __attribute__((used, no_builtin))
#define UNINITIALIZED                                                                              \
	__attribute__((uninitialized)) /* a large buffer that is written before it is read */
#define SMALL_CODE     _Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)")
#define SMALL_CODE_END _Pragma("clang attribute pop")
#else
#define LIBC
#define LIBC_WEAK
#define LIBC_IMPLICIT
#define UNINITIALIZED
#define SMALL_CODE
#define SMALL_CODE_END
#endif

#endif
