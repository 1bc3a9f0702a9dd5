/* SPDX-License-Identifier: ISC */
/* Finding a compiled-in file by its name, by the perfect hash that host/builder/names.c has made of all names (how: there). */
#include <string.h>

#include <core/file.h>
#include <core/panic.h>

#define DIRECT 0x80000000u

/* The same as in host/builder/names.c. */
static uint64_t hash(const char *name, uint64_t salt)
{
	uint64_t h = salt;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3ull;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

const struct file *file_find(const char *name)
{
	if (!file_count)
		return NULL;
	uint64_t h = hash(name, file_names.salt);
	uint32_t bucket = file_buckets[(h & 0xffffffff) * file_names.bucket_count >> 32];
	uint32_t slot = bucket & ~DIRECT;
	if (!(bucket & DIRECT))
		slot = (uint32_t)((((h ^ bucket) * 0xbf58476d1ce4e5b9ull) >> 32) * file_count >>
		                  32);
	ensure(slot < file_count);
	const struct file *file = &files[file_slots[slot]];
	return strcmp(file->name, name) == 0 ? file : NULL;
}
