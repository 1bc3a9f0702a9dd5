/* SPDX-License-Identifier: ISC */
/* What the runtime says: on standard error, and in the file that the engine reads. */
#ifndef OCI_LOG_H
#define OCI_LOG_H

#include <stdbool.h>

/* `path` may be null; it is the caller's and stays. Lines are appended to it, as JSON or as text. */
void log_to(const char *path, bool json);

void log_error(const char *text);
__attribute__((format(printf, 1, 2))) void log_warning(const char *format, ...);

#endif
