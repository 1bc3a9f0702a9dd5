/* SPDX-License-Identifier: ISC */
/*
 * Event channels, two-level (Xen's public/event_channel.h, xen.h): a port is how another domain wakes us and we wake it. What has
 * happened is found by looking at the rings; a port says no more than that a look pays. So nobody asks which port it was.
 */
#ifndef BOOT_XEN_EVENTS_H
#define BOOT_XEN_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/* The page that is shared with Xen: all ports are masked, and those that are opened send VECTOR_WAKE. After apic_begin. */
void events_begin(volatile uint8_t *shared);

/* A port that this domain may bind; 0: Xen has none. It is open. */
uint32_t events_offer(uint16_t domain);
/* Opens one that Xen has made. */
void events_open(uint32_t port);

void events_send(uint32_t port);

/* Before a look at what a port is for, of all ports or of one: an event from here on ends a sleep. */
void events_settle(void);
void events_clear(uint32_t port);

/* Sleeps until the port has an event, for `ns` at most. May return early. */
void events_wait(uint32_t port, uint64_t ns);

#endif
