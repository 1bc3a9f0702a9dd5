/* SPDX-License-Identifier: ISC */
/* A TAP device of the host: found by name or made, and agreed with about checksums and segments. */
#ifndef TENDER_DEVICE_TAP_HOST_H
#define TENDER_DEVICE_TAP_HOST_H

#include <tender/device/packets.h>

#define TAP_NAME_ANY "amp%d" /* the kernel fills in a number */

struct tap_host {
	char name[16];
	bool created; /* by us; goes when its descriptor is closed */
};

/* Opens the device of that name, or makes it and sets it up; fills in what packets need of the host. -1 with a defect. */
int tap_attach(struct tap_host *, struct packets *, const char *name, bool offloads,
               struct defect *why);

/* Before it becomes a port of a bridge: its own address, which is the host's and not the image's, becomes one above others'. A
 * bridge takes the lowest of its ports for its own, and a host whose interface has another one forgets its neighbours. `first`: it
 * stays for long, and is below those of other calls. */
void tap_address_high(const char *name, bool first);

/* Tells the host behind p->fd what we take, and asks for the header. False: the host would put one of another size before
 * each packet. */
bool tap_agree(struct packets *, bool offloads);

#endif
