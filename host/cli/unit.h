/* SPDX-License-Identifier: ISC */
/* Units of systemd for an image: what `ampoule generate systemd` writes. */
#ifndef AMPOULE_CLI_UNIT_H
#define AMPOULE_CLI_UNIT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

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
	bool snapshot;              /* the image is one, from which it goes on */
	bool standby;               /* a waker of what `images` or the lines of `file` name */
	const char *file;           /* absolute; null: none */
	const char *idle;           /* without a connection, until it ends; null: it stays */
	bool template;              /* NAME@.service for images in UNIT_IMAGES; no image is named */
	char **words;               /* further options of the command, --NAME=VALUE each */
	unsigned count;
	char **images; /* of a standby, absolute: a pool */
	unsigned image_count;
	char **lines; /* the words of the file's lines, options as above */
	unsigned line_count;
};

/* What an appliance's networks and ports need of the host. */
struct unit_needs {
	bool tun, root, low_port;
};

static inline bool begins(const char *word, const char *with)
{
	return !strncmp(word, with, strlen(with));
}

#define UNIT_NOBODY UINT32_MAX /* as a uid_t: nobody's */

/* Options as a user gives them, in one form or the other, into the unit; of a standby its images, too. Ends the process where one
 * is not to be understood. */
void unit_take(struct unit *, char *const *words, int count);
/* Its own options, then the words of its lines; null behind the last. */
const char *unit_word(const struct unit *, unsigned number);
struct unit_needs unit_needs(const struct unit *);
bool unit_is_snapshot(const char *path);
/* Whether that user may, by all folders above it; UNIT_NOBODY: whether all users may. */
bool unit_may_read(const char *path, uid_t user);
/* Snapshots, states and files of lines hold secrets: the unit's user is whose they are. UNIT_NOBODY: all users may read them,
 * or there are none. Ends the process where they are several users'. */
uid_t unit_owner(const struct unit *);

/* All units: to standard output, or as files in `folder`. The exit status. */
int unit_print(const struct unit *, const char *folder);

#endif
