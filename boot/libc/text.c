/* SPDX-License-Identifier: ISC */
/* Bytes and texts. Long copies and fills are `rep`, which processors and hypervisors do fast. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	void *at = to;
	size_t words = size / 8, rest = size % 8;
	__asm__ volatile("rep movsq; mov %3, %2; rep movsb"
	                 : "+D"(at), "+S"(from), "+c"(words)
	                 : "r"(rest)
	                 : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	if ((uintptr_t)to - (uintptr_t)from >= size)
		return memcpy(to, from, size);
	uint8_t *t = to;
	const uint8_t *f = from;
	while (size--)
		t[size] = f[size];
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	void *at = to;
	size_t words = size / 8, rest = size % 8;
	uint64_t pattern = 0x0101010101010101ull * (uint8_t)byte;
	__asm__ volatile("rep stosq; mov %3, %1; rep stosb"
	                 : "+D"(at), "+c"(words)
	                 : "a"(pattern), "r"(rest)
	                 : "memory");
	return to;
}

void explicit_bzero(void *to, size_t size)
{
	memset(to, 0, size);
	__asm__ volatile("" ::: "memory");
}

int memcmp(const void *a, const void *b, size_t size)
{
	const uint8_t *x = a, *y = b;
	for (size_t i = 0; i < size; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

void *memchr(const void *bytes, int byte, size_t size)
{
	const uint8_t *p = bytes;
	for (size_t i = 0; i < size; i++)
		if (p[i] == (uint8_t)byte)
			return (void *)(uintptr_t)(p + i);
	return NULL;
}

size_t strnlen(const char *s, size_t most)
{
	size_t n = 0;
	while (n < most && s[n])
		n++;
	return n;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t most)
{
	for (size_t i = 0; i < most; i++)
		if (a[i] != b[i] || !a[i])
			return (uint8_t)a[i] - (uint8_t)b[i];
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int byte)
{
	for (;; s++) {
		if (*s == (char)byte)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

/* There are no errors of a system's here, and no signals. */
const char *strerror(int error)
{
	(void)error;
	return "input/output error";
}

const char *sigabbrev_np(int signal)
{
	(void)signal;
	return NULL;
}

static void swap(uint8_t *a, uint8_t *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t t = a[i];
		a[i] = b[i];
		b[i] = t;
	}
}

/* By insertion: what is sorted here are a few dozen regions. */
void qsort(void *list, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	uint8_t *at = list;
	for (size_t i = 1; i < count; i++)
		for (size_t k = i; k && compare(at + (k - 1) * size, at + k * size) > 0; k--)
			swap(at + (k - 1) * size, at + k * size, size);
}

size_t strspn(const char *text, const char *accepted)
{
	size_t n = 0;
	while (text[n] && strchr(accepted, text[n]))
		n++;
	return n;
}

size_t strcspn(const char *text, const char *stops)
{
	size_t n = 0;
	while (text[n] && !strchr(stops, text[n]))
		n++;
	return n;
}
