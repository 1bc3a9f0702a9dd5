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

/* Erases this process's copy of the seed, once the image has its own. */
void boot_forget(struct space *);

/* Bytes of memory, in whole pages, that an image's secrets take of what its heap would have: at most half of it. */
uint64_t boot_secrets_size(const struct image *, const struct args *);

/* Where the words of networks go: AMP_NET_WORDS_MAX of them. How many there are, boot information says. */
struct amp_net_word *boot_words(struct space *, const struct image *);

#endif
