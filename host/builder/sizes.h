/* SPDX-License-Identifier: ISC */
/* The sizes of an image's parts: bytes by library, and the largest functions. */
#ifndef BUILD_SIZES_H
#define BUILD_SIZES_H

#include <stdint.h>

#include <builder/symbols.h>
#include <tender/image.h>

struct size_entry {
	const char *name; /* a library, "application", "generated", "files", "libc", "jump tables",
	                     "(rest)" */
	uint64_t code, constants, data;
};

#define SIZES_FUNCTIONS 10u

struct sizes {
	struct size_entry *list[AMP_LIBRARIES_MAX + 8]; /* largest first */
	unsigned count;
	const struct symbol *functions[SIZES_FUNCTIONS]; /* largest first */
	unsigned function_count;
};

void sizes_count(struct sizes *, const struct image *, const struct symbols *);
/* The name of the part that a symbol belongs to. */
const char *sizes_part(const struct image *, const struct symbols *, const struct symbol *);

#endif
