/* SPDX-License-Identifier: ISC */
/* The little of rtnetlink that devices need: links made and deleted, addresses and routes of an interface lifted and put
 * back. Each call opens a socket of its own. */
#ifndef TENDER_DEVICE_RTNL_H
#define TENDER_DEVICE_RTNL_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>
#include <tender/device/net_words.h>

#define RTNL_STATE_MAX 16384u

/* Addresses and routes of an interface, as the kernel told them: requests that make them again, one behind the other. */
struct rtnl_state {
	uint32_t interface;
	bool ip4, ip6; /* the families that are meant */
	uint32_t size;
	uint8_t requests[RTNL_STATE_MAX];
};

/* Reads what an interface has, and says it in words. What routers told the kernel is not kept: they tell it again. Addresses among
 * that are no words either, since whoever has the interface asks routers himself. -1 with a defect. */
int rtnl_read(struct rtnl_state *, uint32_t interface, struct net_words *, struct defect *why);
/* Takes the addresses away, with which the routes go. -1 with a defect. */
int rtnl_lift(const struct rtnl_state *, struct defect *why);
/* Makes them again, as far as the host lets us. */
void rtnl_put_back(const struct rtnl_state *);

/* Makes a macvtap link on `interface`, of a name that the kernel chooses by `pattern`. Its index; -1 with a defect. */
int rtnl_macvtap(uint32_t interface, const char *pattern, struct defect *why);
void rtnl_delete_link(uint32_t interface);

/* A link's group, by which many are deleted at once: it takes the kernel as long as one. */
void rtnl_group(uint32_t interface, uint32_t group);
void rtnl_delete_group(uint32_t group);

/* A port of a bridge, which sends it from here on what is for addresses that it knows there, and nothing that is for many. */
void rtnl_quiet_port(uint32_t interface);

#endif
