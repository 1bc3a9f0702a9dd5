/* SPDX-License-Identifier: ISC */
/*
 * Which frames wake a sleeper, as a program of the kernel's packet filter (classic BPF): frames to its own MAC address, and
 * questions for its addresses by ARP (RFC 826) and neighbour solicitation (RFC 4861). What a host or a bridge says to many, by
 * mDNS, MLD, IGMP or router solicitations, does not.
 */
#ifndef STANDBY_FILTER_H
#define STANDBY_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#define FILTER_ADDRESSES 16u                            /* of each family */
#define FILTER_MAX       (24u + 11u * FILTER_ADDRESSES) /* instructions of the longest program */

struct filter_wish {
	uint8_t mac[6];
	uint32_t ip4_count, ip6_count;  /* both 0: each such question wakes */
	uint32_t ip4[FILTER_ADDRESSES]; /* host byte order */
	uint8_t ip6[FILTER_ADDRESSES][16];
};

/* An address, with or without its network's length behind it. False: it is none. Those beyond FILTER_ADDRESSES are left out. */
bool filter_add(struct filter_wish *, const char *text);

/* How many instructions there are. */
unsigned filter_make(const struct filter_wish *, struct sock_filter to[FILTER_MAX]);

#endif
