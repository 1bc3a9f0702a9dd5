/* SPDX-License-Identifier: ISC */
/* Where output goes: the first serial port, and whatever else is found. What a device of the hypervisor's does not take in time is
 * lost, rather than that the appliance stands still. */
#ifndef BOOT_CONSOLE_H
#define BOOT_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

/* One more place: returns without waiting for ever. */
typedef void console_put(const char *bytes, size_t size);

void console_begin(void);
/* Messages and the log go to another serial port from here on, and line feeds stay as they are. */
void console_split(uint16_t port);
void console_add(console_put *);
/* Writes to a stream (enum amp_stream); a line feed becomes carriage return and line feed, as terminals want it. */
void console_write(unsigned stream, const char *bytes, size_t size);

#endif
