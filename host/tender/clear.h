/* SPDX-License-Identifier: ISC */
#ifndef TENDER_CLEAR_H
#define TENDER_CLEAR_H

#include <stddef.h>
#include <stdint.h>

/* Zeroes words, most of which nobody has written to yet: a page of zeros is read and not made one's own, which a clone pays for
 * in time and memory. `size` is a multiple of 8. */
static inline void clear_words(void *at, size_t size)
{
	typedef uint64_t __attribute__((may_alias)) word;
	word *words = at;
	for (size_t i = 0; i < size / sizeof *words; i++)
		if (words[i])
			words[i] = 0;
}

#endif
