/* SPDX-License-Identifier: ISC */
/* struct amp_boot first, then devices, argument values, and the strings among these. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <tender/boot.h>

#define DEVICES_AT 512u
_Static_assert(sizeof(struct amp_boot) <= DEVICES_AT, "devices follow boot information");

static uint64_t args_at(const struct image *image)
{
	return DEVICES_AT + image->note.device_count * sizeof(struct amp_device);
}

uint64_t boot_size(const struct image *image)
{
	return args_at(image) +
	       image->note.arg_count * (sizeof(struct amp_arg_value) + AMP_TEXT_MAX);
}

struct amp_boot *boot_fill(struct space *space, const struct image *image, const struct args *args,
                           const char *tender, unsigned log_level, struct amp_device **devices)
{
	struct region *r = space_region(space, REGION_BOOT, 0);
	struct amp_boot *b = (struct amp_boot *)r->host;
	uint64_t text = args_at(image) + image->note.arg_count * sizeof(struct amp_arg_value);

	*b = (struct amp_boot){
		.magic = AMP_BOOT_MAGIC,
		.abi_major = AMP_ABI_MAJOR,
		.abi_minor = AMP_ABI_MINOR,
		.size = sizeof *b,
		.gate = space_region(space, REGION_GATE, 0)->at,
		.device_count = image->note.device_count,
		.arg_count = image->note.arg_count,
		.log_level = log_level > 3 ? 3 : log_level,
		.devices = r->at + DEVICES_AT,
		.args = r->at + args_at(image),
	};
	snprintf(b->tender, sizeof b->tender, "%s", tender);
	if (getrandom(b->seed, sizeof b->seed, 0) != sizeof b->seed)
		abort();
	const struct region *heap = space_region(space, REGION_HEAP, 0);
	if (heap)
		b->extents[b->extent_count++] = (struct amp_extent){ heap->at, heap->size };

	struct amp_arg_value *values = (struct amp_arg_value *)(r->host + args_at(image));
	for (uint32_t i = 0; i < image->note.arg_count; i++) {
		values[i].number = args->values[i].number;
		values[i].set = args->values[i].set;
		if (image->args[i].type != AMP_ARG_STRING)
			continue;
		size_t size = strlen(args->values[i].text);
		memcpy(r->host + text, args->values[i].text, size);
		values[i].text = r->at + text;
		values[i].text_size = (uint32_t)size;
		text += AMP_TEXT_MAX;
	}
	*devices = (struct amp_device *)(r->host + DEVICES_AT);
	for (uint32_t i = 0; i < image->note.device_count; i++)
		memcpy((*devices)[i].name, image->devices[i].name, AMP_NAME_MAX);
	return b;
}
