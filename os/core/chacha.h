/* SPDX-License-Identifier: ISC */
/* The ChaCha20 block function (RFC 8439 section 2.3), for random.c and the tests. */
#ifndef CORE_CHACHA_H
#define CORE_CHACHA_H

#include <stddef.h>
#include <stdint.h>

#define CHACHA_BLOCK 64u /* bytes */
#define CHACHA_KEY   32u /* bytes */
#define CHACHA_NONCE 12u /* bytes */

/* Writes `blocks` blocks of key stream, the first with block counter `counter`. */
void chacha_blocks(uint8_t *to, size_t blocks, const uint8_t key[CHACHA_KEY], uint32_t counter,
                   const uint8_t nonce[CHACHA_NONCE]);

#endif
