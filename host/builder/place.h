/* SPDX-License-Identifier: ISC */
/* Where in the sources an address of an image comes from, by its debug sections. */
#ifndef BUILD_PLACE_H
#define BUILD_PLACE_H

#include <stdbool.h>
#include <stdint.h>

struct place {
	const char
	        *function; /* as in the source; functions inlined into others by their own names */
	const char *file;  /* relative to the appliance, or ampoule/... of the library OS */
	unsigned line, column; /* from 1; a column of 0 is unknown */
};

/* False: the address has no place, or llvm-symbolizer-19 is not installed. */
bool place_find(struct place *, const char *elf, uint64_t address);
/* The line of a source that first calls the function, or 0. */
unsigned place_of_call(const char *path, const char *function);

#endif
