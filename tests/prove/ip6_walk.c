/* SPDX-License-Identifier: ISC */
/* IPv6's extension headers and their options, of every number and size. */
// wp: options walk
// z3: smt.auto_config=false
#include <core/bytes.h>

/*@ requires \valid_read((const uint8_t *)base + (0 .. size - 1)) && size <= 0xffffffff;
    assigns \result \from base, size;
    ensures \result.base == (const uint8_t *)base && \result.size == size && \result.at == 0; */
static inline struct bytes_in bytes_in(const void *base, size_t size);
//@ assigns \result \from ((const uint8_t *)p)[0 .. 1];
static inline uint16_t bytes_load_u16(const void *p);
//@ assigns \result \from ((const uint8_t *)p)[0 .. 3];
static inline uint32_t bytes_load_u32(const void *p);

#include <net/ip6/input.c>
