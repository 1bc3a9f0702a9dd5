/* SPDX-License-Identifier: ISC */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cli/kernel.h>

#define NAME   "ampoule-kernel.elf"
#define BESIDE (32u << 20) /* kernel, modules, tables, and what firmware keeps */
#define LEAST  64u         /* MiB */
#define FRAME  2048u

int kernel_path(char *to, size_t size, struct defect *why)
{
	static const char *const places[] = { "boot/" NAME, "../libexec/ampoule/" NAME, NAME };
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
	char *slash = n > 0 ? memrchr(own, '/', (size_t)n) : NULL;
	for (unsigned i = 0; slash && i < sizeof places / sizeof *places; i++) {
		int length = snprintf(to, size, "%.*s%s", (int)(slash + 1 - own), own, places[i]);
		if (length > 0 && (size_t)length < size && !access(to, R_OK))
			return 0;
	}
	return defect_set(why, "the boot kernel, " NAME ", is not installed beside this command");
}

uint32_t kernel_memory(const struct image *image, uint64_t heap)
{
	uint64_t sum =
	        BESIDE + image_stacks_size(image) + (heap ? heap : image->note.memory_default);
	for (uint32_t i = 0; i < image->segment_count; i++)
		sum += image->segments[i].size + image->segments[i].file_size;
	for (uint32_t i = 0; i < image->note.device_count; i++)
		sum += (uint64_t)image->devices[i].frame_count * FRAME +
		       (uint64_t)image->devices[i].ring_size * 64;
	sum += sum / 64;
	uint64_t mib = (sum >> 20) + 1;
	return mib < LEAST ? LEAST : mib > UINT32_MAX ? UINT32_MAX : (uint32_t)mib;
}

const struct amp_note_arg *kernel_address(const struct image *image)
{
	for (uint32_t i = 0; i < image->note.arg_count; i++)
		if (image->args[i].type == AMP_ARG_CIDR)
			return &image->args[i];
	return NULL;
}
