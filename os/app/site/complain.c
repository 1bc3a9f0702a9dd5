/* SPDX-License-Identifier: ISC */
/* Errors of the site compiler: one line, nothing left behind. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "builder.h"

const char *site_unfinished;

void site_fail(const char *format, ...)
{
	va_list ap;
	char line[2 * PATH_MAX];
	va_start(ap, format);
	vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	for (char *p = line; *p; p++) { /* names may hold anything; this is one line */
		if ((uint8_t)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	if (site_unfinished)
		unlink(site_unfinished);
	fprintf(stderr, "%s\n", line);
	exit(1);
}

void *site_checked(void *p)
{
	if (!p)
		site_fail("ampoule-web-site: out of memory");
	return p;
}

char *site_text(const char *format, ...)
{
	char *s;
	va_list ap;
	va_start(ap, format);
	if (vasprintf(&s, format, ap) < 0)
		site_checked(NULL);
	va_end(ap);
	return s;
}
