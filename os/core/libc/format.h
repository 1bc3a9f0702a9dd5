/* SPDX-License-Identifier: ISC */
/* The engine behind the printf family: formats into whatever a sink does with bytes. */
#ifndef CORE_LIBC_FORMAT_H
#define CORE_LIBC_FORMAT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Floating-point and wide conversions: libc_format_rare, or null for who can do without (core/print.h). */
struct format_sink;
struct format_spec;
struct format_arguments;
typedef bool format_rare_fn(struct format_sink *, const struct format_spec *,
                            struct format_arguments *);
format_rare_fn libc_format_rare;

struct format_sink {
	void (*write)(struct format_sink *, const char *bytes, size_t size);
	char *at;     /* the writer's own */
	size_t room;  /* the writer's own */
	size_t total; /* bytes formatted so far; kept by the engine */
	format_rare_fn *rare;
};

/* Bytes formatted, or -1: over INT_MAX, or a conversion that is not supported (%n, %1$d). Knows all
 * of C17's other conversions, to nearest even for all floating-point ones. */
int libc_format(struct format_sink *, const char *format, va_list);

#endif
