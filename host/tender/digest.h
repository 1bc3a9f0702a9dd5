/* SPDX-License-Identifier: ISC */
/* The digest that an image file ends with: struct amp_digest. */
#ifndef TENDER_DIGEST_H
#define TENDER_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include <tender/image.h>

/* Digests the file as it is now and compares. 0: *found says whether it has a digest, which is *digest then, and it is right;
 * an image whose note does not promise one may have none. -1 with a defect. Costs a read of the file. */
int digest_check(const struct image *, bool *found, struct amp_digest *digest, struct defect *why);

/* The digest of these bytes, to follow them. */
struct amp_digest digest_of(const void *bytes, size_t size);

#endif
