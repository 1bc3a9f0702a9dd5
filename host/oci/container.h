/* SPDX-License-Identifier: ISC */
/*
 * The container's process, from its making to its end. It waits on a FIFO for `start`, then becomes the tender: its number stays
 * the same. The FIFO `begun`, which it holds until then, ends with nothing or with what went wrong.
 */
#ifndef OCI_CONTAINER_H
#define OCI_CONTAINER_H

#include <oci/bundle.h>
#include <oci/state.h>

struct container_wish {
	const char *root, *id, *bundle;
	const char *pid_file, *console; /* null: none */
	bool systemd;                   /* cgroupsPath is in systemd's form */
	bool own_terminal; /* of `run` without --console-socket: the caller's descriptors do */
};

/* *pid is that of the process, this one's child. -1 with a defect; nothing is left then. */
int container_create(const struct container_wish *, pid_t *pid, struct defect *why);
int container_start(const char *root, const char *id, struct defect *why);
/* `all`: what is left of one that has ended is meant, too, of which there is nothing. */
int container_kill(const char *root, const char *id, int signal, bool all, struct defect *why);
int container_delete(const char *root, const char *id, bool force, struct defect *why);

#endif
