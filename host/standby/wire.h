/* SPDX-License-Identifier: ISC */
/* Where a sleeper's frames wait: a TAP device, or a packet socket on an interface. One descriptor, which whoever is woken is
 * handed, and which its waker keeps. */
#ifndef STANDBY_WIRE_H
#define STANDBY_WIRE_H

#include <linux/filter.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>

struct wire {
	int fd;              /* -1: none */
	bool is_packet;      /* a packet socket */
	char name[IFNAMSIZ]; /* the interface's */
};

/* `offloads`: as the image has them (its ABI minor is not 0). A packet socket's MAC address is the interface's; a TAP device's
 * image has one of its own. -1 with a defect. */
int wire_open(struct wire *, bool is_packet, const char *name, bool offloads, uint8_t mac[6],
              struct defect *why);
/* From here on only these frames come. False: the interface is gone. */
bool wire_filter(const struct wire *, const struct sock_filter *, unsigned count);
void wire_deaf(const struct wire *); /* none do; frames that have come stay */
void wire_pass(const struct wire *); /* all do */
bool wire_has(const struct wire *);  /* is there one? */
void wire_empty(const struct wire *);
bool wire_is_gone(const struct wire *);
void wire_close(struct wire *);

#endif
