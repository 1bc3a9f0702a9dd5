/* SPDX-License-Identifier: ISC */
/*
 * Which pages of an image in a process of its own have been written to since they were asked for last. The kernel takes note:
 * a page that was told of is protected, and the first write to it takes that away, without anybody's help (userfaultfd(2),
 * UFFD_FEATURE_WP_ASYNC; PAGEMAP_SCAN; Linux 6.7 and newer). Nothing is protected before a picture is wanted.
 *
 * The image's process has no part in it: it makes the descriptor while it is still the tender's code, and gives it away.
 */
#ifndef TENDER_WRITTEN_H
#define TENDER_WRITTEN_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/filter.h>

/* Of both processes, before they part, if pictures may be taken. */
void written_prepare(void);
/* In the image's process, before it closes its descriptors. Fails silently: then nothing is known. */
void written_give(void);

/* In the tender. `page_map`: the image's, /proc/PID/pagemap. */
void written_allow(struct filter *, int page_map);

/* Begins to take note of a part of the image's memory; whole pages. False: this kernel cannot. More than once is once. */
bool written_watch(int page_map, uint64_t at, uint64_t size);

struct written_range {
	uint64_t from, to; /* in the image */
	uint64_t categories;
};
#define WRITTEN_RANGES 64u

/*
 * Pages of [*at, end) that are in memory and were written to, about `pages` of them at most, and from now on are watched again if
 * `again`. `own`: none that are a file's. How many ranges; *at: where to go on. -1: the kernel cannot.
 */
int written_scan(int page_map, uint64_t *at, uint64_t end, uint64_t pages, bool again, bool own,
                 struct written_range ranges[WRITTEN_RANGES]);

#endif
