/* SPDX-License-Identifier: ISC */
#include <app/json/json.h>

/* Digits only, one at least. */
static bool magnitude(const char *text, uint32_t size, uint64_t *to)
{
	uint64_t v = 0;
	for (uint32_t k = 0; k < size; k++) {
		uint64_t d = (uint64_t)(uint8_t)text[k] - '0';
		if (d > 9 || v > (UINT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	*to = v;
	return size > 0;
}

bool json_to_unsigned(const char *text, uint32_t size, uint64_t *to)
{
	return magnitude(text, size, to);
}

bool json_to_integer(const char *text, uint32_t size, int64_t *to)
{
	bool negative = size && *text == '-';
	uint64_t v;
	if (!magnitude(text + negative, size - negative, &v) || v > (uint64_t)INT64_MAX + negative)
		return false;
	*to = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}
