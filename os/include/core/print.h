/* SPDX-License-Identifier: ISC */
/*
 * The library OS's own texts: snprintf and vsnprintf without floating-point and wide conversions (a format with one gives
 * -1). An image whose application formats none either has no code for them: 4 KiB.
 */
#ifndef CORE_PRINT_H
#define CORE_PRINT_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __AMPOULE__
__attribute__((format(printf, 3, 4))) int print_text(char *to, size_t size, const char *format,
                                                     ...);
__attribute__((format(printf, 3, 0))) int print_text_list(char *to, size_t size, const char *format,
                                                          va_list);
#else /* a test on the host */
#include <stdio.h>
#define print_text      snprintf
#define print_text_list vsnprintf
#endif

#endif
