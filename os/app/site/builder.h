/* SPDX-License-Identifier: ISC */
/*
 * What the site compiler's files know of each other; they are a program of the host.
 *
 *   compiler.c      the command line
 *   tree.c          walks folders: what will be an entry
 *   rules.c         the lines of a rules file
 *   types.c         content types by names' endings
 *   builder.c       writes the database, file by file, and holds none of them in memory
 *   encode.c        gzip and brotli, from one part of the database to its end
 *   complain.c      errors; memory and texts that are there or end the program
 */
#ifndef SITE_BUILDER_H
#define SITE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <app/site/site.h>

#define DATABASE_MAX (1ull << 30) /* what an image's files may have in all (docs/manifest.md) */

/* ---- complain.c ---- */
/* One line on standard error, and exit status 1. What is unfinished is taken away before. */
_Noreturn __attribute__((format(printf, 1, 2))) void site_fail(const char *format, ...);
extern const char *site_unfinished; /* a file that goes with a failure; null: there is none */
void *site_checked(void *);         /* what malloc and the like gave */
__attribute__((format(printf, 1, 2))) char *site_text(const char *format, ...);

/* ---- tree.c ---- */
struct site_item {
	char *key; /* a host's name, then the path; key_size bytes, and a NUL behind them */
	uint32_t key_size, host_size;
	enum site_kind kind;
	char *from;     /* for messages: the file as it was named, or FILE:LINE of a rule */
	char *file;     /* what is to be read; null: nothing */
	size_t same_as; /* number of the item whose file this is, too, plus 1; 0: it has its own */
	uint64_t size;
	int64_t modified;
	uint32_t status; /* of a redirection */
	bool rest;       /* what is left of the path comes behind its location */
	char *location;
};
extern struct site_item *site_items;
extern size_t site_item_count;
extern int64_t site_newest; /* later times than that are made that one */

/* host: "" or a name. The item may move when another one is added. A key that is there already ends the
 * program. */
struct site_item *site_add(const char *host, const char *path, uint32_t path_size, enum site_kind,
                           const char *from);
const struct site_item *site_find(const char *host, const char *path, uint32_t path_size);
/* All files below a directory, with its path as it was named for messages, below host and url ("" or "/..."). */
void site_walk(const char *directory, const char *shown, const char *host, const char *url);
char *site_escaped(const char *path); /* as a URL's path has to have it (RFC 3986 §3.3) */
void site_check_name(const char *name, const char *shown);
/* A word's host, in lower case and NUL-terminated; it ends the program if it is none. */
char *site_host(const char *name, size_t size, const char *shown);
/* Of all files read, for the depfile. */
void site_note_read(const char *path);
extern char **site_read_files;
extern size_t site_read_count;

/* ---- rules.c ---- */
void site_rules_read(const char *path, const char *shown);
/* When all files are there: adds what the rules make, and says which of them meet nothing. */
void site_rules_apply(void);
/* A file's type by the last rule that fits; null: there is none. */
const char *site_rules_type(const struct site_item *);
/* Its further fields, each a line with CRLF; without those that say how long it may be kept, if `page` (of an error).
 * cache_control: what all files have, or null. To be freed. */
char *site_rules_fields(const struct site_item *, const char *cache_control, bool page);

/* ---- types.c ---- */
const char *site_type(const char *name); /* by its ending */
bool site_type_shrinks(const char *type);

/* ---- encode.c ---- */
enum site_coding { SITE_GZIP, SITE_BR };
/* Compresses the database's bytes [at, at + size) to its end. What it takes; 0: not less than `most`, and nothing is left
 * of it. */
uint64_t site_encode(enum site_coding, uint64_t at, uint64_t size, uint64_t most, bool is_text);

/* ---- builder.c ---- */
/* The end of the database, which grows; what was written may be read, and taken back. */
uint64_t site_put(const void *bytes, size_t size); /* null: zeros; where it begins */
uint64_t site_put_end(void);
void site_put_back(uint64_t end);
void site_put_read(uint64_t at, void *to, size_t size);
/* All of it, from the items; cache_control: of all files, or null. */
void site_build(const char *path, const char *cache_control);

#endif
