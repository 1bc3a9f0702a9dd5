/* SPDX-License-Identifier: ISC */
/*
 * snprintf and vsnprintf without floating-point and wide conversions, for the library OS's own texts. A format that has such a
 * conversion gives -1. An image whose application formats no such values either saves 4 KiB of code.
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
