/* SPDX-License-Identifier: ISC */
/*
 * What the linker complains of, in words of the appliance's: a name that two define, by library and file of both; one that
 * nobody defines but a library that is not listed. What is not known goes through as the linker says it.
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
