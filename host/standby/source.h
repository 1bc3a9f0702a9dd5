/* SPDX-License-Identifier: ISC */
/* What standbys are woken from: a snapshot or an image, opened and looked through once for all that name it. */
#ifndef STANDBY_SOURCE_H
#define STANDBY_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <tender/image.h>
#include <tender/snapshot.h>

/* Arguments may be in it that are nobody else's. */
struct source_opened {
	struct snapshot from;
	struct image image; /* its image, where the snapshot's lay */
};

struct source {
	struct source *next;
	dev_t device;
	ino_t inode;
	const char *path;
	struct image image; /* checked */
	struct source_opened *
	        opened; /* in memory that a child has only while it is lent; null: it is an image */
	const struct source *same; /* one that is known to have the same image: at first itself */
	uint32_t ip4[AMP_ARGS_MAX],
	        ip4_count; /* of its arguments: addresses with a network's length */
};

/* That file, whose path stays where it is. Null with a defect, which names the file. */
struct source *source_open(const char *path, struct defect *why);
/* Does whoever is forked from here on have what is opened? False: the kernel has no memory for that. */
bool source_lend(const struct source *, bool is);
/* Has the second one, too, the first one's image, so that either may be gone on from? Of snapshots. Their images are read once. */
bool source_same_image(const struct source *, struct source *);
/* How many descriptors all of them have but the first. */
uint32_t source_descriptors(void);
/* The network device that "NAME=..." means, by name; null: it has none such. An empty name means its first. */
const char *source_net(const struct source *, const char *name, size_t size);

#endif
