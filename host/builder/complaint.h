/* SPDX-License-Identifier: ISC */
/*
 * Complaints of compilers and the linker, in words of the appliance: a name that is defined twice, by library and file of
 * both; a name that only a library that is not listed defines; an argument that the manifest lacks. What links and cannot
 * work (PLAN_TRACED) is one, too: the linker tells who refers to it. Others go through as they are.
 */
#ifndef BUILD_COMPLAINT_H
#define BUILD_COMPLAINT_H

#include <stdbool.h>
#include <stdio.h>

#include <builder/manifest.h>
#include <builder/plan.h>
#include <builder/text.h>

struct complaint {
	const struct plan *plan;
	struct manifest *manifest;
	bool is_refused;        /* the application refers to what cannot work */
	struct text held;       /* a complaint's lines, until its last has come */
	struct traced **traced; /* who refers to what PLAN_TRACED names */
	unsigned traced_count;
	const char **defined; /* of these names, those that somebody brought for himself */
	unsigned defined_count;
};

/* The line without colours. */
const char *complaint_plain(const char *line);
/* One line of the build's output, its end of line included. */
void complaint_line(struct complaint *, const char *line, FILE *to);
/* No further line comes. */
void complaint_end(struct complaint *, FILE *to);

#endif
