/* SPDX-License-Identifier: ISC */
/* The end of an image that found itself wrong: last words on AMP_STREAM_LOG, then a trap that the tender reports. */
#ifndef CORE_PANIC_H
#define CORE_PANIC_H

_Noreturn __attribute__((format(printf, 1, 2))) void panic(const char *format, ...);

/* A check that stays in release builds. For defects of ours, never for input. It tells its place; the expression stands
 * there, and not in every image. */
#define ensure(condition_)                                                                                             \
	do {                                                                                                           \
		if (__builtin_expect(!(condition_), 0))                                                                \
			panic(__FILE_NAME__ ":" PANIC_TEXT(__LINE__) ": ensure");                                       \
	} while (0)
#define PANIC_TEXT(line_)   PANIC_TEXT_2(line_)
#define PANIC_TEXT_2(line_) #line_

#endif
