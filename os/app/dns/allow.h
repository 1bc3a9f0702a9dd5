/* SPDX-License-Identifier: ISC */
/* Who may: a short list of networks of both families, from a text such as "192.0.2.53 2001:db8::/32". */
#ifndef DNS_ALLOW_H
#define DNS_ALLOW_H

#include <stdbool.h>
#include <stdint.h>

#include <net/address.h>

#define DNS_ALLOW_MAX 64u

struct dns_allow { /* zeroed: nobody */
	uint32_t count;
	struct {
		struct net_address address;
		uint8_t prefix;
	} networks[DNS_ALLOW_MAX];
};

/* Reads addresses and networks (ADDRESS/LEN) with spaces or commas between; null or nothing:
 * nobody. False: that is none, or there are too many. */
bool dns_allow_parse(struct dns_allow *, const char *text);
bool dns_allow_has(const struct dns_allow *, struct net_address);

#endif
