/* SPDX-License-Identifier: ISC */
/* Units of systemd for an image: what `ampoule generate systemd` writes. */
#ifndef AMPOULE_CLI_UNIT_H
#define AMPOULE_CLI_UNIT_H

#include <stdbool.h>

#define UNIT_WATCHDOG "30s"
#define UNIT_IMAGES                                                                                \
	"/var/lib/ampoule" /* where a template's images are, each beside a folder of its name for data */
#define UNIT_OPTIONS "/etc/ampoule" /* and their options: OPTIONS= in NAME.conf */

struct unit {
	const char *name;           /* of the units, without .service */
	const char *image, *folder; /* absolute; where it is started */
	const char *restart;        /* as --restart */
	const char *watchdog;       /* a time, or null: none */
	const char *memory, *cpus;  /* as --memory and --cpus; null: not given */
	bool user;                  /* for a user's own manager */
	bool socket;                /* the manager listens: three units */
	bool template;              /* NAME@.service for images in UNIT_IMAGES; no image is named */
	char **words;               /* further options of `ampoule run`, --NAME=VALUE each */
	unsigned count;
};

/* Options as a user gives them, in one form or the other, into the unit. Ends the process where one is not to be understood. */
void unit_take(struct unit *, char *const *words, int count);
/* All units: to standard output, or as files in `folder`. The exit status. */
int unit_print(const struct unit *, const char *folder);

#endif
