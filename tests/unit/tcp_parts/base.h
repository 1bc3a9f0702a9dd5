/* SPDX-License-Identifier: ISC */
/* What the parts of TCP lean on, for tests without core: a heap that fails when told to, and a panic that ends the
 * test; and random numbers that are the same in each run. */
#ifndef TCP_PARTS_BASE_H
#define TCP_PARTS_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <core/clock.h>
#include <core/error.h>

/* Allocations that still succeed; UINT64_MAX (the start): all. */
extern uint64_t base_allocations_left;
/* Made and not freed: a test ends with none. */
extern uint64_t base_allocated;

struct random {
	uint64_t state;
};
uint64_t random_next(struct random *);
uint32_t random_below(struct random *, uint32_t bound);
bool random_chance(struct random *, uint32_t per_million);

#endif
