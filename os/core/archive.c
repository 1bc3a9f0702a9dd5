/* SPDX-License-Identifier: ISC */
/* Looks a function up in the list of those whose addresses archives take (core/archive.h). */
#include <core/archive.h>

bool archive_search(const uint32_t *entries, const void *fn)
{
	const uint64_t below = (uint64_t)(uintptr_t)entries - (uint64_t)(uintptr_t)fn;
	const uint32_t *list = entries + 2;
	uint32_t low = 0, high = entries[0];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (list[middle] == below)
			return true;
		if (list[middle] < below)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
