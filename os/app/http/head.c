/* SPDX-License-Identifier: ISC */
/*
 * Heads are parsed strictly (RFC 9112 §2.2, 5.1, 5.2): lines end in CRLF and nothing else, no field
 * line is folded, no white space stands before a colon. What says two things about where a message
 * ends is refused (§6.3, 11.2).
 */
#include <app/http/http_internal.h>

#include <string.h>

int64_t http_head_scan(const char *bytes, uint32_t size, uint32_t *at)
{
	const char *line = bytes + *at, *end = bytes + size;
	for (const char *p = line; p < end; p++) {
		if ((uint8_t)*p > '\r')
			continue;
		/* What will not get better is told at once: the answer must not hang on how the
		 * bytes were cut. */
		if (*p == '\n' || *p == 0)
			return ERR_MALFORMED;
		if (*p != '\r')
			continue;
		if (p + 1 == end)
			return 0;
		if (*++p != '\n')
			return ERR_MALFORMED;
		*at = (uint32_t)(p - bytes) + 1;
		if (p == line + 1)
			return *at;
		line = p + 1;
	}
	return 0;
}

/* ---- Lines ---- */

struct lines {
	const char *base;
	uint32_t at, size;
};

/* The next line without CRLF. The head was scanned: each has one. A CR or NUL inside is refused by
 * who reads it. */
static struct http_text line_next(struct lines *l)
{
	const char *start = l->base + l->at, *end = memchr(start, '\n', l->size - l->at);
	if (!end)
		return (struct http_text){ start, 0 };
	l->at = (uint32_t)(end - l->base) + 1;
	return (struct http_text){ start, (uint32_t)(end - start) - 1 };
}

static struct http_span span(const struct http_head *h, const char *from, const char *to)
{
	return (struct http_span){ (uint16_t)(from - h->base), (uint16_t)(to - from) };
}

/* RFC 9110 §5.5: visible characters, obs-text, spaces and tabs. */
static bool value_fits(const char *p, const char *end)
{
	for (; p < end; p++) {
		if (((uint8_t)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return false;
	}
	return true;
}

static bool field_parse(struct http_head *h, struct http_text line)
{
	const char *p = line.bytes, *end = p + line.size, *name = p;
	while (p < end && http_is_token(*p))
		p++;
	if (p == name || p == end || *p != ':')
		return false;
	struct http_field *f = &h->fields[h->field_count];
	f->name = span(h, name, p++);
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (!value_fits(p, end))
		return false;
	f->value = span(h, p, end);
	h->field_count++;
	return true;
}

/* All fields. 0 or a status. */
static uint32_t fields_parse(struct http_head *h, struct lines *l)
{
	for (;;) {
		struct http_text line = line_next(l);
		if (!line.size)
			return 0;
		if (h->field_count == HTTP_FIELDS_MAX)
			return 431;
		if (!field_parse(h, line))
			return 400;
	}
}

struct http_text http_head_field(const struct http_head *h, const char *name, uint32_t *at)
{
	for (; *at < h->field_count; ++*at) {
		if (http_text_is_nocase(http_span_text(h, h->fields[*at].name), name))
			return http_span_text(h, h->fields[(*at)++].value);
	}
	return (struct http_text){ NULL, 0 };
}

/* ---- What the fields say about the message ---- */

static void connection_options(struct http_head *h)
{
	struct http_text list, option;
	h->close = h->minor == 0;
	for (uint32_t at = 0; (list = http_head_field(h, "connection", &at)).bytes;) {
		while (http_list_next(&list, &option)) {
			if (http_text_is_nocase(option, "close"))
				h->close = true;
			else if (http_text_is_nocase(option, "keep-alive"))
				h->keep_alive = true;
		}
	}
	if (h->minor == 0 && h->keep_alive)
		h->close = false;
}

/* RFC 9112 §6. 0 or a status. */
static uint32_t framing(struct http_head *h)
{
	uint32_t at = 0;
	struct http_text length = http_head_field(h, "content-length", &at);
	if (length.bytes) {
		h->has_length = true;
		if (!http_number(length, &h->length) ||
		    http_head_field(h, "content-length", &at).bytes)
			return 400;
	}
	at = 0;
	struct http_text coding = http_head_field(h, "transfer-encoding", &at);
	if (!coding.bytes)
		return 0;
	/* §6.1: both of them, or any in HTTP/1.0, smells of smuggling. */
	if (h->has_length || h->minor == 0 || http_head_field(h, "transfer-encoding", &at).bytes)
		return 400;
	if (!http_text_is_nocase(coding, "chunked"))
		return coding.size ? 501 : 400;
	h->chunked = true;
	return 0;
}

/* RFC 9112 §3.2: one Host, and a name that can be one (RFC 3986 §3.2.2). */
static bool host_fits(struct http_head *h)
{
	uint32_t at = 0;
	struct http_text host = http_head_field(h, "host", &at);
	if (!host.bytes)
		return h->minor == 0;
	if (http_head_field(h, "host", &at).bytes)
		return false;
	return http_is_authority(host);
}

/* "HTTP/1.1", minor version into the head. 0 or a status. */
static uint32_t version_parse(struct http_head *h, struct http_text v)
{
	if (v.size != 8 || memcmp(v.bytes, "HTTP/", 5) != 0 || v.bytes[6] != '.' ||
	    v.bytes[5] < '0' || v.bytes[5] > '9' || v.bytes[7] < '0' || v.bytes[7] > '9')
		return 400;
	if (v.bytes[5] != '1')
		return 505;
	h->minor = v.bytes[7] != '0';
	return 0;
}

uint32_t http_head_request(struct http_head *h, const char *bytes, uint32_t size)
{
	struct lines l = { bytes, 0, size };
	h->base = bytes;
	h->size = size;
	h->field_count = 0;
	h->chunked = h->has_length = h->close = h->keep_alive = h->expect_continue = false;
	h->length = 0;
	h->minor = 1;
	struct http_text line = line_next(&l);
	if (!line.size) /* §2.2: an empty line before the request */
		line = line_next(&l);
	const char *p = line.bytes, *end = p + line.size;
	while (p < end && http_is_token(*p))
		p++;
	h->method = span(h, line.bytes, p);
	if (p == line.bytes || p == end || *p++ != ' ')
		return 400;
	const char *target = p;
	while (p < end && (uint8_t)*p > 0x20 && (uint8_t)*p < 0x7f)
		p++;
	h->target = span(h, target, p);
	if (p == target || p == end || *p++ != ' ')
		return 400;
	if (h->target.size > HTTP_TARGET_MAX)
		return 414;
	uint32_t status = version_parse(h, (struct http_text){ p, (uint32_t)(end - p) });
	if (!status)
		status = fields_parse(h, &l);
	if (!status && !host_fits(h))
		status = 400;
	if (!status)
		status = framing(h);
	if (status)
		return status;
	connection_options(h);
	uint32_t at = 0;
	struct http_text expect = http_head_field(h, "expect", &at);
	if (expect.bytes && h->minor) {
		if (!http_text_is_nocase(expect, "100-continue"))
			return 417;
		h->expect_continue = true;
	}
	return 0;
}

bool http_head_response(struct http_head *h, const char *bytes, uint32_t size)
{
	struct lines l = { bytes, 0, size };
	h->base = bytes;
	h->size = size;
	h->field_count = 0;
	h->chunked = h->has_length = h->close = h->keep_alive = h->expect_continue = false;
	h->length = 0;
	struct http_text line = line_next(&l);
	if (line.size < 12 || version_parse(h, (struct http_text){ line.bytes, 8 }) ||
	    line.bytes[8] != ' ' || (line.size > 12 && line.bytes[12] != ' ') ||
	    !value_fits(line.bytes, line.bytes + line.size))
		return false;
	uint64_t status;
	if (!http_number((struct http_text){ line.bytes + 9, 3 }, &status) || status < 100)
		return false;
	h->status = (uint16_t)status;
	if (fields_parse(h, &l))
		return false;
	/* A response may say both (RFC 9112 §6.3): the coding counts, and the connection ends with
	 * it. */
	uint32_t at = 0;
	struct http_text coding = http_head_field(h, "transfer-encoding", &at);
	at = 0;
	struct http_text length = http_head_field(h, "content-length", &at);
	connection_options(h);
	if (coding.bytes) {
		h->chunked = http_text_is_nocase(coding, "chunked");
		h->close |= length.bytes != NULL || !h->chunked;
		return h->minor == 1;
	}
	if (!length.bytes)
		return true;
	h->has_length = true;
	return http_number(length, &h->length) && !http_head_field(h, "content-length", &at).bytes;
}
