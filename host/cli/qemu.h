/* SPDX-License-Identifier: ISC */
/* `ampoule run --tender qemu`: the image under the boot kernel in QEMU, by emulation: to try what runs on other hypervisors, not to
 * be fast. Output, log and exit status are as with the other tenders. */
#ifndef AMPOULE_CLI_QEMU_H
#define AMPOULE_CLI_QEMU_H

#include <stdbool.h>

#include <cli/publish.h>
#include <tender/tender.h>

struct qemu_machine {
	const char *tender; /* as --tender names it */
	const char *name;   /* as QEMU does */
	bool nvme;          /* disks are NVMe's; else virtio's */
};

/* Null: it names none. */
const struct qemu_machine *qemu_machine(const char *tender);

/* Returns the exit status; anything wrong has been said. */
int qemu_run(const struct tender_options *, const struct publish_texts *,
             const struct qemu_machine *);

#endif
