/* SPDX-License-Identifier: ISC */
/*
 * The checked functions of glibc's that GCC calls under _FORTIFY_SOURCE, by which Debian's archives are compiled. Each knows
 * the room of the object that is written to, as the compiler knew it (SIZE_MAX: not), and ends the image where more
 * would be written. `flag` asks that %n be refused, which is never written here anyway if the text is constant. All are weak: an
 * application that brought its own keeps it.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <core/panic.h>

#include "libc.h"

void *__memcpy_chk(void *restrict, const void *restrict, size_t, size_t);
void *__memmove_chk(void *, const void *, size_t, size_t);
void *__mempcpy_chk(void *restrict, const void *restrict, size_t, size_t);
void *__memset_chk(void *, int, size_t, size_t);
void __explicit_bzero_chk(void *, size_t, size_t);
char *__strcpy_chk(char *restrict, const char *restrict, size_t);
char *__stpcpy_chk(char *restrict, const char *restrict, size_t);
char *__strncpy_chk(char *restrict, const char *restrict, size_t, size_t);
char *__stpncpy_chk(char *restrict, const char *restrict, size_t, size_t);
char *__strcat_chk(char *restrict, const char *restrict, size_t);
char *__strncat_chk(char *restrict, const char *restrict, size_t, size_t);
int __sprintf_chk(char *restrict, int, size_t, const char *restrict, ...);
int __vsprintf_chk(char *restrict, int, size_t, const char *restrict, va_list);
int __snprintf_chk(char *restrict, size_t, int, size_t, const char *restrict, ...);
int __vsnprintf_chk(char *restrict, size_t, int, size_t, const char *restrict, va_list);
int __asprintf_chk(char **restrict, int, const char *restrict, ...);
int __vasprintf_chk(char **restrict, int, const char *restrict, va_list);
int __printf_chk(int, const char *restrict, ...);
int __vprintf_chk(int, const char *restrict, va_list);
int __fprintf_chk(FILE *restrict, int, const char *restrict, ...);
int __vfprintf_chk(FILE *restrict, int, const char *restrict, va_list);
char *__fgets_chk(char *restrict, size_t, int, FILE *restrict);
size_t __fread_chk(void *restrict, size_t, size_t, size_t, FILE *restrict);
_Noreturn void __longjmp_chk(jmp_buf, int);
_Noreturn void __chk_fail(void);
int vasprintf(char **restrict, const char *restrict, va_list);

static void fits(size_t size, size_t room)
{
	if (__builtin_expect(size > room, 0))
		panic("a buffer of %zu bytes was to get %zu", room, size);
}

_Noreturn LIBC_WEAK void __chk_fail(void)
{
	panic("a buffer was to get more than it has room for");
}

LIBC_WEAK void *__memcpy_chk(void *restrict to, const void *restrict from, size_t size, size_t room)
{
	fits(size, room);
	return memcpy(to, from, size);
}

LIBC_WEAK void *__memmove_chk(void *to, const void *from, size_t size, size_t room)
{
	fits(size, room);
	return memmove(to, from, size);
}

LIBC_WEAK void *__mempcpy_chk(void *restrict to, const void *restrict from, size_t size,
                              size_t room)
{
	fits(size, room);
	return mempcpy(to, from, size);
}

LIBC_WEAK void *__memset_chk(void *to, int value, size_t size, size_t room)
{
	fits(size, room);
	return memset(to, value, size);
}

LIBC_WEAK void __explicit_bzero_chk(void *at, size_t size, size_t room)
{
	fits(size, room);
	memset(at, 0, size);
	__asm__ volatile("" : : "r"(at) : "memory");
}

LIBC_WEAK char *__strcpy_chk(char *restrict to, const char *restrict from, size_t room)
{
	size_t size = strlen(from) + 1;

	fits(size, room);
	return memcpy(to, from, size);
}

LIBC_WEAK char *__stpcpy_chk(char *restrict to, const char *restrict from, size_t room)
{
	size_t size = strlen(from) + 1;

	fits(size, room);
	return (char *)memcpy(to, from, size) + size - 1;
}

LIBC_WEAK char *__strncpy_chk(char *restrict to, const char *restrict from, size_t size,
                              size_t room)
{
	fits(size, room);
	return strncpy(to, from, size);
}

LIBC_WEAK char *__stpncpy_chk(char *restrict to, const char *restrict from, size_t size,
                              size_t room)
{
	fits(size, room);
	size_t n = strnlen(from, size);
	memcpy(to, from, n);
	memset(to + n, 0, size - n);
	return to + n;
}

LIBC_WEAK char *__strcat_chk(char *restrict to, const char *restrict from, size_t room)
{
	size_t has = strlen(to), size = strlen(from) + 1;

	fits(has, room);
	fits(size, room - has);
	memcpy(to + has, from, size);
	return to;
}

LIBC_WEAK char *__strncat_chk(char *restrict to, const char *restrict from, size_t size,
                              size_t room)
{
	size_t has = strlen(to), n = strnlen(from, size);

	fits(has, room);
	fits(n + 1, room - has);
	memcpy(to + has, from, n);
	to[has + n] = '\0';
	return to;
}

/* ---- the printf family ---- */

LIBC_WEAK int __vsnprintf_chk(char *restrict to, size_t size, int flag, size_t room,
                              const char *restrict text, va_list arguments)
{
	(void)flag;
	fits(size, room);
	return vsnprintf(to, size, text, arguments);
}

LIBC_WEAK int __snprintf_chk(char *restrict to, size_t size, int flag, size_t room,
                             const char *restrict text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	int result = __vsnprintf_chk(to, size, flag, room, text, arguments);
	va_end(arguments);
	return result;
}

LIBC_WEAK int __vsprintf_chk(char *restrict to, int flag, size_t room, const char *restrict text,
                             va_list arguments)
{
	(void)flag;
	int result = vsnprintf(to, room < INT_MAX ? room : INT_MAX, text, arguments);
	if (result >= 0)
		fits((size_t)result + 1, room);
	return result;
}

LIBC_WEAK int __sprintf_chk(char *restrict to, int flag, size_t room, const char *restrict text,
                            ...)
{
	va_list arguments;

	va_start(arguments, text);
	int result = __vsprintf_chk(to, flag, room, text, arguments);
	va_end(arguments);
	return result;
}

LIBC_WEAK int __vasprintf_chk(char **restrict to, int flag, const char *restrict text,
                              va_list arguments)
{
	(void)flag;
	return vasprintf(to, text, arguments);
}

LIBC_WEAK int __asprintf_chk(char **restrict to, int flag, const char *restrict text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	int result = __vasprintf_chk(to, flag, text, arguments);
	va_end(arguments);
	return result;
}

LIBC_WEAK int __vfprintf_chk(FILE *restrict f, int flag, const char *restrict text,
                             va_list arguments)
{
	(void)flag;
	return vfprintf(f, text, arguments);
}

LIBC_WEAK int __fprintf_chk(FILE *restrict f, int flag, const char *restrict text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	int result = __vfprintf_chk(f, flag, text, arguments);
	va_end(arguments);
	return result;
}

LIBC_WEAK int __vprintf_chk(int flag, const char *restrict text, va_list arguments)
{
	return __vfprintf_chk(stdout, flag, text, arguments);
}

LIBC_WEAK int __printf_chk(int flag, const char *restrict text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	int result = __vfprintf_chk(stdout, flag, text, arguments);
	va_end(arguments);
	return result;
}

/* ---- files, jumps ---- */

LIBC_WEAK char *__fgets_chk(char *restrict to, size_t room, int size, FILE *restrict f)
{
	fits(size > 0 ? (size_t)size : 0, room);
	return fgets(to, size, f);
}

LIBC_WEAK size_t __fread_chk(void *restrict to, size_t room, size_t size, size_t count,
                             FILE *restrict f)
{
	size_t all;

	if (__builtin_mul_overflow(size, count, &all))
		__chk_fail();
	fits(all, room);
	return fread(to, size, count, f);
}

/* glibc's ends the program where the frame that is jumped to is no more above; tasks have stacks of their own, so that
 * alone the jump is left. */
_Noreturn LIBC_WEAK void __longjmp_chk(jmp_buf to, int value)
{
	longjmp(to, value);
}
