/* SPDX-License-Identifier: ISC */
/*
 * What the tender tells an image of a network (abi: struct amp_net_word), and the words of a device's text that say it:
 * the same for all kinds of network devices. A text is the kind's own, then words behind commas, KEY=VALUE each.
 */
#ifndef TENDER_DEVICE_NET_WORDS_H
#define TENDER_DEVICE_NET_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <tender/defect.h>

#define NET_WORDS_EACH 32u /* of one device, at most */

/* An address of either family, as struct amp_net_word has it. */
#define NET_IP4 4u
#define NET_IP6 6u
struct net_ip {
	uint8_t family;    /* NET_IP4, NET_IP6; 0: none */
	uint8_t bytes[16]; /* network byte order, from the first byte on; the rest is zero */
};

struct net_words {
	uint32_t count;
	struct amp_net_word all[NET_WORDS_EACH]; /* without `device` */
	uint16_t mtu;                            /* the image's at most; 0: as the device has it */
};

#define NET_WORDS_FORM                                                                             \
	"address=ADDRESS/LEN, gateway=ADDRESS, route=NETWORK/LEN@ADDRESS, resolver=ADDRESS, "      \
	"mtu=BYTES"

/* Takes these words out of `text`, which it changes; what else there is stays, in order. -1 with a defect. */
int net_words_take(struct net_words *, char *text, struct defect *why);

/* To be called by kinds that know by themselves. `gateway`: of a route, of the same family; null: it is on the link. False:
 * there are too many. */
bool net_words_add(struct net_words *, enum amp_net_word_kind, const struct net_ip *address,
                   uint8_t prefix, const struct net_ip *gateway);
/* A resolver of a line of resolv.conf(5). False: the line names none that an image could ask, or there are too many. */
bool net_words_resolver_line(struct net_words *, const char *line);

/* The first of that kind and family; null: none. Of IPv6's addresses, those of the link alone (fe80::/10) do not count. */
const struct amp_net_word *net_words_first(const struct net_words *, enum amp_net_word_kind,
                                           uint8_t family);
/* The gateway by default; null: none. */
const struct amp_net_word *net_words_gateway(const struct net_words *, uint8_t family);

/* Writes them as the image is to see them, the addresses first; how many. */
uint32_t net_words_write(const struct net_words *, uint32_t device, struct amp_net_word *to);

struct net_ip net_ip4(uint32_t address); /* host byte order, and back: */
uint32_t net_ip4_of(const uint8_t bytes[16]);
bool net_ip_is_link(const struct net_ip *); /* of fe80::/10 */

/* Can a host have that address in a network of this prefix? */
bool net_ip_fits(const struct net_ip *, uint8_t prefix);

/* Any address of either family, as text. */
bool net_ip_parse(const char *text, struct net_ip *);

#define NET_WORDS_IP4         "%u.%u.%u.%u"
#define NET_WORDS_IP4_ARGS(a) (a) >> 24, (a) >> 16 & 255, (a) >> 8 & 255, (a) & 255

#endif
