/* SPDX-License-Identifier: ISC */
/* Opening a device's frame area; what is done once or rarely. The rest is inline in frame.h. */
#include <net/frame.h>

#include <core/error.h>
#include <core/heap.h>

int frame_area_open(struct frames *p, const struct amp_device *device)
{
	uint32_t size = device->frame_size, count = device->frame_count;
	if (size < AMP_FRAME_SIZE || size > AMP_PAGE || (size & (size - 1)) || !count ||
	    !device->frames)
		return ERR_INVALID;
	struct frame *all = heap_alloc_zero(count, sizeof *all);
	if (!all)
		return ERR_MEMORY;
	*p = (struct frames){ .area = (uint8_t *)device->frames,
		              .all = all,
		              .count = count,
		              .free_count = count,
		              .frame_size = size,
		              .shift = (uint32_t)__builtin_ctz(size) };
	for (uint32_t i = count; i-- > 0;) {
		all[i] = (struct frame){ .next = p->free, .frames = p, .index = i };
		p->free = &all[i];
	}
	return OK;
}

uint32_t frame_drop_queue(struct frame *f)
{
	uint32_t n = 0;
	for (struct frame *next; f; f = next, n++) {
		next = f->next;
		f->next = NULL;
		frame_drop(f);
	}
	return n;
}

bool frame_area_is_valid(const struct frames *p)
{
	uint32_t listed = 0, marked = 0;
	for (const struct frame *f = p->free; f; f = f->next) {
		if (f->owner != FRAME_FREE || f->references || listed++ > p->count)
			return false;
	}
	for (uint32_t i = 0; i < p->count; i++) {
		const struct frame *f = &p->all[i];
		if (f->index != i || f->frames != p || f->start + f->size > p->frame_size)
			return false;
		if (f->owner != FRAME_FREE && !f->references)
			return false;
		marked += f->owner == FRAME_FREE;
	}
	return listed == marked && listed == p->free_count;
}
