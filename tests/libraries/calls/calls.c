/* SPDX-License-Identifier: ISC */
/* An archive that calls back, and hands out pointers to functions that only it knows. Compiled by the host's compiler, as
 * Debian's archives are. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "calls.h"

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int compare_with(const void *a, const void *b, void *sign)
{
	return compare(a, b) * *(int *)sign;
}

static void at_end(void)
{
	puts("archive: at the end");
}

static int double_it(int n)
{
	return 2 * n;
}

int calls_named(int n)
{
	return 3 * n;
}

/* Nobody takes its address: what follows only counts how far it is from one that is handed out. */
__attribute__((noinline)) static int not_taken(int n)
{
	__asm__ volatile("");
	return 5 * n;
}

int calls_not_taken(int n)
{
	return not_taken(n);
}

/* By the assembler, at build time. */
long calls_distance(void)
{
	long n;

	__asm__("movq $(not_taken - double_it), %0" : "=r"(n));
	return n;
}

static const struct calls_methods methods = { double_it };

const struct calls_methods *calls_methods(void)
{
	return &methods;
}

static int inits;

static void init(void)
{
	inits++;
}

int calls_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init);
	pthread_once(&once, init);
	return inits == 1 ? atexit(at_end) : -1;
}

void calls_sort(int *numbers, unsigned count, int sign)
{
	if (sign > 0)
		qsort(numbers, count, sizeof *numbers, compare);
	else
		qsort_r(numbers, count, sizeof *numbers, compare_with, &sign);
}

int calls_each(const int *numbers, unsigned count, int (*fn)(int))
{
	int sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += fn(numbers[i]);
	return sum;
}
