/* SPDX-License-Identifier: ISC */
#include <core/base64.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

uint32_t base64_encode(char *to, const void *from, uint32_t size)
{
	const uint8_t *b = from;
	uint32_t n = 0;
	for (uint32_t at = 0; at < size; at += 3) {
		uint32_t left = size - at;
		uint32_t v = (uint32_t)b[at] << 16 | (left > 1 ? (uint32_t)b[at + 1] << 8 : 0) |
		             (left > 2 ? b[at + 2] : 0);
		to[n++] = digits[v >> 18];
		to[n++] = digits[v >> 12 & 63];
		to[n++] = left > 1 ? digits[v >> 6 & 63] : '=';
		to[n++] = left > 2 ? digits[v & 63] : '=';
	}
	return n;
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

uint32_t base64_decode(char *to, const char *text, uint32_t size)
{
	uint32_t n = 0;
	if (size % 4)
		return 0;
	for (uint32_t at = 0; at < size; at += 4) {
		uint32_t pad = at + 4 < size         ? 0
		               : text[at + 3] != '=' ? 0
		               : text[at + 2] != '=' ? 1
		                                     : 2,
		         v = 0;
		for (uint32_t k = 0; k < 4; k++) {
			int d = k < 4 - pad ? value_of(text[at + k]) : 0;
			if (d < 0)
				return 0;
			v = v << 6 | (uint32_t)d;
		}
		to[n++] = (char)(v >> 16);
		if (pad < 2)
			to[n++] = (char)(v >> 8);
		if (pad < 1)
			to[n++] = (char)v;
	}
	return n;
}
