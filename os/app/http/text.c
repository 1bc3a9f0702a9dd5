/* SPDX-License-Identifier: ISC */
/* Pieces of text: tokens, lists, numbers. */
#include <app/http/http_internal.h>

#include <string.h>

/* A bit for each character from NUL on. */
const uint64_t http_tokens[4] = { 0x03ff6cfa00000000, 0x57ffffffc7fffffe, 0, 0 };

bool http_is_authority(struct http_text t)
{
	for (uint32_t k = 0; k < t.size; k++) {
		char c = t.bytes[k], l = http_lower(c);
		if (!((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
		      (c && strchr("-._~!$&'()*+,;=:[]%", c))))
			return false;
	}
	return true;
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
	for (uint32_t k = 0; k < t.size; k++) { /* they are short: methods, "*" */
		if (!other[k] || t.bytes[k] != other[k])
			return false;
	}
	return t.bytes && !other[t.size];
}

bool http_text_is_nocase(struct http_text t, const char *other)
{
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
	for (;;) {
		while (rest->size && (is_space(rest->bytes[0]) || rest->bytes[0] == ',')) {
			rest->bytes++;
			rest->size--;
		}
		if (!rest->size)
			return false;
		uint32_t n = 0;
		bool quoted = false;
		while (n < rest->size && (quoted || rest->bytes[n] != ',')) {
			if (rest->bytes[n] == '"')
				quoted = !quoted;
			n++;
		}
		*element = (struct http_text){ rest->bytes, n };
		rest->bytes += n;
		rest->size -= n;
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
