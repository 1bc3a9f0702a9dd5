/* SPDX-License-Identifier: ISC */
/* What a bundle means to a tender: the image, and the command line of `ampoule run`. */
#ifndef OCI_COMMAND_H
#define OCI_COMMAND_H

#include <limits.h>

#include <oci/bundle.h>
#include <oci/group.h>
#include <oci/words.h>
#include <tender/image.h>

struct command {
	char path[PATH_MAX]; /* of the image, on the host */
	struct image image;  /* closed: what its note says */
	struct words words;  /* all but networks and the image */
	char resolvers[192]; /* as words of a network: ",resolver=..."; "": none */
};

/* Finds the image in the bundle's root, reads it, and makes the words of all that a bundle says. `folder` is for nodes of block
 * devices. -1 with a defect. */
int command_make(struct command *, const struct bundle *, int folder, const char *folder_path,
                 struct defect *why);
/* Limits that no control group holds. */
void command_limits(struct command *, const struct group_limits *);
/* In the container's network namespace: gives the image its interfaces. `own`: this is the runtime's own network, which nothing
 * is taken from. */
int command_networks(struct command *, bool own, struct defect *why);
/* Becomes the tender. -1 with a defect. */
int command_run(struct command *, struct defect *why);

#endif
