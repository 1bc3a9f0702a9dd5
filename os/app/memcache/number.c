/* SPDX-License-Identifier: ISC */
/* Numbers in text. Most have one to four digits: nothing here is worth a table. */
#include <app/memcache/number.h>

uint32_t memcache_number_digits(uint64_t v)
{
	uint32_t n = 1;
	while (v >= 10) {
		v /= 10;
		n++;
	}
	return n;
}

uint32_t memcache_number_print(char *to, uint64_t v)
{
	uint32_t n = memcache_number_digits(v);
	for (uint32_t k = n; k-- > 0; v /= 10)
		to[k] = (char)('0' + v % 10);
	return n;
}

/* The digits at text; how many there are, 0 if they are too many for 64 bits. */
static uint32_t digits(const char *text, uint32_t size, uint64_t *to)
{
	uint64_t v = 0;
	uint32_t n = 0;
	for (; n < size && text[n] >= '0' && text[n] <= '9'; n++) {
		uint32_t d = (uint32_t)(text[n] - '0');
		if (v > (UINT64_MAX - d) / 10)
			return 0;
		v = v * 10 + d;
	}
	*to = v;
	return n;
}

bool memcache_number_read(const char *text, uint32_t size, uint64_t *to)
{
	uint32_t sign = size && text[0] == '+';
	return size > sign && digits(text + sign, size - sign, to) == size - sign;
}

bool memcache_number_read_signed(const char *text, uint32_t size, int64_t *to)
{
	uint64_t v;
	bool minus = size && text[0] == '-';
	if (minus) {
		text++;
		size--;
	}
	if ((minus && size && text[0] == '+') || !memcache_number_read(text, size, &v) ||
	    v > INT64_MAX)
		return false;
	*to = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

static bool white(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool memcache_number_begins(const char *text, uint32_t size, uint64_t *to)
{
	uint32_t at = 0;
	while (at < size && white(text[at]))
		at++;
	at += at < size && text[at] == '+';
	uint32_t n = digits(text + at, size - at, to);
	return n && (at + n == size || white(text[at + n]));
}
