/* SPDX-License-Identifier: ISC */
/* Accept-Encoding (RFC 9110 §12.5.3): which coding does the client want, if any? */
#include <app/http/http_internal.h>

#include <string.h>

/* "coding;q=0.5" into its name and weight in thousandths; a malformed weight counts as 0. */
static uint32_t weight(struct http_text *element)
{
	const char *semicolon = memchr(element->bytes, ';', element->size);
	if (!semicolon)
		return 1000;
	const char *p = semicolon + 1, *end = element->bytes + element->size;
	element->size = (uint32_t)(semicolon - element->bytes);
	while (element->size && (element->bytes[element->size - 1] == ' ' ||
	                         element->bytes[element->size - 1] == '\t'))
		element->size--;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (end - p < 3 || http_lower(p[0]) != 'q' || p[1] != '=' || (p[2] != '0' && p[2] != '1'))
		return 0;
	uint32_t q = (uint32_t)(p[2] - '0') * 1000, scale = 100;
	if (end - p == 3)
		return q;
	if (p[3] != '.')
		return 0;
	for (p += 4; p < end && scale; p++, scale /= 10) {
		if (*p < '0' || *p > '9')
			return 0;
		q += (uint32_t)(*p - '0') * scale;
	}
	return p != end || q > 1000 ? 0 : q;
}

enum http_coding http_choose_coding(const struct http_exchange *x, bool gzip, bool br)
{
	struct http_text list, element;
	int32_t of_br = -1, of_gzip = -1, of_identity = -1, of_any = -1;
	if (!http_head_may_have(&x->head, HTTP_NAME("accept-encoding")))
		return CODING_NONE;
	for (uint32_t at = 0; (list = http_header_next(x, "accept-encoding", &at)).bytes;) {
		while (http_list_next(&list, &element)) {
			int32_t q = (int32_t)weight(&element);
			if (http_text_is_nocase(element, "gzip") ||
			    http_text_is_nocase(element, "x-gzip")) /* RFC 9110 §8.4.1.3 */
				of_gzip = q;
			else if (http_text_is_nocase(element, "br"))
				of_br = q;
			else if (http_text_is_nocase(element, "identity"))
				of_identity = q;
			else if (http_text_is(element, "*"))
				of_any = q;
		}
	}
	/* Without a word about it the plain form is acceptable, but who names codings prefers them. */
	of_br = !br ? 0 : of_br < 0 ? of_any : of_br;
	of_gzip = !gzip ? 0 : of_gzip < 0 ? of_any : of_gzip;
	int32_t best = of_br > of_gzip ? of_br : of_gzip;
	if (best <= 0 || best < of_identity)
		return CODING_NONE;
	return of_br == best ? CODING_BR : CODING_GZIP;
}
