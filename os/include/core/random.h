/* SPDX-License-Identifier: ISC */
/* Random bytes, fit for keys: a ChaCha20 generator with fast key erasure. It is seeded at boot, and again by the tender every
 * five minutes or mebibyte and in a clone. It never fails and never blocks. */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *to, size_t size);
uint32_t random_u32(void);
uint64_t random_u64(void);
uint32_t random_below(uint32_t bound); /* uniform in [0, bound); bound 0 gives 0 */

#endif
