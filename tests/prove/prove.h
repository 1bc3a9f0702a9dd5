/* SPDX-License-Identifier: ISC */
/* Unknown input for the drivers. */
#ifndef PROVE_H
#define PROVE_H

#include <__fc_builtin.h>
#include <stdint.h>

/* Any number from `least` to `most`. */
#define prove_number(least_, most_) ((uint32_t)Frama_C_unsigned_int_interval(least_, most_))
/* Any bytes in a variable. */
#define prove_any(variable_) Frama_C_make_unknown((char *)&(variable_), sizeof(variable_))

/* Reads the first and the last of some bytes, as who is given them may. */
static inline void prove_read(const uint8_t *bytes, uint32_t size)
{
	volatile uint8_t seen;
	if (size) {
		seen = bytes[0];
		seen = bytes[size - 1];
	}
}

#endif
