/* SPDX-License-Identifier: ISC */
/* A guest of Xen's (PVH): its console, clock and end. Its devices are found by xen_bus.h. */
#ifndef BOOT_XEN_H
#define BOOT_XEN_H

#include <stdbool.h>
#include <stdint.h>

/* Is there a Xen? Then hypercalls work from here on, and its console is added. After memory_begin. */
void xen_begin(void);
bool xen_is_there(void);

/* Ticks of the TSC a second; 0: Xen does not say. */
uint64_t xen_rate(void);
/* ns since 1970; 0: Xen does not say. */
int64_t xen_wall(void);
/* Xenstore and event channels work from here on, as far as there are any. After apic_begin. */
void xen_devices(void);
/* Has somebody asked the domain to end (`xl shutdown`, `xl reboot`) since the last look? It is taken as asked then. */
bool xen_asked(void);
/* Ends the domain. Returns where there is no Xen. */
void xen_off(void);

#endif
