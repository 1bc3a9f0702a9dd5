/* SPDX-License-Identifier: ISC */
/* Of SHA-256: what the processor's instructions do. The boot kernel has none of it: vector registers are its image's. */
#ifndef TENDER_SHA256_INSTRUCTIONS_H
#define TENDER_SHA256_INSTRUCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const uint32_t sha256_constants[64];

bool sha256_has_instructions(void);

/* As many blocks of 64 bytes. */
void sha256_by_instructions(uint32_t state[8], const uint8_t *bytes, size_t blocks);

#endif
