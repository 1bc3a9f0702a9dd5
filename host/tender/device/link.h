/* SPDX-License-Identifier: ISC */
/* The kernel's news of a network interface: whether it is still there. Costs nothing while there are none. */
#ifndef TENDER_DEVICE_LINK_H
#define TENDER_DEVICE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>

/* A descriptor that becomes readable when interfaces of this network namespace change; non-blocking. To be made before the
 * interface is looked up, so that nothing comes between. -1 with a defect. */
int link_watch(struct defect *why);

/* Reads all the news: is the interface gone, by deletion or to another namespace? `socket` is one of AF_XDP on it, which is
 * asked for its error (SO_ERROR) where news were lost. */
bool link_gone(int watch, uint32_t interface, int socket);

#endif
