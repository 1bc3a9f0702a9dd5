/* SPDX-License-Identifier: ISC */
/* Of the archive libcalls.a. */
#ifndef CALLS_H
#define CALLS_H

struct calls_methods {
	int (*apply)(int);
};

const struct calls_methods *calls_methods(void);
int calls_begin(void);
void calls_sort(int *numbers, unsigned count, int sign);
int calls_each(const int *numbers, unsigned count, int (*fn)(int));
int calls_named(int);
int calls_not_taken(int);
long calls_distance(void);

#endif
