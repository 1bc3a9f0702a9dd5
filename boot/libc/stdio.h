/* SPDX-License-Identifier: ISC */
/* Text: %s %c %d %u %x %llu and their like, with widths, precisions of texts, '-', '0' and '*'. */
#ifndef LIBC_STDIO_H
#define LIBC_STDIO_H

#include <stdarg.h>
#include <stddef.h>

__attribute__((format(printf, 3, 4))) int snprintf(char *, size_t, const char *, ...);
__attribute__((format(printf, 3, 0))) int vsnprintf(char *, size_t, const char *, va_list);

#endif
