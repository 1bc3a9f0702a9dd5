/* SPDX-License-Identifier: ISC */
/* Packets of IPv6 for tests, field by field, with a checksum of their own; configurations, and a neighbour and a router that speak. */
#ifndef SIX_H
#define SIX_H

#include <net/ip6/internal.h>

#include "world.h"

extern const uint8_t us6[16], peer6[16], new6[16], far6[16],
        router6[16];                /* 2001:db8::2, ::9, ::8; elsewhere; fe80::1 */
extern const uint8_t solicited[16]; /* us6's group */
extern const uint8_t prefix6[16];   /* that the router advertises */
extern const struct interface_ip6_config static_config, auto_config;

struct spec {
	const uint8_t *source, *destination;
	const uint8_t *to_mac, *from_mac;
	uint8_t next, hops;
	const void *before; /* extension headers; their first one is `next` then */
	uint32_t before_size;
	uint8_t last; /* what they end with */
	bool bad_sum;
};

struct net_address of(const uint8_t address[16]);
uint16_t sum6(const uint8_t *source, const uint8_t *destination, uint8_t next,
              const uint8_t *message, uint32_t size);
/* message: its checksum field, at `sum_at`, is filled in. */
void packet6(struct packet *, struct spec, const void *message, uint32_t size, uint32_t sum_at);
void echo6(struct packet *, struct spec, uint32_t size);
void udp6(struct packet *, struct spec, uint16_t port, const char *text);
const uint8_t *body(const struct packet *);
/* Looks at a packet that came out: is it IPv6, with the right length and checksum? */
bool right6(const struct packet *);
/* A message of neighbour discovery: NS or NA. */
void neighbour6(struct packet *, uint8_t type, uint8_t flags, const uint8_t *source,
                const uint8_t *destination, const uint8_t *target, const uint8_t *mac);
bool answer6(void); /* answers the solicitation that came out last. False: none did. */
void greet(void);   /* the peer asks for us, so that we know where it is */

/* A router's advertisement: begun, a prefix added, sent from router6. Returns the size so far. */
uint32_t advertisement(uint8_t m[512], uint16_t lifetime);
uint32_t add_prefix(uint8_t *m, uint32_t at, const uint8_t prefix[16], uint32_t valid,
                    uint32_t preferred);
void advertise(const uint8_t *m, uint32_t size);
uint32_t addresses(void); /* how many we have */

#endif
