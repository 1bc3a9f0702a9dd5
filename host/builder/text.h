/* SPDX-License-Identifier: ISC */
/*
 * Growing text, memory that lives as long as the process, whole files, and the one line that ends
 * it. The build tools run once and exit: nothing is freed, and running out of memory ends the
 * process.
 */
#ifndef BUILD_TEXT_H
#define BUILD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed memory for the life of the process; never null. */
void *keep(size_t size);
void *keep_array(size_t count, size_t size);
char *keep_text(const char *s, size_t size);
__attribute__((format(printf, 1, 2))) char *keep_format(const char *format, ...);

/* Growing text, always NUL-terminated once something was added. { 0 } is empty. */
struct text {
	char *s;
	size_t size, room;
};
__attribute__((format(printf, 2, 3))) void text_add(struct text *, const char *format, ...);
void text_bytes(struct text *, const void *bytes, size_t size);

/* Appends one pointer to an array that grows in steps; *count counts. */
void list_add(void *list, unsigned *count, const void *member);

/* "PROGRAM: text" on standard error, then exit(status). */
void die_as(const char *program);
__attribute__((format(printf, 2, 3))) _Noreturn void die(int status, const char *format, ...);
__attribute__((format(printf, 1, 2))) void tell(const char *format, ...);

/* Whole files. Null and errno if it cannot be read; bytes are followed by a NUL. */
uint8_t *file_read(const char *path, size_t *size);
uint8_t *file_read_open(int fd, size_t *size); /* closes fd */
/* Written beside and renamed, so that a reader sees the old or the new one. False and errno; what
 * is there and no regular file stays (EISDIR, EEXIST). */
bool file_write(const char *path, const void *bytes, size_t size, unsigned mode);
/* Untouched if that is what it holds already, so that ninja sees no change. */
bool file_update(const char *path, const struct text *);
/* Makes a folder and the ones above it. */
bool folder_make(const char *path);

/* Does it end so, with something before that? */
bool text_ends(const char *s, const char *end);
/* UTF-8 without NUL, or not. */
bool utf8_is_valid(const char *s, size_t size);
/* No control characters: it may stand in a path, a message, a build file. */
bool text_is_clean(const char *s, size_t size);

/* The word of `words` nearest to `word`, or null if none is near. */
const char *nearest(const char *word, const char *const *words, unsigned count);

#endif
