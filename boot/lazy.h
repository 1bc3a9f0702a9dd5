/* SPDX-License-Identifier: ISC */
/* Pages of the image's heap and stacks, which are cleared and made present when they are first touched (SPACE_BARE in space.h). */
#ifndef BOOT_LAZY_H
#define BOOT_LAZY_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/pages.h>

/* Makes the page of that address present. False: nothing is to be there. */
bool lazy_page(const struct pages *, uint64_t address);

/* The same for all pages of a range that the kernel, or a device, is about to touch. */
void lazy_touch(const struct pages *, uint64_t address, uint64_t size);

#endif
