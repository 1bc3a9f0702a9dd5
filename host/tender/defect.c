/* SPDX-License-Identifier: ISC */
/* Lines for people: composed into fixed buffers, cleaned of what a terminal acts on, written with one
 * call. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tender/defect.h>

/* The code point at `p` and its bytes (RFC 3629 section 4), or 0: none is there. */
static uint32_t code_point(const unsigned char *p, unsigned *bytes)
{
	uint32_t c = *p, least;
	unsigned more;
	if (c < 0x80)
		more = 0, least = 0;
	else if (c >= 0xc2 && c < 0xe0)
		more = 1, least = 0x80, c &= 0x1f;
	else if (c >= 0xe0 && c < 0xf0)
		more = 2, least = 0x800, c &= 0xf;
	else
		return 0; /* nothing above U+FFFF is shown */
	*bytes = 1 + more;
	for (; more; more--) {
		if ((*++p & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (*p & 0x3f);
	}
	return c < least ? 0 : c;
}

/* What a terminal shows as one sign and does nothing else for. Not here, and so not shown: all controls, what turns the
 * direction of writing, what has no width or changes its neighbour, and private use. */
static bool is_shown(uint32_t c)
{
	static const struct {
		uint16_t first, last;
	} signs[] = { { 0x20, 0x7e },     { 0xa1, 0xac },     { 0xae, 0x2ff },
		      { 0x370, 0x377 },   { 0x37a, 0x37f },   { 0x384, 0x482 },
		      { 0x48a, 0x52f },   { 0x531, 0x556 },   { 0x561, 0x587 },
		      { 0x10a0, 0x10ff }, { 0x1e00, 0x1fbc }, { 0x2010, 0x2027 },
		      { 0x2030, 0x205e }, { 0x2070, 0x208e }, { 0x20a0, 0x20bf },
		      { 0x2100, 0x218b }, { 0x2190, 0x23ff }, { 0x2460, 0x27bf },
		      { 0x3000, 0x3029 }, { 0x3041, 0x3096 }, { 0x30a0, 0x30ff },
		      { 0x3105, 0x312f }, { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff },
		      { 0xac00, 0xd7a3 }, { 0xff01, 0xff5e } };
	for (unsigned i = 0; i < sizeof signs / sizeof *signs; i++)
		if (c >= signs[i].first && c <= signs[i].last)
			return true;
	return false;
}

char *defect_clean(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p;) {
		unsigned bytes = 1;
		if (!is_shown(code_point(p, &bytes))) {
			*p++ = '?';
			continue;
		}
		p += bytes;
	}
	return text;
}

int defect_set(struct defect *d, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(d->text, sizeof d->text, format, args);
	va_end(args);
	defect_clean(d->text);
	return -1;
}

char say_prefix[SAY_PREFIX_MAX] = SAY_PREFIX;

void say_as(const char *verb)
{
	snprintf(say_prefix, sizeof say_prefix, "ampoule %s: ", verb);
}

void say(const char *format, ...)
{
	char line[1024];
	size_t head = strlen(say_prefix), room = sizeof line - head - 1;
	va_list args;
	memcpy(line, say_prefix, head);
	va_start(args, format);
	int n = vsnprintf(line + head, room, format, args);
	va_end(args);
	if (n < 0)
		return;
	size_t size = (size_t)n < room ? (size_t)n : room - 1;
	defect_clean(line + head);
	line[head + size] = '\n';
	if (write(2, line, head + size + 1) < 0)
		return;
}
