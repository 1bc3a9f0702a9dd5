/* SPDX-License-Identifier: ISC */
/* The end of an image that found itself wrong: last words on AMP_STREAM_LOG, then a trap that the tender reports. */
#ifndef CORE_PANIC_H
#define CORE_PANIC_H

_Noreturn __attribute__((format(printf, 1, 2))) void panic(const char *format, ...);

/* A check that stays in release builds. For defects of ours, never for input. */
#define ensure(condition_)                                                                                             \
	do {                                                                                                           \
		if (__builtin_expect(!(condition_), 0))                                                                \
			panic("%s:%d: ensure(%s) failed", __FILE_NAME__, __LINE__, #condition_);                       \
	} while (0)

#endif
