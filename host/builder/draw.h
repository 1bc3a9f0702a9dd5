/* SPDX-License-Identifier: ISC */
/* Numbers drawn from a build's seed. */
#ifndef BUILD_DRAW_H
#define BUILD_DRAW_H

#include <stdint.h>

/* The same for the same (seed, label), unrelated for different ones. */
uint64_t draw_number(uint64_t seed, const char *label);

#endif
