/* SPDX-License-Identifier: ISC */
/*
 * Start-up of core's own parts, for entry.c and the unit tests, in this order: random, heap, hash,
 * task. The clock, the log and the timers need none. Not for applications or other libraries (those
 * use BOOT_START).
 */
#ifndef CORE_START_H
#define CORE_START_H

#include <stdint.h>

#include <ampoule_abi.h>

void heap_start(const struct amp_extent *extents, uint32_t count);
void random_start(uint8_t seed[AMP_SEED_SIZE]); /* and erases it */
void hash_start(void);
void task_start(void); /* the caller becomes task 0, named "main" */

#endif
