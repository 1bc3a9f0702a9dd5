/* SPDX-License-Identifier: ISC */
/* What standbys are woken from: a snapshot or an image, opened and looked through once for all that name it. */
#ifndef STANDBY_SOURCE_H
#define STANDBY_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <tender/image.h>
#include <tender/snapshot.h>

struct source {
	struct source *next;
	dev_t device;
	ino_t inode;
	const char *path;
	struct image image; /* checked */
	int snapshot;       /* a descriptor; -1: it is an image */
	uint32_t ip4[AMP_ARGS_MAX],
	        ip4_count; /* of its arguments: addresses with a network's length */
};

/* That file, whose path stays where it is. Null with a defect, which names the file. */
struct source *source_open(const char *path, struct defect *why);
/* The network device that "NAME=..." means, by name; null: it has none such. An empty name means its first. */
const char *source_net(const struct source *, const char *name, size_t size);

#endif
