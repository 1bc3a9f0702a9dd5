/* SPDX-License-Identifier: ISC */
/* Shared by format.c and format_float.c: a decoded conversion, and padding. */
#ifndef CORE_LIBC_FORMAT_SPEC_H
#define CORE_LIBC_FORMAT_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "format.h"

enum length { LENGTH_INT, LENGTH_CHAR, LENGTH_SHORT, LENGTH_LONG, LENGTH_LONG_DOUBLE };

struct format_spec {
	bool left, plus, space, alternate, zero;
	int width;
	int precision; /* -1: none given */
	enum length length;
	char conversion;
};

void libc_format_bytes(struct format_sink *, const char *bytes, size_t size);
void libc_format_fill(struct format_sink *, char c, int64_t count);

/* Padding and prefix (sign, 0x) before a body of that many bytes; and, given total as it was
 * before, after it. */
void libc_format_open(struct format_sink *, const struct format_spec *, const char *prefix,
                      int64_t body);
void libc_format_close(struct format_sink *, const struct format_spec *, size_t start);

void libc_format_double(struct format_sink *, const struct format_spec *, double);
void libc_format_long_double(struct format_sink *, const struct format_spec *, long double);

#endif
