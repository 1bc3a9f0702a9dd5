/* SPDX-License-Identifier: ISC */
/*
 * The symbols of an ELF file with debug information, and the source file that each comes from. The
 * file may be anybody's: every offset is checked, and what does not fit is left out or refused.
 */
#ifndef BUILD_SYMBOLS_H
#define BUILD_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
	uint64_t address, size;
	const char *name;
	bool function, object;
	const char *unit; /* source file of its compile unit; null: none (libc.a, assembly without
	                     debug lines) */
	bool label;       /* a function only if what follows is code: it has no type and no size */
};

struct symbols {
	struct symbol *list; /* with an address, sorted by it, then larger ones first */
	size_t count;
	const char **undefined; /* names of symbols that are needed and not there */
	unsigned undefined_count;
	const uint8_t *build_id; /* 32 bytes of the image note; null: it has none */
};

/* Null, or why the bytes are no such file. */
const char *symbols_read(struct symbols *, const uint8_t *bytes, size_t size);

#endif
