/* SPDX-License-Identifier: ISC */
#include <stddef.h>
#include <string.h>

#include <cli/near.h>

#define WORD_MAX 40u /* longer ones are near to nothing */

const char *near_docker(const char *word, const struct near_word *words, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(word, words[i].theirs))
			return words[i].ours;
	return NULL;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, with two swapped neighbours as one mistake. */
static unsigned distance(const char *a, size_t m, const char *b, size_t n)
{
	unsigned rows[3][WORD_MAX + 1], *above = rows[0], *before = rows[1], *row = rows[2];
	for (size_t j = 0; j <= n; j++)
		before[j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			row[j] = least(least(before[j] + 1, row[j - 1] + 1),
			               before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], above[j - 2] + 1);
		}
		unsigned *spare = above;
		above = before;
		before = row;
		row = spare;
	}
	return before[n];
}

const char *near_find(const char *word, const char *const *words, unsigned count)
{
	size_t m = strlen(word);
	const char *found = NULL, *begins = NULL;
	unsigned best = 0, beginners = 0;
	if (m < 2 || m > WORD_MAX)
		return NULL;
	for (unsigned i = 0; i < count; i++) {
		size_t n = strlen(words[i]);
		if (n > WORD_MAX)
			continue;
		if (m < n && !strncmp(word, words[i], m)) {
			begins = words[i];
			beginners++;
		}
		/* A third of its letters may be wrong, and one of a short word. */
		unsigned d = distance(word, m, words[i], n);
		if (d <= least(m < 4 ? 1 : (unsigned)m / 3 + (m == 4 || m == 5), 3) &&
		    (!found || d < best)) {
			found = words[i];
			best = d;
		}
	}
	return found ? found : beginners == 1 ? begins : NULL;
}
