/* SPDX-License-Identifier: ISC */
/* How a program ends, and what else it asks of a process: abnormal ends are panics. */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <core/gate.h>
#include <core/panic.h>
#include <core/random.h>
#include <core/stop.h>

#include "libc.h"

_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail_local(void);

#define EXIT_FUNCTIONS_MAX 32 /* C17 7.22.4.2's minimum */

static void (*exit_functions[EXIT_FUNCTIONS_MAX])(void);
static uint32_t exit_count;

LIBC int atexit(void (*fn)(void))
{
	if (exit_count == EXIT_FUNCTIONS_MAX)
		return -1;
	exit_functions[exit_count++] = fn;
	return 0;
}

LIBC _Noreturn void _Exit(int code)
{
	gate_exit(code);
}

LIBC _Noreturn void _exit(int code)
{
	gate_exit(code);
}

LIBC _Noreturn void exit(int code)
{
	while (exit_count > 0) /* one of them may call exit: the others still run */
		exit_functions[--exit_count]();
	fflush(stdout);
	stop_end();
	gate_exit(code);
}

LIBC _Noreturn void abort(void)
{
	panic("abort() was called");
}

LIBC _Noreturn void __assert_fail(const char *expression, const char *file, int line,
                                  const char *function)
{
	panic("%s:%d: %s: assert(%s) failed", file, line, function, expression);
}

/* The canary below the return address was overwritten: nothing of this frame can be trusted. */
_Noreturn void __stack_chk_fail(void)
{
	panic("a buffer on the stack overflowed");
}

_Noreturn void __stack_chk_fail_local(void)
{
	__stack_chk_fail();
}

LIBC ssize_t getrandom(void *to, size_t size, unsigned flags)
{
	(void)flags;
	random_bytes(to, size);
	return (ssize_t)size;
}

LIBC int getentropy(void *to, size_t size)
{
	if (size > 256) {
		errno = EIO;
		return -1;
	}
	random_bytes(to, size);
	return 0;
}
