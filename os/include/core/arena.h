/* SPDX-License-Identifier: ISC */
/* Memory by lifetime: many allocations, one release. Chunks come from the heap; reset keeps the first one for reuse. */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* the newest first */
	uint8_t *at, *end;          /* free bytes of the newest */
	size_t limit;               /* bytes that it may take from the heap in all; 0: no limit */
	size_t taken;
};

#define ARENA_INIT(limit_) { .limit = (limit_) }

void *arena_alloc(struct arena *,
                  size_t size); /* aligned to 16; null when heap or limit is exhausted */
void *arena_copy(struct arena *, const void *from, size_t size);
void arena_reset(struct arena *); /* releases all allocations, keeps the first chunk */
void arena_free(struct arena *);  /* releases everything */

#endif
