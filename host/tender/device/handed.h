/* SPDX-License-Identifier: ISC */
/* TAP devices that are handed in by a process of our own, which has agreed with the kernel about each already (tap_host.h): asking
 * again would wait for a lock of the kernel's that whoever makes, changes or deletes an interface holds for some time. */
#ifndef TENDER_DEVICE_HANDED_H
#define TENDER_DEVICE_HANDED_H

#include <stdint.h>

struct handed_tap {
	int fd;            /* with packet headers, and without a filter */
	uint32_t features; /* as in struct packets */
	char name[16];
};

/* Stays the caller's, and there. */
void handed_agreed(const struct handed_tap *, uint32_t count);

#endif
