/* SPDX-License-Identifier: ISC */
/* IPv6 addresses as text: RFC 4291 §2.2. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

/* Up to four hexadecimal digits. */
static bool group(const char **at, uint8_t to[2])
{
	unsigned value = 0, n = 0;
	for (; n < 4 && digit(**at) >= 0; n++)
		value = value << 4 | (unsigned)digit(*(*at)++);
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
	return n && digit(**at) < 0;
}

/* a.b.c.d, and the end. */
static bool dotted(const char *at, uint8_t to[4])
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned value = 0, n = 0;
		for (; n < 3 && *at >= '0' && *at <= '9'; n++)
			value = value * 10 + (unsigned)(*at++ - '0');
		if (!n || value > 255 || (n > 1 && at[-(int)n] == '0') || *at != (i < 3 ? '.' : 0))
			return false;
		to[i] = (uint8_t)value;
		at++;
	}
	return true;
}

int inet_pton(int family, const char *text, void *address)
{
	uint8_t bytes[16] = { 0 };
	unsigned size = 0, gap = 17; /* where "::" stands; 17: nowhere */
	if (family != AF_INET6)
		return -1;
	if (text[0] == ':' && *++text != ':')
		return 0;
	for (const char *at = text; *at || size < sizeof bytes;) {
		if (*at == ':' && gap == 17) { /* the second of two */
			gap = size;
			if (!*++at)
				break;
			continue;
		}
		if (size <= 12 && dotted(at, bytes + size)) {
			size += 4;
			break;
		}
		if (size >= sizeof bytes || !group(&at, bytes + size))
			return 0;
		size += 2;
		if (!*at)
			break;
		if (*at++ != ':' || !*at)
			return 0;
	}
	if (gap == 17 ? size != sizeof bytes : size >= sizeof bytes)
		return 0;
	if (gap != 17) {
		unsigned behind = size - gap;
		memmove(bytes + sizeof bytes - behind, bytes + gap, behind);
		memset(bytes + gap, 0, sizeof bytes - size);
	}
	memcpy(address, bytes, sizeof bytes);
	return 1;
}
