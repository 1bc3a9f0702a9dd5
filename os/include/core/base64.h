/* SPDX-License-Identifier: ISC */
/* Base64 (RFC 4648 §4), with padding. */
#ifndef CORE_BASE64_H
#define CORE_BASE64_H

#include <stdint.h>

#define BASE64_SIZE(n_) (((n_) + 2u) / 3u * 4u) /* of n bytes */

uint32_t base64_encode(char *to, const void *bytes,
                       uint32_t size); /* how long it is: BASE64_SIZE(size) */
/* At most 3/4 of the text's size. How many bytes; 0: it is empty, or no base64. */
uint32_t base64_decode(char *to, const char *text, uint32_t size);

#endif
