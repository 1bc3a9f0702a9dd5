/* SPDX-License-Identifier: ISC */
/* Who may: a short list of IPv4 networks, from a text such as "192.0.2.53 10.0.0.0/8". */
#ifndef DNS_ALLOW_H
#define DNS_ALLOW_H

#include <stdbool.h>
#include <stdint.h>

#define DNS_ALLOW_MAX 64u

struct dns_allow { /* zeroed: nobody */
	uint32_t count;
	struct {
		uint32_t address, mask; /* host byte order */
	} networks[DNS_ALLOW_MAX];
};

/* Reads addresses and networks (A.B.C.D/LEN) with spaces or commas between; null or nothing:
 * nobody. False: that is none, or there are too many. */
bool dns_allow_parse(struct dns_allow *, const char *text);
bool dns_allow_has(const struct dns_allow *, uint32_t address);

#endif
