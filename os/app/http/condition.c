/* SPDX-License-Identifier: ISC */
/* Conditional requests, in RFC 9110 §13.2.2's order. */
#include <app/http/http_internal.h>

#include <string.h>

static bool is_weak(struct http_text tag)
{
	return tag.size > 2 && tag.bytes[0] == 'W' && tag.bytes[1] == '/';
}

static struct http_text opaque(struct http_text tag)
{
	return is_weak(tag) ? (struct http_text){ tag.bytes + 2, tag.size - 2 } : tag;
}

/* RFC 9110 §8.8.3.2 */
static bool same(struct http_text a, const char *etag, bool strong)
{
	struct http_text b = { etag, (uint32_t)strlen(etag) };
	if (strong && (is_weak(a) || is_weak(b)))
		return false;
	struct http_text x = opaque(a), y = opaque(b);
	return x.size == y.size && x.size > 1 && x.bytes[0] == '"' &&
	       memcmp(x.bytes, y.bytes, x.size) == 0;
}

/* Is one of the field's tags this one, or is it "*"? */
static bool matches(const struct http_exchange *x, const char *name, const char *etag, bool strong,
                    bool *present)
{
	struct http_text list, tag;
	*present = false;
	for (uint32_t at = 0; (list = http_header_next(x, name, &at)).bytes;) {
		*present = true;
		while (http_list_next(&list, &tag)) {
			if (http_text_is(tag, "*") || (etag && same(tag, etag, strong)))
				return true;
		}
	}
	return false;
}

uint32_t http_condition(const struct http_exchange *x, const char *etag, int64_t modified)
{
	if (!http_head_may_have(&x->head, HTTP_NAME("if-match") | HTTP_NAME("if-none-match") |
	                                          HTTP_NAME("if-modified-since") |
	                                          HTTP_NAME("if-unmodified-since")))
		return 0;
	bool present, match = matches(x, "if-match", etag, true, &present);
	int64_t date;
	struct http_text method = http_method(x);
	bool reads = http_text_is(method, "GET") || http_text_is(method, "HEAD");
	if (present) {
		if (!match)
			return 412;
	} else if (modified &&
	           http_date_parse(http_header(x, "if-unmodified-since"), &date) == OK &&
	           modified > date) {
		return 412;
	}
	match = matches(x, "if-none-match", etag, false, &present);
	if (present)
		return !match ? 0 : reads ? 304 : 412;
	if (reads && modified &&
	    http_date_parse(http_header(x, "if-modified-since"), &date) == OK && modified <= date)
		return 304;
	return 0;
}

bool http_if_range(const struct http_exchange *x, const char *etag, int64_t modified)
{
	struct http_text t = http_header(x, "if-range");
	int64_t date;
	if (!t.bytes)
		return true;
	if (is_weak(t) || (t.size && t.bytes[0] == '"')) /* a date may begin with W, too */
		return etag && same(t, etag, true);
	return modified && http_date_parse(t, &date) == OK &&
	       date == modified; /* §13.1.5: exactly */
}
