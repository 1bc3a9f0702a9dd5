/* SPDX-License-Identifier: ISC */
/*
 * The status of an appliance, on a port of its own: a page for people at /, JSON at /status.json, and the same
 * figures for Prometheus at /metrics (text format 0.0.4). It shows all that is registered (core/metric.h): what the linked libraries
 * count, and what an application adds. In JSON each source is an object of its group's name; the second and further
 * ones of a group have their label behind it ("http 8080").
 *
 * It shows no secrets, but it does show load: give it an interface or a port that the public cannot reach.
 */
#ifndef STATUS_STATUS_H
#define STATUS_STATUS_H

#include <stdint.h>

struct interface;

struct status_options {
	uint16_t port;               /* 0: there is no status page, and nothing is done */
	struct interface *interface; /* null: all */
	const char *name;            /* the appliance's, for the title; its first 256 bytes */
};

/* ERR_EXISTS (the port), ERR_MEMORY; the reason is logged. */
int status_serve(const struct status_options *);

#endif
