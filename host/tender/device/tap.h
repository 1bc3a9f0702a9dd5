/* SPDX-License-Identifier: ISC */
/* TAP devices of the host. */
#ifndef TENDER_DEVICE_TAP_H
#define TENDER_DEVICE_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>

struct tap {
	int fd; /* one packet a read or write, after a struct amp_frame_header if vnet; non-blocking */
	bool vnet;
	uint32_t features; /* AMP_NET_*: what the host does of checksums and segments, both ways */
	uint16_t mtu;
	char name[16];
	bool created; /* by us; goes when fd is closed */
};

/* Attaches to the TAP device of that name, or creates it and sets it up. `offloads`: as far as the host has them;
 * else each packet is a whole one, with its checksum. */
int tap_open(struct tap *, const char *name, bool offloads, struct defect *why);

/* A locally administered MAC address, the same each time for the same host and names. */
void tap_mac(uint8_t mac[6], const char *image, const char *device, const char *name);

#endif
