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

/* Not zero if one of them is less than `byte` (at most 128); its lowest bit is the first one's. */
static inline uint64_t any_less(uint64_t eight, uint8_t byte)
{
	return (eight - EACH(byte)) & ~eight & EACH(0x80);
}

static inline uint32_t first_of(uint64_t bits)
{
	return (uint32_t)__builtin_ctzll(bits) / 8;
}

int64_t http_head_scan(const char *bytes, uint32_t size, uint32_t *at)
{
	const char *line = bytes + *at, *end = bytes + size;
	/*@ loop invariant *at <= size;
	    loop invariant upto(bytes, line);
	    loop invariant upto(line, p);
	    loop invariant upto(p, end);
	    loop assigns p, line, *at; */
	for (const char *p = line; p < end; p++) {
		uint64_t found = 0;
		/*@ loop invariant upto(bytes, line) && upto(line, p) && upto(p, end) && found == 0;
		    loop assigns p, found; */
		while (end - p >= 8 && !(found = any_less(load(p), '\r' + 1)))
			p += 8;
		if (found)
			p += first_of(found);
		else if (p == end)
			return 0;
		else if ((uint8_t)*p > '\r')
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
	uint32_t size = (uint32_t)(end - start);
	return (struct http_text){ start, size - (size != 0) }; /* without CR, if a scan saw it */
}

/* Goes on over what a value may have (RFC 9110 §5.5: visible characters, obs-text, spaces and
 * tabs). */
const char *http_value_end(const char *p, const char *end)
{
	//@ loop invariant upto(\at(p, Pre), p) && upto(p, end); loop assigns p;
	for (; p < end; p++) {
		uint64_t found = 0;
		/*@ loop invariant upto(\at(p, Pre), p) && upto(p, end) && found == 0;
		    loop assigns p, found; */
		while (end - p >= 8 &&
		       !(found = any_less(load(p), 0x20) | any_less(load(p) ^ EACH(0x7f), 1)))
			p += 8;
		p += found ? first_of(found) : 0;
		if (p == end || ((uint8_t)*p < 0x20 && *p != '\t') || *p == 0x7f)
			break;
	}
	return p;
}

/* A line "name: value". False: it is none. */
static bool field_parse(struct http_head *h, struct http_lines *c)
{
	const char *p = c->at, *end = c->end, *name = p;
	//@ loop invariant upto(name, p) && upto(p, end); loop assigns p;
	while (p < end && http_is_token(*p))
		p++;
	if (p == name || p == end || *p != ':')
		return false;
	struct http_field *f = &h->fields[h->field_count];
	f->name = http_span(h, name, p);
	//@ assert http_span_holds(h, f->name);
	//@ assert \forall integer k; 0 <= k < h->field_count && http_field_holds{Pre}(h, k) ==> http_field_holds(h, k);
	uint64_t bit = http_name_bit(name, f->name.size);
	h->twice |= h->names & bit;
	h->names |= bit;
	//@ loop invariant upto(name, p) && upto(p, end); loop assigns p;
	for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
		;
	const char *value = p;
	p = http_value_end(p, end);
	if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
		return false;
	c->at = p + 2;
	//@ loop invariant upto(value, p) && upto(p, end); loop assigns p;
	while (p > value && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	f->value = http_span(h, value, p);
	//@ assert http_field_holds(h, h->field_count);
	//@ assert \forall integer k; 0 <= k < h->field_count && http_field_holds{Pre}(h, k) ==> http_field_holds(h, k);
	h->field_count++;
	//@ assert http_field_holds(h, h->field_count - 1);
	//@ assert \forall integer k; 0 <= k < h->field_count - 1 && http_field_holds{Pre}(h, k) ==> http_field_holds(h, k);
	//@ assert \forall integer k; 0 <= k < h->field_count ==> http_field_holds(h, k);
	return true;
}

uint32_t http_fields_parse(struct http_head *h, struct http_lines *c)
{
	/*@ loop invariant http_head_holds(h);
	    loop invariant upto(h->base, c->at) && upto(c->at, c->end) && c->end == h->base + h->size;
	    loop assigns c->at, h->names, h->twice, h->field_count, h->fields[0 .. HTTP_FIELDS_MAX - 1]; */
	while (c->at < c->end && *c->at != '\r') {
		if (h->field_count == HTTP_FIELDS_MAX)
			return 431;
		if (!field_parse(h, c))
			return 400;
	}
	return 0;
}

/* Most clients write names as we do, but for the first letter. */
static inline bool same_name(const char *a, const char *b, uint32_t size)
{
	//@ loop invariant k <= size; loop assigns k;
	for (uint32_t k = 0; k < size; k++) {
		if (a[k] != b[k] && http_lower(a[k]) != http_lower(b[k]))
			return false;
	}
	return true;
}

struct http_text http_head_find(const struct http_head *h, const char *name, uint32_t size,
                                uint32_t *at)
{
	if (!http_head_may_have(h, http_name_bit(name, size)))
		return (struct http_text){ NULL, 0 };
	//@ loop assigns *at;
	while (*at < h->field_count) {
		uint32_t k = (*at)++;
		const struct http_field *f = &h->fields[k];
		//@ assert http_field_holds{Pre}(h, k);
		//@ assert http_field_holds{Pre}(h, k) ==> http_field_holds(h, k);
		//@ assert http_span_holds(h, f->name) && http_span_holds(h, f->value);
		if (f->name.size == size && same_name(h->base + f->name.at, name, size))
			return http_span_text(h, f->value);
	}
	return (struct http_text){ NULL, 0 };
}
