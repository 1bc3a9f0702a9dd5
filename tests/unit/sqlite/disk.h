/* SPDX-License-Identifier: ISC */
/*
 * A block device in memory that power is cut from. What was written since the last flush is
 * pending: as power comes back, each of its sectors is there, or not, or in part (its beginning or
 * its end), whatever became of those before it. After the cut every request fails, so that nothing
 * that a program does then counts.
 */
#ifndef TESTS_SQLITE_DISK_H
#define TESTS_SQLITE_DISK_H

#include <store/block.h>

extern struct block disk; /* block_find("data") */

void disk_make(uint64_t size, uint32_t sector_size, uint64_t seed);
/* The count-th write or flush from now on does not end any more; 0: power stays. */
void disk_cut_at(uint64_t count);
/* The count-th write or flush from now on fails, once. */
void disk_fail_at(uint64_t count);
bool disk_was_cut(void);
uint64_t disk_requests(void); /* writes and flushes since disk_make */
void disk_power(void);        /* on again */
/* What is on the medium, flushed or not: to be kept, and put back. Size: disk.size. */
uint8_t *disk_bytes(void);
void disk_restore(const uint8_t *);

extern uint64_t disk_heap; /* bytes that heap_figures tells of */

#endif
