/* SPDX-License-Identifier: ISC */
/* What a space's regions are made of: memory of the host's (space_memory.c), or of the machine's (boot/arena.c). */
#ifndef TENDER_SPACE_MEMORY_H
#define TENDER_SPACE_MEMORY_H

#include <tender/space.h>

/* Memory for all regions, which have their places; zero, and untouched where that can be. -1 with a defect. */
int space_memory_take(struct space *, bool heap_shared, struct defect *why);

/* The bytes that the file has of a segment's region. -1 with a defect. */
int space_memory_load(const struct space *, const struct region *, const struct image *,
                      struct defect *why);

/* What the snapshot s->from has of the regions. -1 with a defect. */
int space_memory_restore(struct space *, struct defect *why);

#endif
