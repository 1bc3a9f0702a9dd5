/* SPDX-License-Identifier: ISC */
/* Which fields belong to the bytes that a message carries: they must not be said of other bytes, be it an error's page, a
 * multipart around parts, or none at all. */
#include <app/http/http_internal.h>

#include <string.h>

static bool is_one_of(const char *line, uint32_t size, const char *const *names)
{
	for (; *names; names++) {
		uint32_t n = (uint32_t)strlen(*names);
		if (n < size && line[n] == ':' &&
		    http_text_is_nocase((struct http_text){ line, n }, *names))
			return true;
	}
	return false;
}

bool http_describes_content(const char *line, uint32_t size)
{
	static const char *const names[] = { "content-type",     "content-encoding",
		                             "content-language", "content-disposition",
		                             "content-range",    "content-length",
		                             "content-digest",   "repr-digest",
		                             "content-md5",      NULL };
	return is_one_of(line, size, names);
}

void http_forget_representation(struct http_exchange *x, bool keep_validators)
{
	static const char *const validators[] = { "etag", "last-modified", "accept-ranges", NULL };
	uint32_t kept = 0;
	for (uint32_t at = 0; at < x->fields_size;) {
		const char *line = x->fields + at;
		const char *end = memchr(line, '\n', x->fields_size - at);
		uint32_t n = end ? (uint32_t)(end - line) + 1 : x->fields_size - at;
		if (!http_describes_content(line, n) &&
		    (keep_validators || !is_one_of(line, n, validators))) {
			memmove(x->fields + kept, line, n);
			kept += n;
		}
		at += n;
	}
	x->fields_size = kept;
}
