/* SPDX-License-Identifier: ISC */
/* Where code of libc.a came from: its member, and which call of ours led the linker to take it. */
#ifndef BUILD_PULLED_H
#define BUILD_PULLED_H

#include <stdint.h>

/* "libc.a's write.lo, pulled in by main.c's call of printf", from lld's link map and --why-extract
 * file; null if the address is of no archive's. */
const char *pulled_by(const char *map_path, const char *why_path, uint64_t address);

#endif
