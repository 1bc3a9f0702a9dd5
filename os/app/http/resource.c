/* SPDX-License-Identifier: ISC */
/* Answers with a file of a site: which variant, under which condition, which part of it. */
#include <app/http/http_internal.h>

#include <string.h>

#include <core/cold.h>
#include <core/random.h>

#define LINES_MAX 2304u /* bytes of a variant's fields and one more */

#define RANGE_LINE_MAX 96u /* a Content-Range with three numbers of 20 digits */

struct lines {
	char *bytes;
	uint32_t room, size;
	bool failed;
};

static void add(struct lines *l, const char *text, size_t size)
{
	if (size > l->room - l->size) {
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

/* The next of a variant's lines; size 0: no more. */
static struct http_text line_next(struct http_text *rest)
{
	const char *end = memchr(rest->bytes, '\n', rest->size);
	struct http_text line = { rest->bytes,
		                  end ? (uint32_t)(end - rest->bytes) + 1 : rest->size };
	rest->bytes += line.size;
	rest->size -= line.size;
	return line;
}

static bool starts(struct http_text line, const char *name)
{
	uint32_t size = (uint32_t)strlen(name);
	return line.size > size &&
	       http_text_is_nocase((struct http_text){ line.bytes, size }, name);
}

/* The fields but those of the content: what a 304 keeps (RFC 9110 §15.4.5), and what a multipart has itself. Of a 412 the
 * file's life in caches is none of its own. */
static void add_without_content(struct lines *l, const struct http_variant *v, uint32_t status)
{
	struct http_text rest = { v->fields, v->fields_size };
	while (rest.size) {
		struct http_text line = line_next(&rest);
		bool life = starts(line, "cache-control:") || starts(line, "expires:");
		if (!http_describes_content(line.bytes, line.size) && !(life && status == 412))
			add(l, line.bytes, line.size);
	}
}

/* The whole line of that field; size 0: there is none. `name`: with its colon. */
static struct http_text field_line(const struct http_variant *v, const char *name)
{
	struct http_text rest = { v->fields, v->fields_size };
	while (rest.size) {
		struct http_text line = line_next(&rest);
		if (starts(line, name))
			return line;
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
	char bytes[RANGE_LINE_MAX] RAW;
	struct lines l = { .bytes = bytes, .room = sizeof bytes };
	add_content_range(&l, r, v->size);
	add(&l, "", 1);
	int error = http_send_head_and(x, 206, v->fields, v->fields_size, bytes, r->size);
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
	struct http_text type = field_line(v, "content-type:");
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

static COLD int many_ranges(struct http_exchange *x, const struct http_variant *v,
                            const struct http_range *r, int count)
{
	char bytes[LINES_MAX] RAW;
	struct lines l = { .bytes = bytes, .room = sizeof bytes };
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
	add_without_content(&l, v, 206);
	if (l.failed)
		return http_fail(x, 500);
	http_forget_representation(x, true);
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

/* 304 or 412. */
static COLD int condition_failed(struct http_exchange *x, const struct http_variant *v,
                                 uint32_t status)
{
	char bytes[LINES_MAX] RAW;
	struct lines l = { .bytes = bytes, .room = sizeof bytes };
	add_without_content(&l, v, status);
	if (l.failed)
		return http_fail(x, 500);
	http_forget_representation(x, true);
	return finish(x,
	              http_send_head(x, status, bytes, l.size, status == 412 ? 0 : HTTP_UNKNOWN));
}

static COLD int no_range(struct http_exchange *x, uint64_t size)
{
	char bytes[RANGE_LINE_MAX] RAW;
	struct lines l = { .bytes = bytes, .room = sizeof bytes };
	add_text(&l, "Content-Range: bytes */");
	add_number(&l, size);
	add_text(&l, "\r\n");
	http_forget_representation(x, true);
	return finish(x, http_send_head(x, 416, bytes, l.size, 0));
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
	enum http_coding coding = from->gzip.bytes || from->br.bytes
	                                  ? http_choose_coding(x, from->gzip.bytes, from->br.bytes)
	                                  : CODING_NONE;
	if (coding != CODING_NONE)
		v = coding == CODING_BR ? &from->br : &from->gzip;
	uint32_t status = http_condition(x, v->etag, from->modified);
	if (status)
		return condition_failed(x, v, status);
	struct http_range ranges[HTTP_RANGES_MAX] RAW;
	struct http_text range = { NULL, 0 };
	if (get && http_head_may_have(&x->head, HTTP_NAME("range")))
		range = http_header(x, "range");
	int count = range.bytes && http_if_range(x, v->etag, from->modified)
	                    ? http_ranges(range, v->size, ranges)
	                    : 0;
	if (count < 0)
		return no_range(x, v->size);
	/* Parts of a compressed file, each with a head before it, are nothing that a client could unpack. */
	if (count > 1 && field_line(v, "content-encoding:").size)
		count = 0;
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
