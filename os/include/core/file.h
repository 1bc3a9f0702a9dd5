/* SPDX-License-Identifier: ISC */
/* Files compiled into the image (manifest: files). Read-only, in place, for the image's life. */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include <stddef.h>
#include <stdint.h>

struct file {
	const char *name; /* as the manifest gives it */
	const uint8_t *data;
	uint64_t size;
};

/* All files, sorted by name (generated into the image; none: file_count is 0). */
extern const struct file files[];
extern const uint32_t file_count;

/* The perfect hash of the names, which `ampoule build` makes (file.c). */
struct file_names {
	uint64_t salt;
	uint32_t bucket_count, reserved;
};
extern const struct file_names file_names;
extern const uint32_t file_buckets[], file_slots[];

/* The file of that name, or null. It takes one look-up and one comparison, however many files there are. */
const struct file *file_find(const char *name);

#endif
