/* SPDX-License-Identifier: ISC */
/* What the modes share: a generator, memory, and the end with a line. */
#ifndef TRY_H
#define TRY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <store/block.h>

/* Ends the image with one line and status 1. */
#define fail(...) (printf("failed: " __VA_ARGS__), printf("\n"), fflush(stdout), exit(1))
#define need(what_, ...)                                                                           \
	do {                                                                                       \
		if (!(what_))                                                                      \
			fail(__VA_ARGS__);                                                         \
	} while (0)

/* SplitMix64's mixer: any two inputs give unlike outputs. */
static inline uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ull;
	v = (v ^ v >> 27) * 0x94d049bb133111ebull;
	return v ^ v >> 31;
}

/* The next number of a sequence: state is any start. */
static inline uint64_t draw(uint64_t *state)
{
	return mix(*state += 0x9e3779b97f4a7c15ull);
}

void *pages_or_fail(uint64_t bytes); /* at a multiple of a page; never given back */

/* Writes the whole device with the seed's pattern: requests of a sector to 4 MiB, in parts, `depth`
 * in flight, in random order; then flushes. verify reads it the same way, cut differently, and
 * compares each word. */
void pattern_write(struct block *, uint64_t seed, uint32_t depth);
void pattern_verify(struct block *, uint64_t seed, uint32_t depth);

/* Requests that do not fit are refused, each as what it is; the device goes on. */
void limits_try(struct block *data, struct block *rom);

/* Generations of stamped sectors, each flushed and then printed, until the power is cut. */
void cut_run(struct block *, uint64_t seed) __attribute__((noreturn));

/* Random reads of `bytes` at places of that alignment, for that long; prints requests, ns, and
 * latencies. */
void bench_run(struct block *, uint64_t seed, uint32_t depth, uint64_t bytes, uint64_t ns);

#endif
