/* SPDX-License-Identifier: ISC */
/* A bundle (OCI runtime specification, bundle.md and config.md): its config.json, read once and checked. Only the checked
 * values are used. */
#ifndef OCI_BUNDLE_H
#define OCI_BUNDLE_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>

#define BUNDLE_SPACES     3u /* namespaces that a tender knows: network, ipc, uts */
#define BUNDLE_CONFIG_MAX (16u << 20)

enum space_wish { SPACE_SHARED, SPACE_NEW, SPACE_JOIN };

struct bundle {
	char path[PATH_MAX]; /* the folder, absolute */
	char root[PATH_MAX]; /* of the container's files, absolute */
	json_t *config;      /* owned; all below lies in it, and null is "not given" */
	const json_t *args,
	        *env; /* arrays of strings; `args` has one at least unless this is a pod's sandbox */
	const json_t *annotations; /* an object of strings */
	const json_t *mounts;      /* an array of objects with a "destination" */
	const json_t *devices;     /* an array of objects with "path" and "type" */
	const json_t *hooks;       /* an object of arrays of objects with an absolute "path" */
	const json_t *resources;   /* an object */
	const char *cgroup;
	bool terminal;
	uint16_t rows, columns; /* of the terminal; 0: not told */
	bool sandbox;           /* a pod's first container, which does nothing but be there */
	const json_t *oom_score;
	struct {
		enum space_wish wish;
		const char *path; /* of SPACE_JOIN */
	} spaces[BUNDLE_SPACES];  /* by bundle_space_names */
};

#define BUNDLE_NETWORK 0u
extern const char *const bundle_space_names[BUNDLE_SPACES];

int bundle_read(struct bundle *, const char *path, struct defect *why);
void bundle_free(struct bundle *);

/* The annotation's value; null: there is none. */
const char *bundle_annotation(const struct bundle *, const char *name);

#endif
