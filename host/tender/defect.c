/* SPDX-License-Identifier: ISC */
/* Lines for people: composed into fixed buffers, cleaned of control characters, written with one
 * call. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <tender/defect.h>

static void clean(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
}

int defect_set(struct defect *d, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(d->text, sizeof d->text, format, args);
	va_end(args);
	clean(d->text);
	return -1;
}

void say(const char *format, ...)
{
	char line[1024] = "ampoule: ";
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line + 9, sizeof line - 10, format, args);
	va_end(args);
	if (n < 0)
		return;
	if (n > (int)sizeof line - 11)
		n = sizeof line - 11;
	clean(line + 9);
	line[9 + n] = '\n';
	if (write(2, line, 10 + n) < 0)
		return;
}
