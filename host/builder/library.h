/* SPDX-License-Identifier: ISC */
/* The library OS's libraries, as their library.yaml describes them (docs/manifest.md). */
#ifndef BUILD_LIBRARY_H
#define BUILD_LIBRARY_H

#include <stdbool.h>

#include <builder/foreign.h>
#include <builder/report.h>

struct compiler {
	const char *name;       /* what `with:` says */
	const char *executable; /* of the installation */
	const struct library *library;
};

struct library {
	const char *name;   /* its path below os/; of a folder's: what its library.yaml says */
	bool is_own;        /* a folder's, which is no part of the SDK */
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
	const char **lazy; /* as small, but linked only where something asks for what they define */
	unsigned lazy_count;
	struct archive **archives; /* of one of the SDK's */
	unsigned archive_count;
	struct foreign foreign; /* of a folder's */
	struct compiler **compilers;
	unsigned compiler_count;
	const struct node *arguments; /* a map, as in a manifest; null: none */
	const char *shown;            /* its library.yaml in messages */
	struct library **
	        requires;
	unsigned require_count;
};

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
/* The same for a folder that holds a library.yaml: `path` is relative to `base`, or absolute. Null if there is no such file;
 * a library whose name is taken is reported at the node. */
struct library *library_add_folder(struct libraries *, const struct input *, const struct node *,
                                   const char *base, const char *path);
const struct library *library_find(const struct libraries *, const char *name);
const struct compiler *library_compiler(const struct libraries *, const char *name);
void library_read_known(struct libraries *);
/* "core, net, app/dns" */
const char *library_known_text(struct libraries *);

#endif
