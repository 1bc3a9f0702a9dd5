/* SPDX-License-Identifier: ISC */
/* Finding a compiled-in file by its name: the generated table is sorted. */
#include <string.h>

#include <core/file.h>

const struct file *file_find(const char *name)
{
	uint32_t low = 0, high = file_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(name, files[middle].name);
		if (order == 0)
			return &files[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
