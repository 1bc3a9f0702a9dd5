/* SPDX-License-Identifier: ISC */
/* The build plan: a work folder's generated sources and its build.ninja, which compiles and links
 * them. */
#ifndef BUILD_PLAN_H
#define BUILD_PLAN_H

#include <stdint.h>

#include <builder/manifest.h>

struct plan {
	const char *work; /* the work folder, absolute */
	uint64_t seed;
	const char *clang, *lld; /* absolute */
	/* What the plan leaves in the work folder: */
	const char *ninja_file;
	const char *linked;    /* the ELF file that seal.c takes */
	const char *map, *why; /* lld's link map, and why it took each member of libc.a */
};

/* Writes everything into the work folder, touching only what has changed. Ends the process if it
 * cannot. */
void plan_write(struct plan *, const struct manifest *);

/* An executable of $PATH, absolute; null if there is none. */
const char *plan_find_tool(const char *name);

#define PLAN_LIBC "/usr/lib/x86_64-linux-musl/libc.a"

#endif
