/* SPDX-License-Identifier: ISC */
/*
 * What an appliance has written, in the form that Kubernetes reads (CRI): a line is
 *
 *   2026-11-28T12:00:00.123456789Z stdout F text
 *
 * P in the place of F says that the line goes on in the next one of the same stream. A log that has reached its bound becomes
 * `log.1`, in the place of an earlier one: both together never hold more than twice the bound. A log that cannot be written
 * loses what came, and never holds the appliance up.
 */
#ifndef SUPERVISOR_LOG_H
#define SUPERVISOR_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_SIZE_DEFAULT (1u << 20) /* bytes of `log`; the folder is in memory as a rule */
#define LOG_SIZE_MIN     (128u << 10)
#define LOG_LINE_MAX     4096u /* bytes; longer ones are cut into parts */

enum log_stream { LOG_STDOUT, LOG_STDERR, LOG_STREAMS };

struct log {
	int folder, fd;
	uint64_t size, max;
	struct {
		size_t used;
		char line[LOG_LINE_MAX]; /* what has come without its end of line */
	} streams[LOG_STREAMS];
	size_t used;
	char room[96 << 10]; /* lines on their way to the file */
};

/* Goes on with the log that is there. */
void log_open(struct log *, int folder, uint64_t max);
/* What was read of a stream; written to the file before it returns. */
void log_bytes(struct log *, enum log_stream, const char *, size_t);
/* No more comes: a line without an end has ended. */
void log_end(struct log *);
/* A line of the supervisor's own. */
__attribute__((format(printf, 2, 3))) void log_note(struct log *, const char *format, ...);

#endif
