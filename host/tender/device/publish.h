/* SPDX-License-Identifier: ISC */
/* Ports of the host that lead into an image, as the command line says them: [ADDR:]HOST[-END]:PORT[-END][/tcp|/udp]. An IPv6 address
 * stands in brackets. */
#ifndef TENDER_DEVICE_PUBLISH_H
#define TENDER_DEVICE_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tender/defect.h>
#include <tender/device/net_words.h>

#define PUBLISH_FORM "[ADDRESS:]HOST:PORT[/udp]"

struct publish {
	struct net_ip
	        address; /* of the host; all zero: all of that family; no family: all that it has */
	uint16_t first, last; /* ports of the host, */
	uint16_t to;          /* and that of the image for the first of them; the others follow */
	bool udp;
};

/* -1 with a defect. */
int publish_parse(struct publish *, const char *text, struct defect *why);

#define PUBLISH_ADDRESS_MAX 46u
/* The address as text, without brackets; "" where there is no family. */
const char *publish_address(const struct publish *, char to[PUBLISH_ADDRESS_MAX]);

/* The families that are asked for in a text without an address. */
#define PUBLISH_IP4 1u
#define PUBLISH_IP6 2u
/* May this process listen there, and does nobody else? Waits up to a second for one that does. -1 with a defect that says what
 * to do. Nothing is kept open. */
int publish_try(const struct publish *, uint32_t families, struct defect *why);

#endif
