/* SPDX-License-Identifier: ISC */
/*
 * Function names for backtraces, from NAME.debug beside NAME.amp. The file is hostile: all of it is
 * read through bounds-checked copies, and it is believed only if it carries the image's own note
 * (build_id). It is mapped while files may still be opened, and read after the image has faulted:
 * that takes no system call and no memory.
 */
#ifndef TENDER_SYMBOLS_H
#define TENDER_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tender/image.h>

/* Opens NAME.debug (NAME.amp's last four bytes replaced); -1 if there is none. */
int symbols_open(const char *image_path);

struct symbols {
	const uint8_t *file; /* mapped, or null */
	uint64_t size;
	/* Within the file: */
	uint64_t list, count; /* Elf64_Sym, as in the file and not aligned */
	uint64_t names, names_size;
};

/* Maps it; the descriptor stays the caller's. Without a file (-1), nothing is found later. */
void symbols_map(struct symbols *, int fd);

/* Finds the functions' symbols. False: no such file, not an ELF file with symbols, or of another build. */
bool symbols_find(struct symbols *, const struct image *);
void symbols_free(struct symbols *);

/* "name+0x12", or false where no function holds the address. */
bool symbols_name(const struct symbols *, uint64_t address, char *to, size_t size);

#endif
