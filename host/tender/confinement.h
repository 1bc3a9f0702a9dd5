/* SPDX-License-Identifier: ISC */
/* What the tender gives up before the image's first instruction: privileges, the file system,
 * system calls. */
#ifndef TENDER_CONFINEMENT_H
#define TENDER_CONFINEMENT_H

#include <sys/types.h>

#include <tender/defect.h>

/*
 * Started by root: an empty, deleted directory becomes the root, and user and group become ones
 * that nobody else has. All capabilities go. To be called after everything has been opened, before
 * threads and children are made. `loud`: says on standard error what the host did not allow; none
 * of it is fatal, since the filter follows.
 */
void confinement_drop(int loud);

/* What devices need beyond the rest. */
enum storage {
	STORAGE_URING = 1, /* an io_uring, which takes only what block_rings.c has told it to */
	STORAGE_PLAIN = 2, /* one request after another */
	STORAGE_CUT = 4,   /* the model of lost power: memory that grows */
	KERNEL_RINGS = 8,  /* AF_XDP's doorbells and statistics */
};

/* The filter of the process that runs a KVM image (all its threads). storage: STORAGE_*. */
int confinement_seal_kvm(int vcpu, unsigned storage, struct defect *why);

/* The filter of the process that watches a sandboxed image. */
int confinement_seal_watcher(pid_t child, unsigned storage, struct defect *why);

#endif
