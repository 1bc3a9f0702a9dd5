/* SPDX-License-Identifier: ISC */
/* The build plan: a work folder's generated sources and its build.ninja, which compiles and links
 * them. */
#ifndef BUILD_PLAN_H
#define BUILD_PLAN_H

#include <stdint.h>

#include <builder/manifest.h>

/* An object, and its source. */
struct plan_object {
	const char *path, *source;     /* the source as the appliance or the library names it */
	const struct library *library; /* null: the application's, or generated */
};

/* One file that a command makes. */
struct plan_step {
	const char *output;
	const char **inputs; /* absolute; those that a depfile tells are not among them */
	unsigned input_count;
	const struct manifest_compile
	        *compile; /* the entry that it makes; null: an object, or the image */
	bool has_depfile;
	bool by_content; /* of inputs of another time or place, the content decides whether they changed */
};

struct plan {
	const char *work;   /* the work folder, absolute */
	const char *folder; /* the appliance's: commands run there */
	uint64_t seed;
	const char *clang, *lld; /* absolute */
	/* Files that the plan leaves in the work folder: */
	const char *ninja_file;
	const char *linked; /* the ELF file that seal.c takes */
	struct plan_object **objects;
	unsigned object_count;
	struct plan_step **steps; /* each behind those whose outputs it takes */
	unsigned step_count;
	const char **includes; /* folders that sources' #includes are looked up in, in order */
	unsigned include_count;
	const char **generated; /* files that are written with the plan */
	unsigned generated_count;
	const char *map, *why; /* lld's link map, and why it took each member of libc.a */
};

/* Writes everything into the work folder, touching only what has changed. Ends the process if it
 * cannot. */
void plan_write(struct plan *, const struct manifest *);

/* The step's list of what else was read, in make's syntax. */
const char *plan_depfile(const struct plan_step *);

/* An executable of $PATH, absolute; null if there is none. */
const char *plan_find_tool(const char *name);

/* Functions that link and cannot work: some are there for archives alone, the rest is the part of C's and POSIX's threads
 * that makes no system call. The linker tells who refers to them (complaint.h). */
#define PLAN_TRACED                                                                                \
	" --trace-symbol=pthread_create --trace-symbol=pthread_join --trace-symbol=pthread_self"   \
	" --trace-symbol=pthread_getspecific --trace-symbol=pthread_setspecific"                   \
	" --trace-symbol=pthread_cond_init --trace-symbol=pthread_cond_destroy"                    \
	" --trace-symbol=cnd_init --trace-symbol=cnd_destroy --trace-symbol=mtx_init"              \
	" --trace-symbol=mtx_destroy --trace-symbol=thrd_current --trace-symbol=tss_get"           \
	" --trace-symbol=tss_set --trace-symbol=system --trace-symbol=popen"                       \
	" --trace-symbol=remove --trace-symbol=rename --trace-symbol=unlink"                       \
	" --trace-symbol=tmpfile --trace-symbol=tmpnam --trace-symbol=mkstemp"

/* Sources of libraries that are folders of one's own, as debug information names them: NAME/FILE behind it. */
#define PLAN_OWN_LIBRARIES "ampoule/own/"

#define PLAN_LIBC "/usr/lib/x86_64-linux-musl/libc.a"
/* Functions that the compiler calls where the processor has no instruction: complex products, 128-bit quotients. */
#define PLAN_BUILTINS "/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.builtins-x86_64.a"

#endif
