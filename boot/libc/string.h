/* SPDX-License-Identifier: ISC */
/* Of the C library, what the boot kernel and the tender's own files need. Copies are of what is there, none is faster than `rep`. */
#ifndef LIBC_STRING_H
#define LIBC_STRING_H

#include <stddef.h>

void *memcpy(void *restrict, const void *restrict, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
void *memchr(const void *, int, size_t);
size_t strlen(const char *);
size_t strspn(const char *text, const char *accepted);
size_t strcspn(const char *text, const char *stops);
size_t strnlen(const char *, size_t);
int strcmp(const char *, const char *);
int strncmp(const char *, const char *, size_t);
char *strchr(const char *, int);
void explicit_bzero(void *, size_t);
const char *strerror(int);
const char *sigabbrev_np(int);

#endif
