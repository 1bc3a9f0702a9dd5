/* SPDX-License-Identifier: ISC */
/* The library OS's libraries, as their library.yaml describes them (docs/manifest.md). */
#ifndef BUILD_LIBRARY_H
#define BUILD_LIBRARY_H

#include <stdbool.h>

#include <builder/report.h>

struct compiler {
	const char *name;       /* what `with:` says */
	const char *executable; /* of the installation */
	const struct library *library;
};

/* A static library of the system's, made by another compiler for another libc: it is linked as it
 * is, without LTO and control-flow integrity, and audited with the rest. */
struct archive {
	const char *path;     /* absolute */
	const char **headers; /* below ARCHIVE_HEADERS: what the sources may include of them, by
	                         these names */
	unsigned header_count;
};

struct library {
	const char *name;   /* its path below os/ */
	const char *folder; /* absolute */
	const char **words; /* what its global symbols begin with: a word, or a word and _ */
	unsigned word_count;
	const char **sources; /* relative to folder; .c or .S */
	unsigned source_count;
	const char **small; /* the same, but compiled for size */
	unsigned small_count;
	const char *
	        *native; /* as sources, but compiled without LTO and without knowledge of libc */
	unsigned native_count;
	struct archive **archives;
	unsigned archive_count;
	struct compiler **compilers;
	unsigned compiler_count;
	struct library **
	        requires;
	unsigned require_count;
};

#define ARCHIVE_FOLDER  "/usr/lib/x86_64-linux-gnu"
#define ARCHIVE_HEADERS "/usr/include"

/* The libraries that an image links: what was asked for and what that needs, needed ones first. */
struct libraries {
	const char *sdk;
	struct library **list;
	unsigned count;
	const char **known; /* every library of the SDK, sorted; filled when first asked for */
	unsigned known_count;
	bool known_is_read;
};

/* Adds a library and all that it requires. Null if there is none of that name; mistakes in a
 * library.yaml are reported with its own place, and give a library all the same. */
struct library *library_add(struct libraries *, const char *name, struct report *);
const struct library *library_find(const struct libraries *, const char *name);
const struct compiler *library_compiler(const struct libraries *, const char *name);
void library_read_known(struct libraries *);
/* "core, net, app/dns" */
const char *library_known_text(struct libraries *);

#endif
