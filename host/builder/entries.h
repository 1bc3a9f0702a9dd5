/* SPDX-License-Identifier: ISC */
/*
 * The list of functions whose addresses an image's archives take: what calls that are marked (os/include/core/archive.h) may
 * reach beside functions of the pointer's type. Nothing is guessed: a function is in it if a word of an archive's data, or
 * of the linker's table of addresses, holds its address, or an instruction of an archive computes it.
 */
#ifndef BUILD_ENTRIES_H
#define BUILD_ENTRIES_H

#include <builder/manifest.h>
#include <builder/report.h>

/* Fills in the list that codegen_layout has made room for, in the linked file's bytes. `map` is lld's link map. False: why is
 * in the report. */
bool entries_fill(uint8_t *linked, size_t size, const char *map, const struct manifest *,
                  const char *shown, struct report *);

#endif
