/* SPDX-License-Identifier: ISC */
/* Pieces of text: tokens, lists, numbers. */
#include <app/http/http_internal.h>

#include <string.h>

#define BOTH (HTTP_TOKEN | HTTP_HOST)

/* What each character may be part of. */
const uint8_t http_characters[256] = {
	['0' ... '9'] = BOTH, ['A' ... 'Z'] = BOTH, ['a' ... 'z'] = BOTH, ['!'] = BOTH,
	['#'] = HTTP_TOKEN,   ['$'] = BOTH,         ['%'] = HTTP_TOKEN,   ['&'] = BOTH,
	['\''] = BOTH,        ['('] = HTTP_HOST,    [')'] = HTTP_HOST,    ['*'] = BOTH,
	['+'] = BOTH,         [','] = HTTP_HOST,    ['-'] = BOTH,         ['.'] = BOTH,
	[';'] = HTTP_HOST,    ['='] = HTTP_HOST,    ['^'] = HTTP_TOKEN,   ['_'] = BOTH,
	['`'] = HTTP_TOKEN,   ['|'] = HTTP_TOKEN,   ['~'] = BOTH,
};

static __attribute__((noinline)) bool is_hex(char c)
{
	return http_hex(c) <= 15;
}

/* Four numbers of a byte each, without leading zeros. */
static bool is_ip4(const char *p, const char *end)
{
	/*@ loop invariant k <= 4 && upto(\at(p, Pre), p) && upto(p, end);
	    loop assigns k, p; */
	for (uint32_t k = 0; k < 4; k++) {
		const char *start = p;
		uint32_t v = 0;
		//@ loop invariant upto(start, p) && upto(p, end); loop assigns p, v;
		while (p < end && *p >= '0' && *p <= '9' && p - start < 3)
			v = v * 10 + (uint32_t)(*p++ - '0');
		if (p == start || v > 255 || (*start == '0' && p - start > 1))
			return false;
		if (k < 3 && (p == end || *p++ != '.'))
			return false;
	}
	return p == end;
}

/* IPv6address: eight groups, of which "::" stands for one or more; an IPv4 address for the last two. */
static bool is_ip6(const char *p, const char *end)
{
	uint32_t groups = 0;
	bool gap = end - p >= 2 && p[0] == ':' && p[1] == ':';
	p += gap ? 2 : 0;
	/*@ loop invariant upto(\at(p, Pre), p) && upto(p, end);
	    loop assigns p, groups, gap; */
	while (p < end) {
		const char *start = p;
		//@ loop invariant upto(start, p) && upto(p, end); loop assigns p;
		while (p < end && p - start < 4 && is_hex(*p))
			p++;
		if (p < end && *p == '.') {
			groups += 2;
			if (!is_ip4(start, end))
				return false;
			break;
		}
		groups++;
		if (p == start)
			return false;
		if (p == end)
			break;
		if (*p++ != ':' || p == end)
			return false;
		if (*p == ':') {
			if (gap)
				return false;
			gap = true;
			p++;
		}
	}
	return gap ? groups <= 7 : groups == 8;
}

bool http_authority_split(struct http_text t, struct http_text *host)
{
	const char *p = t.bytes, *end = p + t.size;
	bool literal = t.size &&
	               *p == '['; /* of later versions of IP (RFC 3986's IPvFuture) there is none */
	if (literal) {
		const char *close = memchr(p, ']', t.size);
		if (!close || !is_ip6(p + 1, close))
			return false;
		p = close + 1;
	}
	//@ loop invariant upto(t.bytes, p) && upto(p, end); loop assigns p;
	while (!literal && p < end) { /* a name, or an IPv4 address, which looks like one */
		if (http_characters[(uint8_t)*p] & HTTP_HOST)
			p++;
		else if (end - p >= 3 && *p == '%' && is_hex(p[1]) && is_hex(p[2]))
			p += 3;
		else
			break;
	}
	*host = (struct http_text){ t.bytes, (uint32_t)(p - t.bytes) };
	if (p == end)
		return true;
	uint64_t port = 0;
	struct http_text digits = { p + 1, (uint32_t)(end - p) - 1 };
	return *p == ':' && host->size &&
	       (!digits.size || (http_number(digits, &port) && port <= UINT16_MAX));
}

uint8_t http_hex(char c)
{
	char l = http_lower(c);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0');
	return l >= 'a' && l <= 'f' ? (uint8_t)(l - 'a' + 10) : 255;
}

bool http_text_is(struct http_text t, const char *other)
{
	//@ loop invariant k <= t.size && \forall integer j; 0 <= j < k ==> other[j]; loop assigns k;
	for (uint32_t k = 0; k < t.size; k++) { /* they are short: methods, "*" */
		if (!other[k] || t.bytes[k] != other[k])
			return false;
	}
	return t.bytes && !other[t.size];
}

bool http_text_is_nocase(struct http_text t, const char *other)
{
	//@ loop invariant k <= t.size && \forall integer j; 0 <= j < k ==> other[j]; loop assigns k;
	for (uint32_t k = 0; k < t.size; k++) {
		if (!other[k] || http_lower(t.bytes[k]) != http_lower(other[k]))
			return false;
	}
	return t.bytes && !other[t.size];
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

bool http_list_next(struct http_text *rest, struct http_text *element)
{
	//@ loop invariant there(rest->bytes, rest->size); loop assigns *rest, *element;
	for (;;) {
		//@ loop invariant there(rest->bytes, rest->size); loop assigns *rest;
		while (rest->size && (is_space(rest->bytes[0]) || rest->bytes[0] == ',')) {
			rest->bytes++;
			rest->size--;
		}
		if (!rest->size)
			return false;
		uint32_t n = 0;
		bool quoted = false;
		//@ loop invariant n <= rest->size; loop assigns n, quoted;
		while (n < rest->size && (quoted || rest->bytes[n] != ',')) {
			if (rest->bytes[n] == '"')
				quoted = !quoted;
			n++;
		}
		*element = (struct http_text){ rest->bytes, n };
		rest->bytes += n;
		rest->size -= n;
		//@ loop invariant there(element->bytes, element->size); loop assigns element->size;
		while (element->size && is_space(element->bytes[element->size - 1]))
			element->size--;
		if (element->size)
			return true;
	}
}

bool http_number(struct http_text t, uint64_t *to)
{
	uint64_t v = 0;
	if (!t.size)
		return false;
	//@ loop invariant k <= t.size; loop assigns k, v;
	for (uint32_t k = 0; k < t.size; k++) {
		uint8_t digit = (uint8_t)(t.bytes[k] - '0');
		if (digit > 9 || v > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*to = v;
	return true;
}

uint32_t http_number_print(char *to, uint64_t v)
{
	char digits[20];
	uint32_t n = 0;
	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (uint32_t k = 0; k < n; k++)
		to[k] = digits[n - 1 - k];
	return n;
}
