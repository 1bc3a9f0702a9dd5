/* SPDX-License-Identifier: ISC */
/* base.h's heap (the host's, so that AddressSanitizer watches it), panic and random numbers. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

#include <core/heap.h>
#include <core/panic.h>

uint64_t base_allocations_left = UINT64_MAX, base_allocated;

static bool may_allocate(void)
{
	if (!base_allocations_left)
		return false;
	base_allocations_left -= base_allocations_left != UINT64_MAX;
	return true;
}

void *heap_alloc(size_t size)
{
	void *p = may_allocate() ? malloc(size) : NULL;
	base_allocated += p != NULL;
	return p;
}

void *heap_resize(void *p, size_t size)
{
	void *q = may_allocate() ? realloc(p, size) : NULL;
	base_allocated += !p && q;
	return q;
}

void heap_free(void *p)
{
	base_allocated -= p != NULL;
	free(p);
}

void panic(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	abort();
}

uint64_t random_next(struct random *r)
{
	uint64_t z = r->state +=
	        0x9e3779b97f4a7c15u; /* splitmix64 (Steele, Lea, Flood: OOPSLA 2014) */
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t random_below(struct random *r, uint32_t bound)
{
	return (uint32_t)(random_next(r) % bound);
}

bool random_chance(struct random *r, uint32_t per_million)
{
	return random_below(r, 1000000) < per_million;
}
