/* SPDX-License-Identifier: ISC */
/*
 * The linker's complaints, in words of the appliance: a name that is defined twice, by library and file of both; a name that
 * only a library that is not listed defines. Unknown complaints go through as the linker says them.
 */
#ifndef BUILD_COMPLAINT_H
#define BUILD_COMPLAINT_H

#include <stdio.h>

#include <builder/manifest.h>
#include <builder/plan.h>
#include <builder/text.h>

struct complaint {
	const struct plan *plan;
	struct manifest *manifest;
	struct text held; /* a complaint's lines, until its last has come */
};

/* One line of the build's output, its end of line included. */
void complaint_line(struct complaint *, const char *line, FILE *to);
/* No further line comes. */
void complaint_end(struct complaint *, FILE *to);

#endif
