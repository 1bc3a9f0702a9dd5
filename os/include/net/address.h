/* SPDX-License-Identifier: ISC */
/*
 * An Internet address of either family, as every call of this library takes and gives it. The 16 bytes are those of
 * an IPv6 address; an IPv4 address is ::ffff:A.B.C.D (RFC 4291 §2.5.5.2), so that two addresses are the same if their
 * bytes are. No packet and no manifest brings such an IPv6 address: what looks like one here is IPv4. All zeros is no
 * address.
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

struct net_address {
	union {
		uint8_t bytes[16]; /* network byte order */
		uint32_t words[4];
		uint64_t halves[2];
	};
};

/* IPv4 and back; a is in host byte order, 0x7f000001 is 127.0.0.1. */
static inline struct net_address net_ip4(uint32_t a)
{
	return (struct net_address){ .words = { 0, 0, 0xffff0000u, __builtin_bswap32(a) } };
}
static inline bool net_is_ip4(struct net_address a)
{
	return !a.halves[0] && a.words[2] == 0xffff0000u;
}
/* Of an IPv4 address only; 0 for any other. */
static inline uint32_t net_ip4_of(struct net_address a)
{
	return net_is_ip4(a) ? __builtin_bswap32(a.words[3]) : 0;
}

static inline bool net_address_same(struct net_address a, struct net_address b)
{
	return !((a.halves[0] ^ b.halves[0]) | (a.halves[1] ^ b.halves[1]));
}
/* No address: all zeros, 0.0.0.0 included. */
static inline bool net_address_none(struct net_address a)
{
	return (!(a.halves[0] | a.halves[1])) || (net_is_ip4(a) && !a.words[3]);
}

/* Do the first `prefix` bits agree? Of an IPv4 address they begin at its first byte. False for two families. */
bool net_address_within(struct net_address a, struct net_address network, uint8_t prefix);

#define NET_ADDRESS_TEXT_MAX 46u /* bytes, NUL included */
/* "10.0.0.2" or "2001:db8::2" (RFC 5952). Returns the length. */
uint32_t net_address_print(char to[NET_ADDRESS_TEXT_MAX], struct net_address);
/* Reads one of either form (RFC 4291 §2.2); false: it is none. */
bool net_address_parse(const char *text, struct net_address *);

#endif
