/* SPDX-License-Identifier: ISC */
/*
 * The machine's memory. What the kernel uses is taken once and never given back; the largest piece that is left becomes the
 * image's. All of it is mapped where it lies, with the rights that it needs: text is never written, nothing else is executed,
 * nothing of it is ring 3's, and page zero is not there.
 */
#ifndef BOOT_MEMORY_H
#define BOOT_MEMORY_H

#include <boot/platform.h>

/* Finds out what there is, and maps it. -1 with a defect. */
int memory_begin(const struct platform *, struct defect *why);

/* Zeroed pages below 4 GiB, for the kernel and its devices. Ends the run where there is no more. */
void *memory_take(uint64_t bytes);

/* All that is left of the largest piece of memory, from a boundary of 2 MiB on. After it, memory_take has little. */
struct range memory_rest(void);

/* Where registers at that physical address are to be found; null: nowhere. */
volatile void *memory_device(uint64_t at, uint64_t size);

/* Leaves an image's tables for the kernel's own. */
void memory_enter(void);

/* Has the tables below `root` (a table's address) show the kernel to ring 0, too. */
void memory_share(uint64_t *root);

#endif
