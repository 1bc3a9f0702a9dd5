/* SPDX-License-Identifier: ISC */
/* Files compiled into the image (manifest: files). Read-only, in place, for the image's life. */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include <stddef.h>
#include <stdint.h>

struct file {
	const char *name;	/* as the manifest gives it */
	const uint8_t *data;
	uint64_t size;
};

/* All files, sorted by name (generated into the image; none: file_count is 0). */
extern const struct file files[];
extern const uint32_t file_count;

/* The file of that name, or null. */
const struct file *file_find(const char *name);

#endif
