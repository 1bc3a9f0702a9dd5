/* SPDX-License-Identifier: ISC */
/* Log lines: formatted into one buffer, made harmless, one gate call each. */
#include <stdarg.h>
#include <stdint.h>

#include <core/boot.h>
#include <core/clock.h>
#include <core/cold.h>
#include <core/gate.h>
#include <core/log.h>
#include <core/print.h>

#define LOG_LINE_MAX 512 /* bytes, newline included */

bool log_wants(enum log_level level)
{
	return (uint32_t)level <= boot_info->log_level;
}

/* Copies text to a line; everything that is not printable ASCII becomes \xNN: escape sequences too
 * start with bytes above 0x7f in some terminals. Returns the bytes written, at most room. */
static int escape(char *to, int room, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	int at = 0;
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = c >= ' ' && c < 0x7f;
		if (at + (plain ? 1 : 4) > room)
			break;
		if (plain) {
			to[at++] = (char)c;
			continue;
		}
		to[at++] = '\\';
		to[at++] = 'x';
		to[at++] = digits[c >> 4];
		to[at++] = digits[c & 15];
	}
	return at;
}

static log_watch_fn *watcher;

COLD void log_watch(log_watch_fn *fn)
{
	watcher = fn;
}

/* A line that the watcher logs would come back to it. */
static COLD void show(enum log_level level, const char *who, const char *text, int size)
{
	log_watch_fn *fn = watcher;
	if (!fn)
		return;
	watcher = NULL;
	fn(level, who, text, (size_t)size);
	watcher = fn;
}

COLD void log_line(enum log_level level, const char *who, const char *format, ...)
{
	if (!log_wants(level))
		return;
	char text[LOG_LINE_MAX], line[LOG_LINE_MAX];
	va_list arguments;
	va_start(arguments, format);
	if (print_text_list(text, sizeof text, format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);

	uint64_t us = clock_now() / NS_PER_US;
	int at = print_text(line, sizeof line,
	                    "[%4llu.%06llu] %.64s: ", (unsigned long long)(us / 1000000),
	                    (unsigned long long)(us % 1000000), who);
	int size = escape(line + at, LOG_LINE_MAX - 1 - at, text), begin = at;
	at += size;
	line[at++] = '\n';
	gate_puts(AMP_STREAM_LOG, line, (uint64_t)at);
	show(level, who, line + begin, size);
}
