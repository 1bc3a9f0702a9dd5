/* SPDX-License-Identifier: ISC */
/* The origin of code of libc.a: its member, and the call of ours that led the linker to take it. */
#ifndef BUILD_PULLED_H
#define BUILD_PULLED_H

#include <stdbool.h>
#include <stdint.h>

#include <builder/audit.h>

struct pulled {
	const char *member; /* "libc's write.lo" */
	const char *
	        by; /* "main.c": the source that uses `call`, which led to the member; null: not known */
	const char *call;   /* "printf" */
	const char *object; /* of the source, as the linker names it */
	const char *asker;  /* "libz.a's gzlib.o": the archive between the two that asked for what
	                       led to the member; null: none */
	const char *asked;  /* "open" */
};

/* From the texts of lld's link map and --why-extract file, either of which may be null. False: the address is of no
 * archive's. */
bool pulled_find(struct pulled *, const char *map, const char *why, uint64_t address);

/* The code that comes from archives, by the same map (which may be null): how many ranges *ranges has. */
size_t pulled_ranges(const struct audit_range **ranges, const char *map);

#endif
