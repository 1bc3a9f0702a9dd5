/* SPDX-License-Identifier: ISC */
/* Base 64 as URLs have it (RFC 4648 §5), without padding. */
#include <app/acme/internal.h>

#include <string.h>

#include <core/heap.h>

uint32_t acme_base64url_print(char *to, const void *bytes, uint32_t size)
{
	uint32_t n = base64_encode(to, bytes, size);
	while (n && to[n - 1] == '=')
		n--;
	for (uint32_t k = 0; k < n; k++)
		to[k] = to[k] == '+' ? '-' : to[k] == '/' ? '_' : to[k];
	to[n] = '\0';
	return n;
}

bool acme_base64url_is(const char *text, uint32_t size)
{
	for (uint32_t k = 0; k < size; k++) {
		char c = text[k];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '_'))
			return false;
	}
	return size;
}

uint32_t acme_base64url_read(void *to, uint32_t room, const char *text, uint32_t size)
{
	uint32_t padded = (size + 3) / 4 * 4, n = 0;
	if (!acme_base64url_is(text, size) || size > UINT32_MAX / 2)
		return 0;
	char *copy = heap_alloc(padded), *out = heap_alloc(padded);
	if (copy && out) {
		for (uint32_t k = 0; k < padded; k++)
			copy[k] = k >= size        ? '='
			          : text[k] == '-' ? '+'
			          : text[k] == '_' ? '/'
			                           : text[k];
		n = base64_decode(out, copy, padded);
		n = n <= room ? n : 0;
		memcpy(to, out, n);
	}
	if (copy)
		explicit_bzero(copy, padded);
	if (out)
		explicit_bzero(out, padded);
	heap_free(copy);
	heap_free(out);
	return n;
}
