/* SPDX-License-Identifier: ISC */
/* Range (RFC 9110 §14.1.2, 14.2): what is malformed, or asks for too many pieces or the same bytes
 * again and again, is ignored, and all is sent. */
#include <app/http/http_internal.h>

#include <string.h>

/* One "from-to", "from-", "-last". 1: into *r, 0: not satisfiable, -1: malformed. */
static int range_parse(struct http_text t, uint64_t size, struct http_range *r)
{
	const char *dash = memchr(t.bytes, '-', t.size);
	if (!dash)
		return -1;
	struct http_text from = { t.bytes, (uint32_t)(dash - t.bytes) },
	                 to = { dash + 1, t.size - from.size - 1 };
	uint64_t first, last;
	if (!from.size) {
		if (!http_number(to, &last))
			return -1;
		if (!last)
			return 0;
		r->size = last < size ? last : size;
		r->from = size - r->size;
		return 1;
	}
	if (!http_number(from, &first) || (to.size && !http_number(to, &last)))
		return -1;
	if (!to.size)
		last = UINT64_MAX;
	if (last < first)
		return -1;
	if (first >= size)
		return 0;
	r->from = first;
	r->size = (last < size ? last + 1 : size) - first;
	return 1;
}

int http_ranges(struct http_text field, uint64_t size, struct http_range *to)
{
	struct http_text element;
	int n = 0;
	uint64_t sum = 0;
	bool any = false;
	/* Of nothing no part can be had: clients that always ask for ranges get all of it, not an error. */
	if (!size || field.size < 6 ||
	    !http_text_is_nocase((struct http_text){ field.bytes, 6 }, "bytes="))
		return 0;
	field.bytes += 6;
	field.size -= 6;
	while (http_list_next(&field, &element)) {
		struct http_range r;
		int fits = range_parse(element, size, &r);
		if (fits < 0)
			return 0;
		any = true;
		if (!fits)
			continue;
		if (n == HTTP_RANGES_MAX)
			return 0;
		sum += r.size;
		to[n++] = r;
	}
	if (!any || sum > 2 * size) /* §17.15: overlapping ones multiply the work */
		return 0;
	return n ? n : -1;
}
