/* SPDX-License-Identifier: ISC */
/*
 * What heads say (their lines are cut in fields.c). What says two things about where a message ends
 * is refused (RFC 9112 §6.3, 11.2).
 */
#include <app/http/http_internal.h>

#include <string.h>

/* ---- What the fields say about the message ---- */

static void connection_options(struct http_head *h)
{
	struct http_text list, option;
	h->close = h->minor == 0;
	if (!http_head_may_have(h, HTTP_NAME("connection")))
		return;
	//@ loop assigns at, list, option, h->close, h->keep_alive;
	for (uint32_t at = 0; (list = HTTP_FIELD(h, "connection", &at)).bytes;) {
		/*@ loop invariant there(list.bytes, list.size);
		    loop assigns list, option, h->close, h->keep_alive; */
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
	if (!http_head_may_have(h, HTTP_NAME("content-length") | HTTP_NAME("transfer-encoding")))
		return 0;
	struct http_text length = HTTP_FIELD(h, "content-length", &at);
	if (length.bytes) {
		h->has_length = true;
		if (!http_number(length, &h->length) || HTTP_FIELD(h, "content-length", &at).bytes)
			return 400;
	}
	at = 0;
	struct http_text coding = HTTP_FIELD(h, "transfer-encoding", &at);
	if (!coding.bytes)
		return 0;
	/* §6.1: both of them, or any in HTTP/1.0, smells of smuggling. */
	if (h->has_length || h->minor == 0 || HTTP_FIELD(h, "transfer-encoding", &at).bytes)
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
	struct http_text host = HTTP_FIELD(h, "host", &at), name;
	if (!host.bytes)
		return h->minor == 0;
	if (h->twice & HTTP_NAME("host") && HTTP_FIELD(h, "host", &at).bytes)
		return false;
	return http_authority_split(host, &name);
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

/* RFC 9110 §10.1.1: a list, which may be empty; nothing of it counts in HTTP/1.0. 0 or a status. */
static uint32_t expectations(struct http_head *h)
{
	struct http_text list, expectation;
	if (!http_head_may_have(h, HTTP_NAME("expect")) || !h->minor)
		return 0;
	//@ loop assigns at, list, expectation, h->expect_continue;
	for (uint32_t at = 0; (list = HTTP_FIELD(h, "expect", &at)).bytes;) {
		/*@ loop invariant there(list.bytes, list.size);
		    loop assigns list, expectation, h->expect_continue; */
		while (http_list_next(&list, &expectation)) {
			if (!http_text_is_nocase(expectation, "100-continue"))
				return 417;
			h->expect_continue = true;
		}
	}
	return 0;
}

uint32_t http_head_request(struct http_head *h, const char *bytes, uint32_t size)
{
	struct http_lines l = { bytes, bytes + size };
	h->base = bytes;
	h->size = size;
	h->field_count = 0;
	h->names = h->twice = 0;
	h->chunked = h->has_length = h->close = h->keep_alive = h->expect_continue = false;
	h->length = 0;
	h->minor = 1;
	struct http_text line = http_line_next(&l);
	if (!line.size) /* §2.2: an empty line before the request */
		line = http_line_next(&l);
	const char *p = line.bytes, *end = p + line.size;
	//@ loop invariant upto(line.bytes, p) && upto(p, end) && there(p, end - p); loop assigns p;
	while (p < end && http_is_token(*p))
		p++;
	h->method = http_span(h, line.bytes, p);
	if (p == line.bytes || p == end || *p++ != ' ')
		return 400;
	const char *target = p;
	//@ loop invariant upto(target, p) && upto(p, end) && there(p, end - p); loop assigns p;
	while (p < end && (uint8_t)*p > 0x20 && (uint8_t)*p < 0x7f)
		p++;
	h->target = http_span(h, target, p);
	if (p == target || p == end || *p++ != ' ')
		return 400;
	if (h->target.size > HTTP_TARGET_MAX)
		return 414;
	//@ assert http_span_holds(h, h->method) && http_span_holds(h, h->target) && h->target.size > 0;
	uint32_t status = version_parse(h, (struct http_text){ p, (uint32_t)(end - p) });
	if (!status)
		status = http_fields_parse(h, &l);
	//@ assert http_span_holds(h, h->method) && http_span_holds(h, h->target) && h->target.size > 0;
	if (!status && !host_fits(h))
		status = 400;
	if (!status)
		status = framing(h);
	if (status)
		return status;
	connection_options(h);
	return expectations(h);
}

/* RFC 9112 §6.1, of a response: chunked last and once, or not at all; "identity" (RFC 2616) is none. Are there any? */
static bool response_codings(struct http_head *h)
{
	struct http_text list, coding;
	h->chunked = h->coded = false;
	//@ loop assigns at, list, coding, h->chunked, h->coded;
	for (uint32_t at = 0; (list = HTTP_FIELD(h, "transfer-encoding", &at)).bytes;) {
		/*@ loop invariant there(list.bytes, list.size);
		    loop assigns list, coding, h->chunked, h->coded; */
		while (http_list_next(&list, &coding)) {
			if (http_text_is_nocase(coding, "identity"))
				continue;
			if (h->chunked || !http_text_is_nocase(coding, "chunked"))
				h->coded = true;
			else
				h->chunked = true;
		}
	}
	return h->chunked || h->coded;
}

bool http_head_response(struct http_head *h, const char *bytes, uint32_t size)
{
	struct http_lines l = { bytes, bytes + size };
	h->base = bytes;
	h->size = size;
	h->field_count = 0;
	h->names = h->twice = 0;
	h->chunked = h->has_length = h->close = h->keep_alive = h->expect_continue = false;
	h->length = 0;
	struct http_text line = http_line_next(&l);
	if (line.size < 12 || version_parse(h, (struct http_text){ line.bytes, 8 }) ||
	    line.bytes[8] != ' ' || (line.size > 12 && line.bytes[12] != ' ') ||
	    http_value_end(line.bytes, line.bytes + line.size) != line.bytes + line.size)
		return false;
	uint64_t status;
	if (!http_number((struct http_text){ line.bytes + 9, 3 }, &status) || status < 100)
		return false;
	h->status = (uint16_t)status;
	if (http_fields_parse(h, &l))
		return false;
	/* A response may say both (RFC 9112 §6.3): the coding counts, and the connection ends with it. */
	connection_options(h);
	uint32_t at = 0;
	bool says_coding = HTTP_FIELD(h, "transfer-encoding", &at).bytes != NULL;
	at = 0;
	struct http_text length = HTTP_FIELD(h, "content-length", &at);
	if (says_coding && h->minor == 0)
		return false;
	if (response_codings(h)) {
		h->close |= length.bytes != NULL || !h->chunked;
		return true;
	}
	h->close |= says_coding;
	if (!length.bytes)
		return true;
	h->has_length = true;
	return http_number(length, &h->length) && !HTTP_FIELD(h, "content-length", &at).bytes;
}
