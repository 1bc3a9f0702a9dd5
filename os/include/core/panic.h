/* SPDX-License-Identifier: ISC */
/* Ends an image that has found a defect in itself: a last message on AMP_STREAM_LOG, then a trap that the tender reports. */
#ifndef CORE_PANIC_H
#define CORE_PANIC_H

#include <core/cold.h>

_Noreturn __attribute__((format(printf, 1, 2))) void panic(const char *format, ...);

/* A check that stays in release builds. It is for defects of the program, never for input. The message gives file and line
 * only, so that images do not carry the expressions. */
#define ensure(condition_)                                                                         \
	do {                                                                                       \
		if (__builtin_expect(!(condition_), 0))                                            \
			ensure_failed(__FILE_NAME__, __LINE__);                                    \
	} while (0)

static COLD _Noreturn __attribute__((unused)) void ensure_failed(const char *file, unsigned line)
{
	panic("%s:%u: ensure", file, line);
}

#endif
