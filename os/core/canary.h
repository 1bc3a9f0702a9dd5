/* SPDX-License-Identifier: ISC */
/*
 * The word that the stack protector compares: the compiler reads it at FS base + 0x28 (x86-64 psABI). Each stack has one
 * of its own, drawn when something begins to run on it, so that what a leak tells of one stack does not fit another. Whoever
 * changes stacks puts the next one's word in place.
 */
#ifndef CORE_CANARY_H
#define CORE_CANARY_H

#include <stdint.h>

#include <core/random.h>

static inline uint64_t canary_get(void)
{
	uint64_t word;
	__asm__ volatile("movq %%fs:0x28, %0" : "=r"(word));
	return word;
}

static inline void canary_set(uint64_t word)
{
	__asm__ volatile("movq %0, %%fs:0x28" : : "r"(word));
}

/* A zero byte stops string functions that run over: 56 bits are random. */
static inline uint64_t canary_draw(void)
{
	return random_u64() & ~0xffull;
}

#endif
