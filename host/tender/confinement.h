/* SPDX-License-Identifier: ISC */
/* What the tender gives up before the image's first instruction: privileges, the file system,
 * system calls. */
#ifndef TENDER_CONFINEMENT_H
#define TENDER_CONFINEMENT_H

#include <sys/types.h>

#include <tender/defect.h>
#include <tender/device/devices.h>

/*
 * Started by root: an empty, deleted directory becomes the root, and user and group become ones
 * that nobody else has. All capabilities go. To be called after everything has been opened, before
 * threads and children are made. `loud`: says on standard error what the host did not allow; none
 * of it is fatal, since the filter follows.
 */
void confinement_drop(int loud);

/* The filter of the process that runs a KVM image (all its threads). The devices are placed. */
int confinement_seal_kvm(int vcpu, const struct devices *, struct defect *why);

/* The filter of the process that watches a sandboxed image. */
int confinement_seal_watcher(pid_t child, const struct devices *, struct defect *why);

#endif
