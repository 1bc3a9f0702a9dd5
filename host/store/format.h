/* SPDX-License-Identifier: ISC */
/* What lies on a file or device. */
#ifndef STORE_FORMAT_H
#define STORE_FORMAT_H

#include <store/tree.h>
#include <store/volume.h>

enum format {
	FORMAT_BLANK,
	FORMAT_BTREE,  /* or what is left of one: found says it */
	FORMAT_VOLUME, /* likewise */
	FORMAT_OTHER,
};

struct content {
	enum format format;
	const char *words; /* "a B-tree", ...; of FORMAT_OTHER, what it is if that is known */
	struct tree_root roots[AMP_BTREE_ROOTS];
	enum tree_found tree_found;
	struct tree_state state;
	enum volume_found volume_found;
	struct volume volume;
};

/* -1 with a defect: it cannot be read. */
int format_look(struct content *, struct disk *, struct defect *);

#endif
