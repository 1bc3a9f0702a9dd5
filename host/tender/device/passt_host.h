/* SPDX-License-Identifier: ISC */
/* What of this host's network passt depends on, as /proc and resolv.conf(5) tell it to anybody. */
#ifndef TENDER_DEVICE_PASST_HOST_H
#define TENDER_DEVICE_PASST_HOST_H

#include <net/if.h>
#include <stdbool.h>

struct passt_host {
	bool route4; /* it has a route by default, of IPv4: passt takes an interface from it */
	char six[IFNAMSIZ]; /* an interface with a link-local address, without which passt has no IPv6; "": there is none */
	bool asks4, asks6; /* it has a name server of that family */
};

void passt_host_look(struct passt_host *);

#endif
