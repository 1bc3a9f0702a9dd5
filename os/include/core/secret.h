/* SPDX-License-Identifier: ISC */
/*
 * New versions of secrets while the image runs: `ampoule secret NAME ARG=@FILE...` hands them over (docs/tls.md), for arguments whose
 * manifest says `renewable: true`. Those that come at once belong together: a certificate and its key.
 */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include <core/boot.h>
#include <core/list.h>

/* The caller owns it, and keeps it in place. */
struct secret_listener {
	struct list all;
	/* On the loop, for each delivery; must not block. An error: the new versions are not used, and whoever has sent them is
	 * told so. What it finds by secret_renewed is erased when all listeners have returned. */
	int (*renewed)(struct secret_listener *);
};
/* An image that never calls this takes none. */
void secret_listen(struct secret_listener *);

/* In a listener: the new version of the argument that this secret is of (arg_NAME(), whether it was given or not). Null and 0: none
 * came with this delivery. */
struct boot_secret secret_renewed(struct boot_secret);

#endif
