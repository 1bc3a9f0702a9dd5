/* SPDX-License-Identifier: ISC */
/* struct amp_boot first, then devices, argument values, the strings among these, and words of networks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <tender/boot.h>
#include <tender/snapshot.h>

#define DEVICES_AT 512u
_Static_assert(sizeof(struct amp_boot) <= DEVICES_AT, "devices follow boot information");

static uint64_t args_at(const struct image *image)
{
	return DEVICES_AT + image->note.device_count * sizeof(struct amp_device);
}

static uint64_t words_at(const struct image *image)
{
	return args_at(image) +
	       image->note.arg_count * (sizeof(struct amp_arg_value) + AMP_TEXT_MAX);
}

uint64_t boot_size(const struct image *image)
{
	return words_at(image) + AMP_NET_WORDS_MAX * sizeof(struct amp_net_word);
}

struct amp_net_word *boot_words(struct space *space, const struct image *image)
{
	return (struct amp_net_word *)(space_region(space, REGION_BOOT, 0)->host + words_at(image));
}

/* Secrets lie in the last pages of the heap's region, which the image is not told of as memory of its heap. A clone's are behind
 * all that its parent had there. */
uint64_t boot_secrets_size(const struct image *image, const struct args *args)
{
	uint64_t size = 0;
	for (uint32_t i = 0; i < image->note.arg_count; i++)
		if (args->values[i].secret)
			size += args->values[i].secret_size + 1;
	return (size + AMP_PAGE - 1) / AMP_PAGE * AMP_PAGE;
}

void boot_forget(struct space *space)
{
	const struct region *heap = space_region(space, REGION_HEAP, 0);
	const struct region *boot = space_region(space, REGION_BOOT, 0);
	if (!heap || space->heap_shared)
		return;
	if (!space->from)
		explicit_bzero(heap->host, AMP_SEED_SIZE);
	uint64_t told = ((const struct amp_boot *)boot->host)->extents[0].size;
	explicit_bzero(heap->host + told, heap->size - told);
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
		.net_words = r->at + words_at(image),
	};
	snprintf(b->tender, sizeof b->tender, "%s", tender);
	const struct region *heap = space_region(space, REGION_HEAP, 0);
	/* A clone asks for one. */
	uint8_t *seed = image->note.abi_minor < 3 ? b->seed
	                : heap && !space->from    ? heap->host
	                                          : NULL;
	if (space->from)
		b->generation = space->from->header.generation + 1;
	if (seed && getrandom(seed, AMP_SEED_SIZE, 0) != AMP_SEED_SIZE)
		abort();
	uint64_t secrets = boot_secrets_size(image, args);
	if (heap && secrets >= heap->size)
		abort(); /* the tender has seen to it */
	if (heap)
		b->extents[b->extent_count++] =
		        (struct amp_extent){ heap->at, heap->size - secrets };
	uint64_t secret = heap ? heap->size - secrets : 0;

	struct amp_arg_value *values = (struct amp_arg_value *)(r->host + args_at(image));
	for (uint32_t i = 0; i < image->note.arg_count; i++) {
		values[i].number = args->values[i].number;
		values[i].set = args->values[i].set;
		if (heap && args->values[i].secret) {
			uint32_t size = args->values[i].secret_size;
			memcpy(heap->host + secret, args->values[i].secret, size);
			values[i].text = heap->at + secret;
			values[i].text_size = size;
			secret += size + 1;
		}
		if (!arg_has_text(image->args[i].type))
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
