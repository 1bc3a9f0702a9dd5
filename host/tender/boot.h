/* SPDX-License-Identifier: ISC */
/* Boot information: composed in its region of the space, which the image can only read. */
#ifndef TENDER_BOOT_H
#define TENDER_BOOT_H

#include <tender/args.h>
#include <tender/space.h>

/* Bytes that the region must have. */
uint64_t boot_size(const struct image *);

/* Fills all but the clock and the devices' contents; *devices is where those go (device_count of
 * them). */
struct amp_boot *boot_fill(struct space *, const struct image *, const struct args *,
                           const char *tender, unsigned log_level, struct amp_device **devices);

#endif
