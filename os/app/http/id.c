/* SPDX-License-Identifier: ISC */
#include <app/http/id.h>

#include <app/http/http_internal.h>

#include <string.h>

#include <core/random.h>

const char *http_id(struct http_exchange *x)
{
	uint64_t drawn[2];
	if (x->id_size)
		return x->id;
	random_bytes(drawn, sizeof drawn);
	for (uint32_t k = 0; k < 32; k++)
		x->id[k] = "0123456789abcdef"[drawn[k / 16] >> 4 * (k % 16) & 15];
	x->id[32] = 0;
	x->id_size = 32;
	return x->id;
}

static bool fits(struct http_text t)
{
	for (uint32_t k = 0; k < t.size; k++) {
		char c = t.bytes[k], l = http_lower(c);
		if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' &&
		    c != '.')
			return false;
	}
	return t.size && t.size <= HTTP_ID_MAX;
}

bool http_id_before(struct http_exchange *x, void *trusted)
{
	struct http_text given = http_header(x, "x-request-id");
	if (trusted && given.bytes && fits(given)) {
		memcpy(x->id, given.bytes, given.size);
		x->id[given.size] = 0;
		x->id_size = (uint8_t)given.size;
	}
	http_set(x, "X-Request-Id", http_id(x));
	return true;
}
