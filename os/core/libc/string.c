/* SPDX-License-Identifier: ISC */
/* Strings: the functions that programs use most; the rest (strtok, strstr, strdup, ...) is musl's.
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "libc.h"

LIBC_IMPLICIT int strcmp(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

LIBC_IMPLICIT int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		if (*a != *b || *a == '\0')
			return (unsigned char)*a - (unsigned char)*b;
	}
	return 0;
}

static inline int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : (unsigned char)c;
}

LIBC int strcasecmp(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) - lower(*b);
}

LIBC int strncasecmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		if (lower(*a) != lower(*b) || *a == '\0')
			return lower(*a) - lower(*b);
	}
	return 0;
}

LIBC char *strchrnul(const char *s, int c)
{
	while (*s != '\0' && *s != (char)c)
		s++;
	return (char *)s;
}

LIBC_IMPLICIT char *strchr(const char *s, int c)
{
	char *p = strchrnul(s, c);
	return *p == (char)c ? p : NULL;
}

LIBC_IMPLICIT char *strrchr(const char *s, int c)
{
	return memrchr(s, c, strlen(s) + 1);
}

LIBC_IMPLICIT char *stpcpy(char *restrict to, const char *restrict from)
{
	size_t n = strlen(from);
	memcpy(to, from, n + 1);
	return to + n;
}

LIBC_IMPLICIT char *strcpy(char *restrict to, const char *restrict from)
{
	stpcpy(to, from);
	return to;
}

LIBC_IMPLICIT char *stpncpy(char *restrict to, const char *restrict from, size_t n)
{
	size_t length = strnlen(from, n);
	memcpy(to, from, length);
	memset(to + length, 0, n - length);
	return to + length;
}

LIBC_IMPLICIT char *strncpy(char *restrict to, const char *restrict from, size_t n)
{
	stpncpy(to, from, n);
	return to;
}

LIBC_IMPLICIT char *strcat(char *restrict to, const char *restrict from)
{
	stpcpy(to + strlen(to), from);
	return to;
}

LIBC_IMPLICIT char *strncat(char *restrict to, const char *restrict from, size_t n)
{
	size_t length = strnlen(from, n);
	char *end = to + strlen(to);
	memcpy(end, from, length);
	end[length] = '\0';
	return to;
}

LIBC size_t strlcpy(char *restrict to, const char *restrict from, size_t room)
{
	size_t length = strlen(from);
	if (room > 0) {
		size_t n = length < room ? length : room - 1;
		memcpy(to, from, n);
		to[n] = '\0';
	}
	return length;
}

LIBC size_t strlcat(char *restrict to, const char *restrict from, size_t room)
{
	size_t length = strnlen(to, room);
	if (length == room)
		return room + strlen(from);
	return length + strlcpy(to + length, from, room - length);
}
