/* SPDX-License-Identifier: ISC */
/*
 * IGMP (version 3, RFC 3376; version 2, RFC 2236, where a router of that version asks): tells the routers of
 * the link which multicast groups somebody here listens to, whoever sends. Only in images that join
 * one (udp_join), since nothing but igmp_join leads here.
 */
#ifndef NET_IGMP_H
#define NET_IGMP_H

#include <stdbool.h>
#include <stdint.h>

#include <core/clock.h>

#define IGMP_ROBUSTNESS  2u             /* how often a change is told: RFC 3376 §8.1 */
#define IGMP_REPEAT_NS   (1 * NS_PER_S) /* between these, at most: §8.11 */
#define IGMP_OLDER_NS    (260 * NS_PER_S) /* since a version 2 router asked last, it is there: §8.12 */
#define IGMP_ALL_SYSTEMS 0xe0000001u      /* 224.0.0.1: everybody is in it, and tells nobody: §6 */
#define IGMP_ALL_ROUTERS 0xe0000002u
#define IGMP_V3_ROUTERS  0xe0000016u

struct interface;

/* One user more of a group on an interface, or one fewer: the first one joins, the last one leaves. ERR_MEMORY. */
int igmp_join(struct interface *, uint32_t group);
void igmp_leave(struct interface *, uint32_t group);

/* Is somebody here in the group; in one that has this MAC address (RFC 1112 §6.4)? */
bool igmp_has(const struct interface *, uint32_t group);
bool igmp_has_mac(const struct interface *, const uint8_t mac[6]);

#endif
