/* SPDX-License-Identifier: ISC */
/* SipHash-1-3 (Aumasson, Bernstein) under a key drawn at boot: for hash tables whose keys the network chooses. */
#ifndef CORE_HASH_H
#define CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *bytes, size_t size);
/* The same under the caller's key. */
uint64_t hash_bytes_keyed(const uint64_t key[2], const void *bytes, size_t size);

#endif
