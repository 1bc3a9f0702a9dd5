/* SPDX-License-Identifier: ISC */
/* What a space's regions are made of: memory of the host's (space_memory.c), or of the machine's (boot/arena.c). */
#ifndef TENDER_SPACE_MEMORY_H
#define TENDER_SPACE_MEMORY_H

#include <tender/space.h>

/* Memory for all regions, which have their places; zero, and untouched where that can be. -1 with a defect. */
int space_memory_take(struct space *, const struct space_need *, struct defect *why);

/* The bytes that the file has of a segment's region. -1 with a defect. */
int space_memory_load(const struct space *, const struct region *, const struct image *,
                      struct defect *why);

/* What the snapshot s->from has of the regions. -1 with a defect. */
int space_memory_restore(struct space *, struct defect *why);

/* Host's memory only. Parts an image of this process's from its base: from here on that stays as it is. Nothing is copied. -1 and
 * errno: nothing has changed. */
int space_memory_part(struct space *);

/* A parted one whose base nobody else has: a step of making it one again. `page_map`: of this process. Else a step of taking the
 * view down. False: there is none left to take. */
bool space_memory_join(struct space *, int page_map);
bool space_memory_drop(struct space *);

#endif
