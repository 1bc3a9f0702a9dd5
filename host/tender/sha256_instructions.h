/* SPDX-License-Identifier: ISC */
/* Of SHA-256: what the processor's instructions do. They change vector registers. */
#ifndef TENDER_SHA256_INSTRUCTIONS_H
#define TENDER_SHA256_INSTRUCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const uint32_t sha256_constants[64];

/* Are they there, and may vector registers be changed now? The boot kernel, whose image's they are, has a function of its own. */
bool sha256_has_instructions(void);

/* As many blocks of 64 bytes. */
void sha256_by_instructions(uint32_t state[8], const uint8_t *bytes, size_t blocks);

#endif
