/* SPDX-License-Identifier: ISC */
/*
 * Who sleeps behind one port of a bridge, found by MAC or IP address. Only command lines add to it: what peers send is looked up,
 * and changes nothing.
 */
#ifndef STANDBY_SLEEPERS_H
#define STANDBY_SLEEPERS_H

#include <stdbool.h>
#include <stdint.h>

#include <standby/filter.h>

#define SLEEPERS_NONE UINT32_MAX

struct sleeper {
	uint8_t mac[6];
	uint8_t wire;     /* of the standby's, */
	bool is_awake;    /* it has a device of its own, and answers for itself */
	uint32_t standby; /* ... by number */
};

struct sleepers_ip4 {
	uint32_t address; /* host byte order */
	uint32_t sleeper; /* its number + 1; 0: the slot is empty */
};

struct sleepers_ip6 {
	uint8_t address[16];
	uint32_t sleeper;
};

/* Slots are a power of two, half of them empty or more. Zero: nobody is there. */
struct sleepers {
	struct sleeper *all;
	uint32_t count, room;
	uint32_t *macs;
	struct sleepers_ip4 *ip4;
	struct sleepers_ip6 *ip6;
	uint32_t mac_slots, ip4_slots, ip6_slots, ip4_count, ip6_count;
};

enum sleepers_added { SLEEPERS_ADDED, SLEEPERS_TWICE, SLEEPERS_NO_MEMORY };

/* TWICE: somebody has that MAC address, or one of these IP addresses; nothing is added then, nor without memory. */
enum sleepers_added sleepers_add(struct sleepers *, const struct filter_wish *, uint32_t standby,
                                 uint8_t wire);
/* The last one that was added is none after all. */
void sleepers_drop_last(struct sleepers *);

/* Their numbers in `all`; SLEEPERS_NONE. */
uint32_t sleepers_by_mac(const struct sleepers *, const uint8_t mac[6]);
uint32_t sleepers_by_ip4(const struct sleepers *, uint32_t address);
uint32_t sleepers_by_ip6(const struct sleepers *, const uint8_t address[16]);

#endif
