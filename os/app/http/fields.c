/* SPDX-License-Identifier: ISC */
/*
 * Heads are cut strictly (RFC 9112 §2.2, 5.1, 5.2): lines end in CRLF and nothing else, no field
 * line is folded, no white space stands before a colon. Every byte of every request comes by here:
 * this is compiled for speed, and what they mean (head.c) for size.
 */
#include <app/http/http_internal.h>

#include <string.h>

/* Eight characters at a time, where none of them is special. */
#define EACH(byte_) (0x0101010101010101u * (uint8_t)(byte_))

static inline uint64_t load(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* Is one of them less than `byte` (at most 128)? */
static inline uint64_t any_less(uint64_t eight, uint8_t byte)
{
	return (eight - EACH(byte)) & ~eight & EACH(0x80);
}

int64_t http_head_scan(const char *bytes, uint32_t size, uint32_t *at)
{
	const char *line = bytes + *at, *end = bytes + size;
	for (const char *p = line; p < end; p++) {
		while (end - p > 8 && !any_less(load(p), '\r' + 1))
			p += 8;
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

struct http_text http_line_next(struct http_lines *c)
{
	const char *start = c->at, *end = memchr(start, '\n', (size_t)(c->end - start));
	if (!end)
		return (struct http_text){ start, 0 };
	c->at = end + 1;
	return (struct http_text){ start, (uint32_t)(end - start) - 1 };
}

/* Goes on over what a value may have (RFC 9110 §5.5: visible characters, obs-text, spaces and
 * tabs). */
const char *http_value_end(const char *p, const char *end)
{
	for (; p < end; p++) {
		while (end - p >= 8 && !any_less(load(p), 0x20) &&
		       !any_less(load(p) ^ EACH(0x7f), 1))
			p += 8;
		if (p == end || ((uint8_t)*p < 0x20 && *p != '\t') || *p == 0x7f)
			break;
	}
	return p;
}

/* A line "name: value". False: it is none. */
static bool field_parse(struct http_head *h, struct http_lines *c)
{
	const char *p = c->at, *end = c->end, *name = p;
	while (p < end && http_is_token(*p))
		p++;
	if (p == name || p == end || *p != ':')
		return false;
	struct http_field *f = &h->fields[h->field_count];
	f->name = http_span(h, name, p);
	h->names |= http_name_bit(name, f->name.size);
	for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
		;
	const char *value = p;
	p = http_value_end(p, end);
	if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
		return false;
	c->at = p + 2;
	while (p > value && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	f->value = http_span(h, value, p);
	h->field_count++;
	return true;
}

uint32_t http_fields_parse(struct http_head *h, struct http_lines *c)
{
	while (c->at < c->end && *c->at != '\r') {
		if (h->field_count == HTTP_FIELDS_MAX)
			return 431;
		if (!field_parse(h, c))
			return 400;
	}
	return 0;
}

struct http_text http_head_field(const struct http_head *h, const char *name, uint32_t *at)
{
	uint32_t size = (uint32_t)strlen(name);
	for (; h->names & http_name_bit(name, size) && *at < h->field_count; ++*at) {
		const struct http_field *f = &h->fields[*at];
		if (f->name.size == size && http_text_is_nocase(http_span_text(h, f->name), name)) {
			++*at;
			return http_span_text(h, f->value);
		}
	}
	return (struct http_text){ NULL, 0 };
}
