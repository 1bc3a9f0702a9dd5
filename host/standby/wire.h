/* SPDX-License-Identifier: ISC */
/* Where a sleeper's frames wait: a TAP device, or a packet socket on an interface. One descriptor, which whoever is woken is
 * handed, and which its waker keeps. Or a port in a bridge, for many: then it has a descriptor while it is awake (port.h). */
#ifndef STANDBY_WIRE_H
#define STANDBY_WIRE_H

#include <linux/filter.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <standby/held.h>
#include <tender/defect.h>

#define WIRE_NAME 46u /* of an interface, or an address of IPv6 */

enum wire_kind { WIRE_TAP, WIRE_PACKET, WIRE_BRIDGE };

struct port;

struct wire {
	int fd;               /* -1: none */
	uint8_t kind, device; /* enum wire_kind; the image's device, by number */
	char name[WIRE_NAME]; /* the interface's; in a bridge its first address */
	uint32_t features;    /* AMP_NET_*: what was agreed with the TAP device */
	/* In a bridge: */
	uint32_t sleeper, interface; /* its number at the port; its device's while it is awake */
	struct port *port;
	struct held held;
};

/* Of a TAP device or a packet socket. `offloads`: as the image has them (its ABI minor is not 0). A packet socket's MAC address is
 * the interface's; a TAP device's image has one of its own. -1 with a defect. */
int wire_open(struct wire *, enum wire_kind, const char *name, bool offloads, uint8_t mac[6],
              struct defect *why);
/* From here on only these frames come; in a bridge it has no device any more. False: the interface is gone. */
bool wire_filter(struct wire *, const struct sock_filter *, unsigned count);
void wire_deaf(const struct wire *); /* none do; frames that have come stay */
void wire_pass(const struct wire *); /* all do */
bool wire_has(const struct wire *);  /* is there one? */
void wire_empty(struct wire *);
bool wire_is_gone(const struct wire *);
void wire_close(struct wire *);

#endif
