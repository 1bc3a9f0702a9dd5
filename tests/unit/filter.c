/* SPDX-License-Identifier: ISC */
/* TEST='*pattern*' in the environment of a unit test runs only those of its tests whose names match. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void filter(void)
{
	const char *pattern = getenv("TEST");
	if (pattern)
		cmocka_set_test_filter(pattern);
}
