/* SPDX-License-Identifier: ISC */
/* application/x-www-form-urlencoded (the URL Standard's): pairs by &, + for a space, percent signs.
 */
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
