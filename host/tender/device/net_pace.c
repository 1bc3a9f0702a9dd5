/* SPDX-License-Identifier: ISC */
#include <stddef.h>
#include <string.h>

#include <tender/device/net_pace.h>

#define ETHERNET  14u
#define IP6_SIZE  40u
#define TCP       6u
#define TCP_FLAGS 13u
#define FIN       1u
#define SYN       2u

/* Fowler, Noll and Vo's, of 32 bits. */
static uint32_t hash(uint32_t h, const uint8_t *bytes, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		h = (h ^ bytes[i]) * 16777619u;
	return h;
}

/* Its connection's name, and TCP's flags. False: it is none of TCP, or has headers between. */
static bool read(const uint8_t *bytes, uint32_t size, uint32_t *name, uint8_t *flags)
{
	const uint8_t *ip = bytes + ETHERNET;
	uint32_t at, first, addresses;
	if (size < ETHERNET + IP6_SIZE)
		return false;
	if (bytes[12] == 0x08 && !bytes[13] && ip[9] == TCP) {
		at = ETHERNET + (ip[0] & 15u) * 4;
		first = 12;
		addresses = 8;
	} else if (bytes[12] == 0x86 && bytes[13] == 0xdd && ip[6] == TCP) {
		at = ETHERNET + IP6_SIZE;
		first = 8;
		addresses = 32;
	} else {
		return false;
	}
	if (size <= at + TCP_FLAGS)
		return false;
	*name = hash(hash(2166136261u, ip + first, addresses), bytes + at, 4);
	*flags = bytes[at + TCP_FLAGS];
	return true;
}

bool net_pace_together(const struct net_pace *p, const uint8_t *bytes, uint32_t size)
{
	uint32_t name;
	uint8_t flags;
	if (!read(bytes, size, &name, &flags))
		return true;
	const struct net_pace_flow *f = &p->flows[name % NET_PACE_FLOWS];
	return f->name != name || f->batch != p->batch || (!f->begins && !f->ends);
}

void net_pace_goes(struct net_pace *p, const uint8_t *bytes, uint32_t size)
{
	uint32_t name;
	uint8_t flags;
	if (!read(bytes, size, &name, &flags))
		return;
	struct net_pace_flow *f = &p->flows[name % NET_PACE_FLOWS];
	bool begins = flags & SYN;
	if (f->name != name || begins)
		f->ends = false;
	if (f->name != name || f->batch != p->batch)
		f->begins = false;
	f->name = name;
	f->batch = p->batch;
	f->begins |= begins;
	f->ends |= flags & FIN;
}
