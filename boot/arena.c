/* SPDX-License-Identifier: ISC */
/* The image's memory: a piece of the machine's. What the image finds there has to be zero, and what lay there before is not: all
 * but stacks and heap (lazy.h), and the frames, of which nobody expects it, is cleared here. */
#include <string.h>

#include <boot/arena.h>
#include <tender/image_file.h>
#include <tender/space_memory.h>

static struct range room;

void arena_set(const struct range *r)
{
	room = *r;
}

int space_memory_take(struct space *s, const struct space_need *need, struct defect *why)
{
	(void)need;
	if (s->arena_size > room.size)
		return defect_set(why, "needs %llu MiB of memory, and the machine has %llu for it",
		                  (unsigned long long)(s->arena_size >> 20),
		                  (unsigned long long)(room.size >> 20));
	s->arena_at = room.at;
	s->arena = (uint8_t *)room.at;
	memset(s->arena + s->tables_at, 0, s->tables_size);
	for (uint32_t i = 0; i < s->region_count; i++) {
		struct region *r = &s->regions[i];
		r->host = s->arena + r->physical;
		if (r->kind != REGION_STACKS && r->kind != REGION_HEAP && r->kind != REGION_FRAMES)
			memset(r->host, 0, r->size);
	}
	return 0;
}

int space_memory_load(const struct space *s, const struct region *r, const struct image *image,
                      struct defect *why)
{
	const struct image_segment *g = &image->segments[r->index];
	(void)s;
	return image_read(image, r->host, g->file_size, g->file_offset, why);
}

/* Nothing makes a space of a snapshot here. */
int space_memory_restore(struct space *s, struct defect *why)
{
	(void)s;
	return defect_set(why, "is of a snapshot, which this kernel does not take");
}

void space_free(struct space *s)
{
	memset(s, 0, sizeof *s);
}
