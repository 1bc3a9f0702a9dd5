/* SPDX-License-Identifier: ISC */
/*
 * What sources are compiled and linked with beside the library OS: folders of headers, definitions, flags, archives and
 * packages. The same keys stand in appliance.yaml, for the application, and in library.yaml (docs/manifest.md).
 */
#ifndef BUILD_FOREIGN_H
#define BUILD_FOREIGN_H

#include <builder/archive.h>
#include <builder/fields.h>

/* Headers that lie among others of the system's: they are found through a folder of their own. */
struct header_set {
	const char *name; /* of that folder */
	struct header **list;
	unsigned count;
};

struct foreign {
	const char **includes; /* absolute folders */
	unsigned include_count;
	const char **systems; /* the same, of packages: searched last, and without warnings */
	unsigned system_count;
	const char **defines; /* NAME or NAME=VALUE */
	unsigned define_count;
	const char **flags;
	unsigned flag_count;
	struct archive **archives;
	unsigned archive_count;
	struct header_set **sets;
	unsigned set_count;
};

/* The keys' values; null: the key is not there. */
struct foreign_keys {
	const struct node *include, *defines, *flags, *archives, *packages;
};

/* `folder`: absolute, what paths are relative to. `library`: whose archives they become, or null. */
void foreign_read(struct foreign *, const struct input *, const char *folder,
                  const struct library *, const struct foreign_keys *);

/* Null, or what to do instead. */
const char *foreign_flag_defect(const char *flag);

/* One entry under `headers`: "zlib.h", or "openssl/" for all in it. `package`: what brings it. False: reported. */
bool foreign_headers(const struct input *, const struct node *, const char *package,
                     struct header ***, unsigned *count);

#endif
