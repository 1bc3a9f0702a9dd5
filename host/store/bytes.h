/* SPDX-License-Identifier: ISC */
/* Big-endian numbers, and keys in the order of the tree. */
#ifndef STORE_BYTES_H
#define STORE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t load_u16(const uint8_t *from)
{
	return (uint32_t)from[0] << 8 | from[1];
}

static inline uint32_t load_u32(const uint8_t *from)
{
	uint32_t n;
	memcpy(&n, from, sizeof n);
	return be32toh(n);
}

static inline uint64_t load_u64(const uint8_t *from)
{
	uint64_t n;
	memcpy(&n, from, sizeof n);
	return be64toh(n);
}

static inline void store_u16(uint8_t *to, uint32_t n)
{
	to[0] = (uint8_t)(n >> 8);
	to[1] = (uint8_t)n;
}

static inline void store_u32(uint8_t *to, uint32_t n)
{
	n = htobe32(n);
	memcpy(to, &n, sizeof n);
}

static inline void store_u64(uint8_t *to, uint64_t n)
{
	n = htobe64(n);
	memcpy(to, &n, sizeof n);
}

/* A key's bytes, not owned. */
struct key {
	const uint8_t *bytes;
	uint32_t size;
};

/* Bytes are compared unsigned; a prefix comes first. */
static inline int key_compare(struct key a, struct key b)
{
	uint32_t n = a.size < b.size ? a.size : b.size;
	int order = n ? memcmp(a.bytes, b.bytes, n) : 0;
	return order ? order : (a.size > b.size) - (a.size < b.size);
}

#endif
