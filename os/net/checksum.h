/* SPDX-License-Identifier: ISC */
/*
 * The Internet checksum (RFC 1071). Sums are kept in memory order: words are added as the machine
 * loads them, and a folded sum is stored as the machine stores it; byte order falls out (RFC 1071
 * §2(B)).
 */
#ifndef NET_CHECKSUM_H
#define NET_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Adds n bytes to a sum (start with 0). All pieces but the last MUST have even sizes. */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t n);

static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

/* What an IPv4 header without options adds: 20 bytes, unrolled. */
static inline uint64_t checksum_header(const void *header)
{
	uint32_t w[5];
	memcpy(w, header, sizeof w);
	return (uint64_t)w[0] + w[1] + w[2] + w[3] + w[4];
}

/* What the pseudo-header adds (RFC 768): `addresses` are the source's and the destination's 8 bytes
 * as they lie in the IPv4 header; size is the message's. */
static inline uint64_t checksum_pseudo(const void *addresses, uint8_t protocol, uint16_t size)
{
	uint32_t w[2];
	memcpy(w, addresses, sizeof w);
	return (uint64_t)w[0] + w[1] + ((uint32_t)protocol << 8) + __builtin_bswap16(size);
}

/* Does a message, its checksum field included, sum up to zero? */
static inline bool checksum_good(uint64_t sum)
{
	return checksum_fold(sum) == 0xffff;
}

/* Stores the checksum of what was summed with the field as zero. */
static inline void checksum_store(uint8_t at[2], uint64_t sum)
{
	uint16_t v = (uint16_t)~checksum_fold(sum);
	memcpy(at, &v, sizeof v);
}

/* The same for UDP, where zero means "none" and is sent as all ones (RFC 768). */
static inline void checksum_store_udp(uint8_t at[2], uint64_t sum)
{
	uint16_t v = (uint16_t)~checksum_fold(sum);
	v = v ? v : 0xffff;
	memcpy(at, &v, sizeof v);
}

#endif
