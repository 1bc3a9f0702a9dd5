/* SPDX-License-Identifier: ISC */
/* Memory is taken for the whole of a run: free gives nothing back. */
#ifndef LIBC_STDLIB_H
#define LIBC_STDLIB_H

#include <stddef.h>

_Noreturn void abort(void);
void *malloc(size_t);
void free(void *);
void qsort(void *, size_t count, size_t size, int (*)(const void *, const void *));

#endif
