/* SPDX-License-Identifier: ISC */
/* Arenas: chunks from the heap, each twice the size of the one before up to ARENA_CHUNK_MAX, used
 * from low to high. */
#include <stdbool.h>
#include <string.h>

#include <core/arena.h>
#include <core/heap.h>
#include <core/panic.h>

#define ARENA_ALIGN 16u
/* With the heap's own 8 bytes they are whole pages, or an object of 2 KiB. */
#define ARENA_CHUNK_MIN 2032u
#define ARENA_CHUNK_MAX 65520u

struct arena_chunk {
	struct arena_chunk *next; /* the one before it in time */
	size_t size;              /* bytes taken from the heap, this header included */
};
_Static_assert(ARENA_CHUNK_MIN > sizeof(struct arena_chunk) && ARENA_CHUNK_MIN <= ARENA_CHUNK_MAX,
               "the first chunk holds something");
_Static_assert(sizeof(struct arena_chunk) % ARENA_ALIGN == 0, "what follows is aligned");

static void use_chunk(struct arena *a, struct arena_chunk *c)
{
	a->at = (uint8_t *)(c + 1);
	a->end = (uint8_t *)c + c->size;
}

static bool add_chunk(struct arena *a, size_t size)
{
	size_t least, want = ARENA_CHUNK_MIN;
	if (__builtin_add_overflow(size, sizeof(struct arena_chunk), &least))
		return false;
	if (a->chunks)
		want = a->chunks->size < ARENA_CHUNK_MAX / 2 ? 2 * a->chunks->size
		                                             : ARENA_CHUNK_MAX;
	size_t left = a->limit ? a->limit - a->taken : SIZE_MAX;
	if (least > left)
		return false;
	if (want < least)
		want = least;
	if (want > left)
		want = left;
	struct arena_chunk *c = heap_alloc(want);
	if (!c && want > least)
		c = heap_alloc(want = least);
	if (!c)
		return false;
	c->next = a->chunks;
	c->size = want;
	a->chunks = c;
	a->taken += want;
	use_chunk(a, c);
	return true;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t rounded;
	if (__builtin_add_overflow(size, ARENA_ALIGN - 1, &rounded))
		return NULL;
	rounded &= ~(size_t)(ARENA_ALIGN - 1);
	if (rounded == 0)
		rounded = ARENA_ALIGN;
	if (rounded > (size_t)(a->end - a->at) && !add_chunk(a, rounded))
		return NULL;
	void *p = a->at;
	a->at += rounded;
	return p;
}

void *arena_copy(struct arena *a, const void *from, size_t size)
{
	void *p = arena_alloc(a, size);
	if (p && size > 0)
		memcpy(p, from, size);
	return p;
}

/* Gives back all chunks that are newer than `last`. */
static void drop_until(struct arena *a, const struct arena_chunk *last)
{
	while (a->chunks != last) {
		struct arena_chunk *c = a->chunks;
		ensure(c && a->taken >= c->size);
		a->chunks = c->next;
		a->taken -= c->size;
		heap_free(c);
	}
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *first = a->chunks;
	if (!first)
		return;
	while (first->next)
		first = first->next;
	drop_until(a, first);
	use_chunk(a, first);
}

void arena_free(struct arena *a)
{
	drop_until(a, NULL);
	a->at = a->end = NULL;
}
