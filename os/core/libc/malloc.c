/* SPDX-License-Identifier: ISC */
/* The malloc family: core/heap.h under C's names, and under those that musl's own files use. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include <core/heap.h>

#include "libc.h"

static inline void *checked(void *p)
{
	if (!p)
		errno = ENOMEM;
	return p;
}

LIBC_IMPLICIT void *malloc(size_t size)
{
	return checked(heap_alloc(size));
}

LIBC_IMPLICIT void *calloc(size_t count, size_t size)
{
	return checked(heap_alloc_zero(count, size));
}

LIBC void *realloc(void *p, size_t size)
{
	return checked(heap_resize(p, size));
}

LIBC_IMPLICIT void free(void *p)
{
	heap_free(p);
}

LIBC void *aligned_alloc(size_t align, size_t size)
{
	return checked(heap_alloc_aligned(size, align));
}

LIBC void *memalign(size_t align, size_t size)
{
	return checked(heap_alloc_aligned(size, align));
}

LIBC int posix_memalign(void **to, size_t align, size_t size)
{
	if (align < sizeof(void *) || (align & (align - 1)) != 0)
		return EINVAL;
	void *p = heap_alloc_aligned(size, align);
	if (!p)
		return ENOMEM;
	*to = p;
	return 0;
}

LIBC size_t malloc_usable_size(void *p)
{
	return p ? heap_size(p) : 0;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

LIBC void *__libc_malloc(size_t size)
{
	return malloc(size);
}

LIBC void *__libc_calloc(size_t count, size_t size)
{
	return calloc(count, size);
}

LIBC void *__libc_realloc(void *p, size_t size)
{
	return realloc(p, size);
}

LIBC void __libc_free(void *p)
{
	free(p);
}
