/* SPDX-License-Identifier: ISC */
/* What an entry of /proc/PID/pagemap says (Documentation/admin-guide/mm/pagemap.rst). */
#ifndef TENDER_PAGE_MAP_H
#define TENDER_PAGE_MAP_H

#include <stdbool.h>
#include <stdint.h>

static inline bool page_map_in_memory(uint64_t entry)
{
	return entry >> 63;
}

/* Somewhere: in memory, or swapped out. */
static inline bool page_map_has(uint64_t entry)
{
	return entry >> 62;
}

/* In the place of what a private mapping has of its file. */
static inline bool page_map_is_own(uint64_t entry)
{
	return entry >> 62 & 1 || (page_map_in_memory(entry) && !(entry >> 61 & 1));
}

#endif
