/* SPDX-License-Identifier: ISC */
/* Grants (public/grant_table.h, version 1): pages of the kernel's own that another domain may use. They are granted once, for the whole
 * of a run; none of them is ever the image's. */
#ifndef BOOT_XEN_GRANT_H
#define BOOT_XEN_GRANT_H

#include <stdint.h>

/* Grants a page that memory_take gave to a domain, for reading and writing: its reference; 0: the table is full. */
uint32_t grant_page(uint16_t domain, const void *page);

#endif
