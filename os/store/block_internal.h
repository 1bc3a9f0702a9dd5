/* SPDX-License-Identifier: ISC */
/* What block devices' files share. */
#ifndef STORE_BLOCK_INTERNAL_H
#define STORE_BLOCK_INTERNAL_H

#include <store/block.h>

void block_metrics_add(const struct block *); /* a device's figures, registered */

#endif
