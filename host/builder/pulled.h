/* SPDX-License-Identifier: ISC */
/* Where code of libc.a came from: its member, and which call of ours led the linker to take it. */
#ifndef BUILD_PULLED_H
#define BUILD_PULLED_H

#include <stdbool.h>
#include <stdint.h>

struct pulled {
	const char *member; /* "libc's write.lo" */
	const char *
	        by; /* "main.c": the source that uses `call`, which led to the member; null: not known */
	const char *call; /* "printf" */
};

/* From the texts of lld's link map and --why-extract file, either of which may be null. False: the address is of no
 * archive's. */
bool pulled_find(struct pulled *, const char *map, const char *why, uint64_t address);

#endif
