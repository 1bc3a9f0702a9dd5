/* SPDX-License-Identifier: ISC */
/* application/x-www-form-urlencoded (the URL Standard's): pairs by &, + for a space, percent signs.
 */
#include <app/http/form.h>

#include <app/http/http_internal.h>

/* Decodes the next character; -1: malformed, or NUL, which would end the text for some and not for others. */
static int next(const char **p, const char *end)
{
	char c = *(*p)++;
	if (c == '+')
		return ' ';
	if (c != '%')
		return c ? (uint8_t)c : -1;
	if (end - *p < 2)
		return -1;
	uint8_t high = http_hex((*p)[0]), low = http_hex((*p)[1]);
	*p += 2;
	return high > 15 || low > 15 || !(high | low) ? -1 : high << 4 | low;
}

int http_form_value(struct http_text form, const char *name, char *to, uint32_t size)
{
	const char *p = form.bytes, *end = p + form.size;
	while (p < end) {
		const char *n = name;
		bool match = true;
		while (p < end && *p != '=' && *p != '&') {
			int c = next(&p, end);
			if (c < 0)
				return ERR_MALFORMED;
			match = match && *n && (uint8_t)*n++ == c;
		}
		match = match && !*n;
		if (p < end && *p == '=')
			p++;
		uint32_t out = 0;
		while (p < end && *p != '&') {
			int c = next(&p, end);
			if (c < 0)
				return ERR_MALFORMED;
			if (match && out + 1 >= size)
				return ERR_TOO_BIG;
			if (match)
				to[out++] = (char)c;
		}
		if (match) {
			if (!size)
				return ERR_TOO_BIG;
			to[out] = 0;
			return (int)out;
		}
		p += p < end; /* the & */
	}
	return ERR_ABSENT;
}

/* Up to one of both signs or the end. How long; an error. */
static int decode(const char **p, const char *end, bool name, char *to, uint32_t room)
{
	uint32_t n = 0;
	while (*p < end && **p != '&' && !(name && **p == '=')) {
		int c = next(p, end);
		if (c < 0)
			return ERR_MALFORMED;
		if (n + 1 >= room)
			return ERR_TOO_BIG;
		to[n++] = (char)c;
	}
	if (!room)
		return ERR_TOO_BIG;
	to[n] = 0;
	return (int)n;
}

int http_form_next(struct http_text *rest, char *name, uint32_t name_room, char *value,
                   uint32_t value_room)
{
	const char *p = rest->bytes, *end = p + rest->size;
	while (p < end && *p == '&')
		p++;
	if (p == end)
		return 0;
	int error = decode(&p, end, true, name, name_room);
	p += p < end && *p == '=';
	if (error >= 0)
		error = decode(&p, end, false, value, value_room);
	*rest = (struct http_text){ p, (uint32_t)(end - p) };
	return error < 0 ? error : 1;
}
