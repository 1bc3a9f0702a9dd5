/* SPDX-License-Identifier: ISC */
/*
 * A device of Xen's, as xenstore knows it (public/io/xenbus.h): two folders, the frontend's, which is ours, and the backend's. In each a
 * `state` says how far that half is, and the other one watches it.
 */
#ifndef BOOT_XEN_BUS_H
#define BOOT_XEN_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>

enum xen_state {
	XEN_UNKNOWN,
	XEN_INITIALISING,
	XEN_INIT_WAIT,
	XEN_INITIALISED,
	XEN_CONNECTED,
	XEN_CLOSING,
	XEN_CLOSED
};

struct xen_bus {
	char front[48], back[96];
	uint16_t domain; /* the backend's */
	uint32_t watch;
	bool closed;
};

/* The devices of a kind ("vif", "vbd") by their numbers, the least first; how many. */
uint32_t xen_bus_list(const char *kind, uint32_t *numbers, uint32_t most);

/* Finds both halves, and waits until the backend is there. -1 with a defect. */
int xen_bus_open(struct xen_bus *, const char *kind, uint32_t number, struct defect *why);

/* A number that the backend says, or `otherwise` where it says none; a text: -1 there. */
uint64_t xen_bus_number(const struct xen_bus *, const char *node, uint64_t otherwise);
int xen_bus_text(const struct xen_bus *, const char *half, const char *node, char *to,
                 uint32_t size);
/* Says a number, or a text, in the frontend's half. -1: the store does not take it. */
int xen_bus_say(const struct xen_bus *, const char *node, uint64_t value);
int xen_bus_say_text(const struct xen_bus *, const char *node, const char *value);

/* Waits until the backend is connected. -1 with a defect. */
int xen_bus_connect(struct xen_bus *, struct defect *why);

/* Is it still there? Once the backend closes, so does the frontend, and it is not. */
bool xen_bus_is_open(struct xen_bus *);

#endif
