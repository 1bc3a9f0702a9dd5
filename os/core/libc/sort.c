/* SPDX-License-Identifier: ISC */
/*
 * qsort: quicksort on the middle of three, insertion sort below SMALL, heap sort where the
 * partitions go wrong too often: O(n log n) whatever the input, and a stack of log n frames.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <core/archive.h>

#include "libc.h"

#define SMALL 12u /* elements */

typedef int compare_fn(const void *, const void *, void *);

struct sort {
	size_t size; /* bytes of an element */
	compare_fn *compare;
	void *context;
};

static void swap(const struct sort *s, uint8_t *a, uint8_t *b)
{
	uint8_t piece[64];
	for (size_t left = s->size; left > 0;) {
		size_t n = left < sizeof piece ? left : sizeof piece;
		memcpy(piece, a, n);
		memmove(a, b, n);
		memcpy(b, piece, n);
		a += n;
		b += n;
		left -= n;
	}
}

static int order(const struct sort *s, const uint8_t *a, const uint8_t *b)
{
	return s->compare(a, b, s->context);
}

static void insertion_sort(const struct sort *s, uint8_t *base, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		for (uint8_t *at = base + i * s->size; at > base && order(s, at - s->size, at) > 0;
		     at -= s->size)
			swap(s, at - s->size, at);
	}
}

static void sift_down(const struct sort *s, uint8_t *base, size_t count, size_t root)
{
	for (size_t child; (child = 2 * root + 1) < count; root = child) {
		if (child + 1 < count &&
		    order(s, base + child * s->size, base + (child + 1) * s->size) < 0)
			child++;
		if (order(s, base + root * s->size, base + child * s->size) >= 0)
			return;
		swap(s, base + root * s->size, base + child * s->size);
	}
}

static void heap_sort(const struct sort *s, uint8_t *base, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift_down(s, base, count, i);
	while (count-- > 1) {
		swap(s, base, base + count * s->size);
		sift_down(s, base, count, 0);
	}
}

/* Puts the pivot at its place and returns its index: all before are <= it, all behind >=. */
static size_t partition(const struct sort *s, uint8_t *base, size_t count)
{
	uint8_t *middle = base + count / 2 * s->size, *last = base + (count - 1) * s->size;
	if (order(s, middle, base) < 0)
		swap(s, middle, base);
	if (order(s, last, middle) < 0) {
		swap(s, last, middle);
		if (order(s, middle, base) < 0)
			swap(s, middle, base);
	}
	swap(s, middle, base); /* the pivot waits in front */
	size_t i = 0, j = count;
	for (;;) {
		do
			i++;
		while (i < count && order(s, base + i * s->size, base) < 0);
		do
			j--;
		while (order(s, base + j * s->size, base) > 0); /* the pivot itself ends it */
		if (i >= j)
			break;
		swap(s, base + i * s->size, base + j * s->size);
	}
	swap(s, base, base + j * s->size);
	return j;
}

static void sort(const struct sort *s, uint8_t *base, size_t count, unsigned depth)
{
	while (count > SMALL) {
		if (depth-- == 0) {
			heap_sort(s, base, count);
			return;
		}
		size_t pivot = partition(s, base, count);
		uint8_t *behind = base + (pivot + 1) * s->size;
		size_t after = count - pivot - 1;
		if (pivot < after) { /* the shorter one by a call */
			sort(s, base, pivot, depth);
			base = behind;
			count = after;
		} else {
			sort(s, behind, after, depth);
			count = pivot;
		}
	}
	insertion_sort(s, base, count);
}

static void sort_all(void *base, size_t count, size_t size, compare_fn *compare, void *context)
{
	struct sort s = { size, compare, context };
	if (count > 1 && size > 0)
		sort(&s, base, count, 2 * (64 - (unsigned)__builtin_clzll(count)));
}

/* An archive's comparison is looked up once, not at each call. */
struct foreign_sort {
	compare_fn *compare;
	void *context;
};

ARCHIVE_UNCHECKED static int compare_foreign(const void *a, const void *b, void *sort)
{
	const struct foreign_sort *f = sort;
	return f->compare(a, b, f->context);
}

LIBC void qsort_r(void *base, size_t count, size_t size, compare_fn *compare, void *context)
{
	if (archive_has((const void *)compare))
		sort_all(base, count, size, compare_foreign,
		         &(struct foreign_sort){ compare, context });
	else
		sort_all(base, count, size, compare, context);
}

static int compare_plain(const void *a, const void *b, void *compare)
{
	return ((int (*)(const void *, const void *))compare)(a, b);
}

ARCHIVE_UNCHECKED static int compare_plain_foreign(const void *a, const void *b, void *compare)
{
	return ((int (*)(const void *, const void *))compare)(a, b);
}

LIBC void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	sort_all(base, count, size,
	         archive_has((const void *)compare) ? compare_plain_foreign : compare_plain,
	         (void *)compare);
}
