/* SPDX-License-Identifier: ISC */
/* Random bytes: a ChaCha20 generator with fast key erasure, seeded from boot information and seeded anew when the
 * generation number changes (a clone). Fit for keys. Never fails, never blocks. */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *to, size_t size);
uint32_t random_u32(void);
uint64_t random_u64(void);
uint32_t random_below(uint32_t bound); /* uniform in [0, bound); bound 0 gives 0 */

#endif
