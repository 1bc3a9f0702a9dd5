/* SPDX-License-Identifier: ISC */
/* Answers with a file of a site: which variant, under which condition, which part of it. */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/random.h>

#define LINES_MAX 768u /* bytes of a variant's fields and one more */

struct lines {
	char bytes[LINES_MAX];
	uint32_t size;
	bool failed;
};

static void add(struct lines *l, const char *text, size_t size)
{
	if (size > sizeof l->bytes - l->size) {
		l->failed = true;
		return;
	}
	memcpy(l->bytes + l->size, text, size);
	l->size += (uint32_t)size;
}

static void add_text(struct lines *l, const char *text)
{
	add(l, text, strlen(text));
}

static void add_number(struct lines *l, uint64_t v)
{
	char digits[20];
	add(l, digits, http_number_print(digits, v));
}

static void add_content_range(struct lines *l, const struct http_range *r, uint64_t size)
{
	add_text(l, "Content-Range: bytes ");
	add_number(l, r->from);
	add_text(l, "-");
	add_number(l, r->from + r->size - 1);
	add_text(l, "/");
	add_number(l, size);
	add_text(l, "\r\n");
}

/* The fields without Content-Type: what a 304 keeps (RFC 9110 §15.4.5), and what goes before a
 * multipart's own. */
static void add_without_type(struct lines *l, const struct http_variant *v)
{
	struct http_text rest = { v->fields, v->fields_size };
	while (rest.size) {
		const char *end = memchr(rest.bytes, '\n', rest.size);
		uint32_t n = end ? (uint32_t)(end - rest.bytes) + 1 : rest.size;
		if (n < 13 ||
		    !http_text_is_nocase((struct http_text){ rest.bytes, 13 }, "content-type:"))
			add(l, rest.bytes, n);
		rest.bytes += n;
		rest.size -= n;
	}
}

static struct http_text type_line(const struct http_variant *v)
{
	for (const char *p = v->fields, *end = p + v->fields_size; p < end;) {
		const char *next = memchr(p, '\n', (size_t)(end - p));
		uint32_t n = next ? (uint32_t)(next - p) + 1 : (uint32_t)(end - p);
		if (n > 13 && http_text_is_nocase((struct http_text){ p, 13 }, "content-type:"))
			return (struct http_text){ p, n };
		p += n;
	}
	return (struct http_text){ "", 0 };
}

static int finish(struct http_exchange *x, int error)
{
	if (!error) {
		http_complete(x);
		return OK;
	}
	return http_failed(x, error);
}

static int one_range(struct http_exchange *x, const struct http_variant *v,
                     const struct http_range *r)
{
	struct lines l = { .size = 0 };
	add(&l, v->fields, v->fields_size);
	add_content_range(&l, r, v->size);
	if (l.failed)
		return http_fail(x, 500);
	int error = http_send_head(x, 206, l.bytes, l.size, r->size);
	if (!error && !x->head_only) {
		error = http_send_static(x, v->bytes + r->from, r->size);
		x->out_bytes = r->size;
	}
	return finish(x, error);
}

/* RFC 9110 §14.6. What stands before part k, or at the end of all. */
static void part_head(struct lines *l, const struct http_variant *v, const struct http_range *r,
                      uint64_t boundary)
{
	struct http_text type = type_line(v);
	l->size = 0;
	add_text(l, "\r\n--");
	add_number(l, boundary);
	if (!r) {
		add_text(l, "--\r\n");
		return;
	}
	add_text(l, "\r\n");
	add(l, type.bytes, type.size);
	add_content_range(l, r, v->size);
	add_text(l, "\r\n");
}

static int many_ranges(struct http_exchange *x, const struct http_variant *v,
                       const struct http_range *r, int count)
{
	struct lines l = { .size = 0 };
	/* Drawn anew for each response: no file can hold it but by chance, whoever wrote it (RFC
	 * 2046 §5.1.1). */
	uint64_t boundary = (uint64_t)random_u32() << 32 | random_u32(), size = 0;
	for (int k = 0; k <= count; k++) {
		part_head(&l, v, k < count ? &r[k] : NULL, boundary);
		size += l.size + (k < count ? r[k].size : 0);
	}
	l.size = 0;
	add_text(&l, "Content-Type: multipart/byteranges; boundary=");
	add_number(&l, boundary);
	add_text(&l, "\r\n");
	add_without_type(&l, v);
	if (l.failed)
		return http_fail(x, 500);
	int error = http_send_head(x, 206, l.bytes, l.size, size);
	for (int k = 0; !error && !x->head_only && k <= count; k++) {
		part_head(&l, v, k < count ? &r[k] : NULL, boundary);
		error = http_send(x, l.bytes, l.size);
		if (!error && k < count)
			error = http_send_static(x, v->bytes + r[k].from, r[k].size);
	}
	x->out_bytes = x->head_only ? 0 : size;
	return finish(x, error);
}

int http_reply_resource(struct http_exchange *x, const struct http_resource *from)
{
	if (x->phase != PHASE_HANDLER)
		return ERR_INVALID;
	if (!x->connection)
		return ERR_CLOSED;
	struct http_text method = http_method(x);
	bool get = http_text_is(method, "GET");
	if (!get && !http_text_is(method, "HEAD")) {
		http_set(x, "Allow", "GET, HEAD");
		return http_fail(x, 405);
	}
	const struct http_variant *v = &from->identity;
	if (from->gzip.bytes && http_accepts_coding(x, "gzip"))
		v = &from->gzip;
	uint32_t status = http_condition(x, v->etag, from->modified);
	struct lines l RAW;
	l.size = 0;
	l.failed = false;
	if (status) {
		add_without_type(&l, v);
		return finish(x, http_send_head(x, status, l.bytes, l.size,
		                                status == 412 ? 0 : HTTP_UNKNOWN));
	}
	struct http_range ranges[HTTP_RANGES_MAX] RAW;
	struct http_text range = { NULL, 0 };
	if (get && http_head_may_have(&x->head, HTTP_NAME("range")))
		range = http_header(x, "range");
	int count = range.bytes && http_if_range(x, v->etag, from->modified)
	                    ? http_ranges(range, v->size, ranges)
	                    : 0;
	if (count < 0) {
		add_text(&l, "Content-Range: bytes */");
		add_number(&l, v->size);
		add_text(&l, "\r\n");
		return finish(x, http_send_head(x, 416, l.bytes, l.size, 0));
	}
	if (count)
		return count == 1 ? one_range(x, v, ranges) : many_ranges(x, v, ranges, count);
	int error = http_send_head_and(x, 200, v->fields, v->fields_size,
	                               "Accept-Ranges: bytes\r\n", v->size);
	if (!error && v->size && !x->head_only) {
		error = http_send_static(x, v->bytes, v->size);
		x->out_bytes = v->size;
	}
	return finish(x, error);
}
