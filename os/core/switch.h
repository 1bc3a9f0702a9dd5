/* SPDX-License-Identifier: ISC */
/* Changing stacks. The registers that the System V ABI has a callee preserve are saved; all others are
 * dead at a call anyway. */
#ifndef CORE_SWITCH_H
#define CORE_SWITCH_H

#include <stdint.h>

/* Saves the caller's registers on its stack and the stack pointer in *save, then goes on where
 * `load` was saved, with that stack's canary (canary.h). Only here may it change: a caller may have been
 * compiled to compare its own first, and to end with a jump to this. */
void switch_stack(void **save, void *load, uint64_t canary);

/* A stack that, when first switched to, calls fn, which must not return. `top` is just above it,
 * aligned to 16. */
void *switch_prepare(void *top, void (*fn)(void));

#endif
