/* SPDX-License-Identifier: ISC */
/* The library of images over a store in memory: what it makes the host reads, and the other way around. Its functions have
 * names of their own here, since the host's tool has some of the same. */
#ifndef TEST_IMAGE_H
#define TEST_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

/* A blank device becomes a store. */
void image_create(uint8_t *bytes, uint64_t size);
/* Opens it, makes `count` random changes of keys below `keys`, a commit each. Ends the test if that fails. */
void image_change(uint8_t *bytes, uint64_t size, uint64_t *seed, uint32_t count, uint32_t keys);
/* Opens it and checks all of it: how many keys there are; -1: it is not sound. */
long image_check(const uint8_t *bytes, uint64_t size);
/* All entries, in order. */
void image_walk(const uint8_t *bytes, uint64_t size,
                void (*entry)(void *of, const void *key, uint32_t key_size, const void *value,
                              uint32_t value_size),
                void *of);

uint64_t image_hash(const uint64_t key[2], const void *bytes, uint64_t size);

#endif
