/* SPDX-License-Identifier: ISC */
/*
 * Between a valid note and a machine or process that can run: what is needed is added up, the space is made, boot
 * information is filled in, devices are placed. Everything here may be missing in a valid image: heap, rings, frames,
 * devices, arguments. tests/fuzz/setup.c makes such images.
 */
#include <tender/layout.h>
#include <tender/sandbox.h>

/* What follows it among the rings begins a page. */
#define SECRETS_ROOM ((sizeof(struct amp_secrets) + AMP_PAGE - 1) / AMP_PAGE * AMP_PAGE)
_Static_assert(SANDBOX_CONTROL_SIZE % 8 == 0, "versions of secrets are aligned");

static struct space_need need_of(const struct image *image, const struct devices *devices,
                                 enum space_kind kind, const struct snapshot *from)
{
	struct space_need need = { .from = from,
		                   .boot = boot_size(image),
		                   .rings = kind == SPACE_CHILD ? SANDBOX_CONTROL_SIZE : 0 };
	devices_need(devices, kind, &need);
	return need;
}

uint64_t layout_beside_heap(const struct image *image, const struct devices *devices)
{
	const struct space_need need = need_of(image, devices, SPACE_GUEST, NULL);
	uint64_t sum = image_stacks_size(image) + need.boot + need.rings;
	for (uint32_t i = 0; i < image->segment_count; i++)
		sum += image->segments[i].size;
	for (uint32_t i = 0; i < image->note.device_count; i++)
		sum += need.frames[i] + need.queues[i];
	return sum;
}

int layout_make(struct layout *l, const struct layout_wish *w, struct defect *why)
{
	struct space_need need = need_of(w->image, w->devices, w->kind, w->from);
	need.heap = w->heap;
	need.secrets = w->from ? boot_secrets_size(w->image, w->args) : 0;
	/* Where the host gives private memory large pages unasked, a file's small ones would cost the image more than copies do. */
	need.base = w->forks && !w->from && !need.heap_needed && need.heap >= SPACE_BASE_MIN &&
	            space_sharing_is_free();
	need.heap_shared |= need.base && w->kind == SPACE_CHILD;
	const uint64_t control = w->kind == SPACE_CHILD ? SANDBOX_CONTROL_SIZE : 0;
	const uint64_t box = w->renews ? SECRETS_ROOM : 0;
	need.rings += box;
	if (space_make(&l->space, w->kind, w->image, &need, why))
		return -1;
	l->boot = boot_fill(&l->space, w->image, w->args, w->tender, w->log_level, &l->views);
	if (w->moved)
		l->boot->flags |= AMP_BOOT_MOVED;
	l->secrets = NULL;
	if (w->renews) {
		const struct region *rings = space_region(&l->space, REGION_RINGS, 0);
		l->secrets = (struct amp_secrets *)(rings->host + control);
		l->boot->secrets = rings->at + control;
	}
	const struct devices_room room = { .space = &l->space,
		                           .rings_used = control + box,
		                           .boot_used = boot_size(w->image),
		                           .views = l->views,
		                           .boot = l->boot,
		                           .words = boot_words(&l->space, w->image),
		                           .concurrent = w->concurrent };
	if (!devices_place(w->devices, &room, why))
		return 0;
	layout_free(l);
	return -1;
}

void layout_free(struct layout *l)
{
	space_free(&l->space);
	l->boot = NULL;
	l->views = NULL;
	l->secrets = NULL;
}

uint64_t layout_boot_at(struct layout *l)
{
	return space_region(&l->space, REGION_BOOT, 0)->at;
}
