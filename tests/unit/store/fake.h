/* SPDX-License-Identifier: ISC */
/* What os/store needs of core, on the host: memory that is counted and can run out; no tasks, since the disk answers at
 * once. */
#ifndef TEST_STORE_FAKE_H
#define TEST_STORE_FAKE_H

#include <stdint.h>

extern long fake_allocated;       /* pieces that are out */
extern uint64_t fake_memory_left; /* allocations that succeed until one fails; UINT64_MAX: all */

/* Asks everything that is watched (core/check.h), where the sources are compiled as for a checked image. */
void fake_check(void);
extern uint32_t fake_log_lines; /* that were logged, and the last one */
extern char fake_log_text[];

#endif
