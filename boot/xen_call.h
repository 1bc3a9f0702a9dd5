/* SPDX-License-Identifier: ISC */
/* Hypercalls, for the parts of Xen's side (public/xen.h). Only where xen_is_there. */
#ifndef BOOT_XEN_CALL_H
#define BOOT_XEN_CALL_H

#include <stdint.h>

enum { XEN_MEMORY_OP = 12, XEN_SCHED_OP = 29, XEN_EVENT_OP = 32, XEN_HVM_OP = 34 };
#define XEN_SELF 0x7ff0u

/* What Xen returns: negative is an error of its own numbers. */
int64_t xen_call(unsigned which, uint64_t a, const void *b);

/* What Xen tells this domain (public/hvm/params.h); 0: nothing. */
uint64_t xen_parameter(uint32_t index);

/* Puts a page of Xen's (XENMAPSPACE_*) where that page of ours is. -1: Xen does not. */
enum { XEN_SHARED_INFO = 0, XEN_GRANT_TABLE = 1 };
int xen_map(uint32_t space, uint64_t index, void *page);

/* ns since Xen's start. */
uint64_t xen_up(void);

#endif
