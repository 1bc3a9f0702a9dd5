/* SPDX-License-Identifier: ISC */
/*
 * Calls of archives' functions through pointers. Code of archives (manifest: archives, packages) was compiled without types
 * for control-flow integrity. A function that sources name has a type all the same, from its declaration. One that only its
 * archive knows has none: where the archive hands a pointer to it to code of ours, a plain call of that pointer traps.
 *
 * Such calls are marked, one by one. ARCHIVE_CALLER(RESULT, NAME, PARAMETERS, ARGUMENT...) defines the function NAME, which calls its
 * first parameter, fn:
 *
 *     ARCHIVE_CALLER(int, call_compare, (int (*fn)(const void *, const void *), const void *a, const void *b), a, b)
 *     ...
 *     if (call_compare(vtable->compare, x, y) > 0)
 *
 * It calls what has the pointer's type, as any call does, and beside that the functions whose addresses the linked archives
 * themselves take, in code or data: `ampoule build` lists these in the image's constants. All else traps, in an archive or
 * not. Without archives the list is not there, and the call is a plain one.
 *
 * The other way round nothing is to be done: archives call functions of ours through pointers unchecked. qsort, bsearch, atexit and
 * pthread_once take functions of both.
 */
#ifndef CORE_ARCHIVE_H
#define CORE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The list, as `ampoule build` fills it in (host/builder/entries.c): a count, zero, then how far each function lies below the
 * list, ascending. Null where no archive is linked. */
extern const uint32_t *const archive_entries;

/* Is it the entry of a function whose address an archive takes? */
bool archive_search(const uint32_t *entries, const void *fn);

static inline bool archive_has(const void *fn)
{
	return archive_entries && archive_search(archive_entries, fn);
}

#if defined(__clang__)
#define ARCHIVE_UNCHECKED __attribute__((no_sanitize("cfi-icall"), unused))
#else
#define ARCHIVE_UNCHECKED __attribute__((unused))
#endif

#define ARCHIVE_CALLER(result_, name_, parameters_, ...)                                           \
	ARCHIVE_UNCHECKED static result_ name_##_unchecked parameters_                             \
	{                                                                                          \
		return fn(__VA_ARGS__);                                                            \
	}                                                                                          \
	__attribute__((unused)) static result_ name_ parameters_                                   \
	{                                                                                          \
		return archive_has((const void *)fn)                                               \
		               ? name_##_unchecked(fn __VA_OPT__(, ) __VA_ARGS__)                  \
		               : fn(__VA_ARGS__);                                                  \
	}

#endif
