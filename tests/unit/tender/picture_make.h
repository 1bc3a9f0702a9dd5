/* SPDX-License-Identifier: ISC */
/* A good snapshot of the good image (sample.h), built in memory, for tests to break. */
#ifndef TEST_PICTURE_MAKE_H
#define TEST_PICTURE_MAKE_H

#include <tender/snapshot.h>

#include "sample.h"

#define PICTURE_RUNS      4u
#define PICTURE_HEAP      (16 * AMP_PAGE)
#define PICTURE_FRAMES    (256 * AMP_FRAME_SIZE)
#define PICTURE_FILE_SIZE (1u << 20) /* it is smaller */

struct picture_parts {
	struct sample image;
	struct snapshot_header header;
	struct snapshot_arg args[3];
	struct snapshot_run runs[PICTURE_RUNS];
};

void picture_make(struct picture_parts *);
/* Digests that fit what the parts say now. */
void picture_seal(struct picture_parts *);
/* A file of it, of which `cut` bytes are missing at the end. */
int picture_file(const struct picture_parts *, uint64_t cut);

#endif
