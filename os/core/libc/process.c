/* SPDX-License-Identifier: ISC */
/* How a program ends, and what else it asks of a process: abnormal ends are panics. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <core/archive.h>
#include <core/boot.h>
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

ARCHIVE_CALLER(void, call_exit_function, (void (*fn)(void)))

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
		call_exit_function(exit_functions[--exit_count]);
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

/* glibc's and the BSDs'. */
void arc4random_buf(void *, size_t);
uint32_t arc4random(void);
uint32_t arc4random_uniform(uint32_t);

LIBC_WEAK void arc4random_buf(void *to, size_t size)
{
	random_bytes(to, size);
}

LIBC_WEAK uint32_t arc4random(void)
{
	return random_u32();
}

LIBC_WEAK uint32_t arc4random_uniform(uint32_t bound)
{
	return random_below(bound);
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

/* ---- there is one process, and no other program ---- */

/* Another one in a clone: libraries look at it to learn that they were forked, and draw what nobody may share anew. */
LIBC_WEAK pid_t getpid(void)
{
	return 1 + (pid_t)(boot_info->generation % INT_MAX);
}

/* C17 7.22.4.8: no command processor is available. */
LIBC int system(const char *command)
{
	if (!command)
		return 0;
	errno = ENOSYS;
	return -1;
}

LIBC_WEAK FILE *popen(const char *command, const char *mode)
{
	(void)command;
	(void)mode;
	errno = ENOSYS;
	return NULL;
}

LIBC_WEAK int pclose(FILE *f)
{
	(void)f;
	errno = ECHILD;
	return -1;
}
