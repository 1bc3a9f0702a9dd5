/* SPDX-License-Identifier: ISC */
/* Calls between an archive and us, both ways; and, by the argument `what`, one through a pointer that a defect has changed, which
 * has to trap. */
#include "appliance.h"
#include <core/archive.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

ARCHIVE_CALLER(int, call_method, (int (*fn)(int), int n), n)

static int add_one(int n)
{
	return n + 1;
}

static long of_another_type(long a, long b)
{
	return a + b;
}

static int compare_down(const void *a, const void *b)
{
	return *(const int *)b - *(const int *)a;
}

static void print(const char *what, const int *numbers, unsigned count)
{
	printf("%s:", what);
	for (unsigned i = 0; i < count; i++)
		printf(" %d", numbers[i]);
	puts("");
}

/* What a write past some buffer might leave in the pointer. */
static void *corrupted(const char *what)
{
	const uintptr_t method = (uintptr_t)calls_methods()->apply;

	if (!strcmp(what, "other-type"))
		return (void *)of_another_type;
	if (!strcmp(what, "inside"))
		return (void *)(method + 1);
	if (!strcmp(what, "untaken")) /* an archive's, whose address nobody takes */
		return (void *)(uintptr_t)(method + (uintptr_t)calls_distance());
	if (!strcmp(what, "data"))
		return (void *)"data";
	return (void *)method;
}

int main(void)
{
	int numbers[40] = { 3, 1, 2 };
	const char *what = arg_what();
	int (*volatile pointer)(int) = add_one;

	if (!strncmp(what, "plain-", 6)) { /* a call of ours, unmarked */
		pointer = (int (*)(int))corrupted(what + 6);
		printf("called: %d\n", pointer(5));
		return 0;
	}
	if (!strncmp(what, "marked-", 7)) {
		pointer = (int (*)(int))corrupted(what + 7);
		printf("called: %d\n", call_method(pointer, 5));
		return 0;
	}
	if (!strncmp(what, "sort-", 5)) {
		qsort(numbers, 3, sizeof *numbers,
		      (int (*)(const void *, const void *))corrupted(what + 5));
		return 0;
	}
	if (calls_begin())
		return 1;
	calls_sort(numbers, 3, 1);
	print("up", numbers, 3);
	calls_sort(numbers, 3, -1);
	print("down", numbers, 3);
	for (int i = 0; i < 40; i++)
		numbers[i] = i * 7 % 40;
	calls_sort(numbers, 40, 1);
	print("more", numbers + 36, 4);
	qsort(numbers, 40, sizeof *numbers, compare_down);
	print("ours", numbers, 4);
	printf("each: %d\n", calls_each(numbers, 40, add_one));
	printf("method: %d, ours: %d\n", call_method(calls_methods()->apply, 21),
	       call_method(add_one, 41));
	/* A function that we name has a type, from its declaration. */
	pointer = calls_named;
	printf("named: %d\n", pointer(14));
	return 0;
}
