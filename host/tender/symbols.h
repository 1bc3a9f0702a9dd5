/* SPDX-License-Identifier: ISC */
/*
 * Function names for backtraces, from NAME.debug beside NAME.amp. The file is hostile: all of it is
 * read through bounds-checked copies, and it is believed only if it carries the image's own note
 * (build_id).
 */
#ifndef TENDER_SYMBOLS_H
#define TENDER_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tender/image.h>

/* Opens NAME.debug (NAME.amp's last four bytes replaced); -1 if there is none. Not yet read: that
 * is done by symbols_load, after the image has faulted. */
int symbols_open(const char *image_path);

struct symbol {
	uint64_t at, size;
	uint32_t name; /* offset in names */
};

struct symbols {
	struct symbol *list; /* as in the file */
	uint32_t count;
	char *names;
	uint64_t names_size; /* names[names_size - 1] is 0 */
};

/* Reads the functions' symbols. False: no such file, not an ELF file with symbols, or of another
 * build. */
bool symbols_load(struct symbols *, int fd, const struct image *);
void symbols_free(struct symbols *);

/* "name+0x12", or false where no function holds the address. */
bool symbols_name(const struct symbols *, uint64_t address, char *to, size_t size);

#endif
