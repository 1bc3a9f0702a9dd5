/* SPDX-License-Identifier: ISC */
/*
 * Levelled log lines on AMP_STREAM_LOG: "[   0.000123] net: text". Quiet by default: warnings and errors only,
 * unless boot_info->log_level says otherwise. Each call writes one line. The format has no newline and no floating-point or
 * wide conversions (print.h). Lines are cut at 512 bytes. Control characters in the text are written as \xNN, so that
 * bytes from the network cannot forge a line.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

bool log_wants(enum log_level);
__attribute__((format(printf, 3, 4))) void log_line(enum log_level, const char *who,
                                                    const char *format, ...);

/* Sees each line that is written, from now on: its text as it stands there, without time, `who` and line end. It is called on whatever
 * stack logs, and must not block; what it logs itself it does not see. Null: nobody. */
typedef void log_watch_fn(enum log_level, const char *who, const char *text, size_t size);
void log_watch(log_watch_fn *);

/* `who` is the noun that the line is about: "arp", "dns". Arguments are evaluated only if the line is wanted. */
#define log_at(level_, ...)                                                                        \
	do {                                                                                       \
		if (log_wants(level_))                                                             \
			log_line(level_, __VA_ARGS__);                                             \
	} while (0)
#define log_error(...)   log_at(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_DEBUG, __VA_ARGS__)

#endif
