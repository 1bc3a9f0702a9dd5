/* SPDX-License-Identifier: ISC */
/* The build plan: a work folder's generated sources and its build.ninja, which compiles and links
 * them. */
#ifndef BUILD_PLAN_H
#define BUILD_PLAN_H

#include <stdint.h>

#include <builder/manifest.h>

/* What an object is made of. */
struct plan_object {
	const char *path, *source;     /* the source as the appliance or the library names it */
	const struct library *library; /* null: the application's, or generated */
};

struct plan {
	const char *work; /* the work folder, absolute */
	uint64_t seed;
	const char *clang, *lld; /* absolute */
	/* What the plan leaves in the work folder: */
	const char *ninja_file;
	const char *linked; /* the ELF file that seal.c takes */
	struct plan_object **objects;
	unsigned object_count;
	const char *map, *why; /* lld's link map, and why it took each member of libc.a */
};

/* Writes everything into the work folder, touching only what has changed. Ends the process if it
 * cannot. */
void plan_write(struct plan *, const struct manifest *);

/* An executable of $PATH, absolute; null if there is none. */
const char *plan_find_tool(const char *name);

#define PLAN_LIBC "/usr/lib/x86_64-linux-musl/libc.a"
/* What the compiler calls where the processor has no instruction: complex products, 128-bit quotients. */
#define PLAN_BUILTINS "/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.builtins-x86_64.a"

#endif
