/* SPDX-License-Identifier: ISC */
/*
 * Standard output and error over the gate. Output is gathered and leaves at each end of line, error
 * at each call. Those functions of libc.a which are not replaced here find an unbuffered file and its
 * write and read functions (stream.h).
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <core/gate.h>
#include <core/print.h>

#include "format.h"
#include "libc.h"
#include "stream.h"

#define OUTPUT_BUFFER 4096u /* bytes; a longer line leaves in pieces */

static int stay_open(FILE *f);
static size_t read_nothing(FILE *f, unsigned char *to, size_t size);
static size_t write_bytes(FILE *f, const unsigned char *bytes, size_t size);

static char output[OUTPUT_BUFFER];

/* By musl's inner names, too: its members (perror, getchar, getopt) use these, and would bring its own files along. */
extern struct _IO_FILE __stdin_FILE, __stdout_FILE, __stderr_FILE;
struct _IO_FILE __stdin_FILE = { .flags = STREAM_PERMANENT | STREAM_NO_WRITE,
	                         .close = stay_open,
	                         .read = read_nothing,
	                         .lock = -1,
	                         .line_end = -1 };
struct _IO_FILE __stdout_FILE = { .flags = STREAM_PERMANENT | STREAM_NO_READ,
	                          .close = stay_open,
	                          .write = write_bytes,
	                          .fd = 1,
	                          .lock = -1,
	                          .line_end = -1,
	                          .stream = AMP_STREAM_OUTPUT };
struct _IO_FILE __stderr_FILE = { .flags = STREAM_PERMANENT | STREAM_NO_READ,
	                          .close = stay_open,
	                          .write = write_bytes,
	                          .fd = 2,
	                          .lock = -1,
	                          .line_end = -1,
	                          .stream = AMP_STREAM_LOG };
FILE *const stdin = &__stdin_FILE;
FILE *const stdout = &__stdout_FILE;
FILE *const stderr = &__stderr_FILE;

/* After fclose, which has flushed it. */
static int stay_open(FILE *f)
{
	(void)f;
	return 0;
}

static size_t read_nothing(FILE *f, unsigned char *to, size_t size)
{
	(void)to;
	(void)size;
	f->flags |= STREAM_AT_END;
	return 0;
}

static __attribute__((noinline)) void flush_output(void)
{
	uint32_t used = __stdout_FILE.used;
	__stdout_FILE.used = 0;
	if (used > 0)
		gate_puts(AMP_STREAM_OUTPUT, output, used);
}

static __attribute__((noinline)) void gather(const char *bytes, size_t size)
{
	if (size > OUTPUT_BUFFER - __stdout_FILE.used)
		flush_output();
	if (size > OUTPUT_BUFFER) {
		gate_puts(AMP_STREAM_OUTPUT, bytes, size);
		return;
	}
	memcpy(output + __stdout_FILE.used, bytes, size);
	__stdout_FILE.used += (uint32_t)size;
}

/* All that ends with the last end of line leaves; the begun line stays. */
static size_t write_bytes(FILE *f, const unsigned char *bytes, size_t size)
{
	if (f->stream != AMP_STREAM_OUTPUT) {
		gate_puts(f->stream, bytes, size);
		return size;
	}
	const unsigned char *end = memrchr(bytes, '\n', size);
	size_t lines = end ? (size_t)(end - bytes) + 1 : 0;
	if (lines > 0) {
		gather((const char *)bytes, lines);
		flush_output();
	}
	gather((const char *)bytes + lines, size - lines);
	return size;
}

static bool is_ours(FILE *f)
{
	return f == stdout || f == stderr;
}

LIBC int fflush(FILE *f)
{
	if (!f || f == stdout)
		flush_output();
	return 0;
}

LIBC_IMPLICIT size_t fwrite(const void *restrict from, size_t size, size_t count, FILE *restrict f)
{
	size_t all;
	if (!is_ours(f) || __builtin_mul_overflow(size, count, &all)) {
		errno = EBADF;
		return 0;
	}
	if (all == 0)
		return 0;
	write_bytes(f, from, all);
	return count;
}

/* Inside musl: of what one call writes. */
size_t __fwritex(const unsigned char *restrict, size_t, FILE *restrict);
LIBC size_t __fwritex(const unsigned char *restrict from, size_t size, FILE *restrict f)
{
	return fwrite(from, 1, size, f);
}

LIBC_IMPLICIT int fputs(const char *restrict s, FILE *restrict f)
{
	size_t n = strlen(s);
	return n == 0 || fwrite(s, n, 1, f) == 1 ? 0 : EOF;
}

LIBC_IMPLICIT int puts(const char *s)
{
	gather(s, strlen(s));
	write_bytes(stdout, (const unsigned char *)"\n", 1);
	return 0;
}

LIBC_IMPLICIT int fputc(int c, FILE *f)
{
	unsigned char byte = (unsigned char)c;
	return fwrite(&byte, 1, 1, f) == 1 ? byte : EOF;
}

LIBC_IMPLICIT int putc(int c, FILE *f)
{
	return fputc(c, f);
}

LIBC_IMPLICIT int putchar(int c)
{
	return fputc(c, stdout);
}

/* ---- The printf family ---- */

/* Formatted text is gathered on the stack, so that one call is one write if it is short. */
struct file_sink {
	struct format_sink sink;
	FILE *file;
	size_t used;
	char text[256];
};

static void file_write(struct format_sink *s, const char *bytes, size_t size)
{
	struct file_sink *f = (struct file_sink *)s;
	if (size > sizeof f->text - f->used) {
		write_bytes(f->file, (const unsigned char *)f->text, f->used);
		f->used = 0;
	}
	if (size > sizeof f->text) {
		write_bytes(f->file, (const unsigned char *)bytes, size);
		return;
	}
	memcpy(f->text + f->used, bytes, size);
	f->used += size;
}

LIBC int vfprintf(FILE *restrict f, const char *restrict text, va_list arguments)
{
	struct file_sink s UNINITIALIZED;
	if (!is_ours(f)) {
		errno = EBADF;
		return -1;
	}
	s.sink.write = file_write;
	s.sink.rare = libc_format_rare;
	s.file = f;
	s.used = 0;
	int result = libc_format(&s.sink, text, arguments);
	if (s.used > 0)
		write_bytes(f, (const unsigned char *)s.text, s.used);
	return result;
}

LIBC int vprintf(const char *restrict text, va_list arguments)
{
	return vfprintf(stdout, text, arguments);
}

LIBC int printf(const char *restrict text, ...)
{
	va_list arguments;
	va_start(arguments, text);
	int result = vfprintf(stdout, text, arguments);
	va_end(arguments);
	return result;
}

LIBC int fprintf(FILE *restrict f, const char *restrict text, ...)
{
	va_list arguments;
	va_start(arguments, text);
	int result = vfprintf(f, text, arguments);
	va_end(arguments);
	return result;
}

/* Keeps what fits and leaves room for the end. */
static void memory_write(struct format_sink *s, const char *bytes, size_t size)
{
	if (size > s->room)
		size = s->room;
	memcpy(s->at, bytes, size);
	s->at += size;
	s->room -= size;
}

static int print_to_memory(char *to, size_t size, const char *text, va_list arguments,
                           format_rare_fn *rare)
{
	char nowhere[1];
	struct format_sink s = { .write = memory_write,
		                 .at = size > 0 ? to : nowhere,
		                 .room = size > 0 ? size - 1 : 0,
		                 .rare = rare };
	int result = libc_format(&s, text, arguments);
	*s.at = '\0';
	return result;
}

LIBC int vsnprintf(char *restrict to, size_t size, const char *restrict text, va_list arguments)
{
	return print_to_memory(to, size, text, arguments, libc_format_rare);
}

#ifdef __AMPOULE__
int print_text_list(char *to, size_t size, const char *text, va_list arguments)
{
	return print_to_memory(to, size, text, arguments, NULL);
}

int print_text(char *to, size_t size, const char *text, ...)
{
	va_list arguments;
	va_start(arguments, text);
	int result = print_text_list(to, size, text, arguments);
	va_end(arguments);
	return result;
}
#endif

LIBC int snprintf(char *restrict to, size_t size, const char *restrict text, ...)
{
	va_list arguments;
	va_start(arguments, text);
	int result = vsnprintf(to, size, text, arguments);
	va_end(arguments);
	return result;
}

LIBC int vsprintf(char *restrict to, const char *restrict text, va_list arguments)
{
	return vsnprintf(to, INT_MAX, text, arguments);
}

LIBC int sprintf(char *restrict to, const char *restrict text, ...)
{
	va_list arguments;
	va_start(arguments, text);
	int result = vsnprintf(to, INT_MAX, text, arguments);
	va_end(arguments);
	return result;
}
