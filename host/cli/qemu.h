/* SPDX-License-Identifier: ISC */
/* `ampoule run --tender qemu`: the image under the boot kernel in QEMU, by emulation: to try what runs on other hypervisors, not to
 * be fast. Output, log and exit status are as with the other tenders. */
#ifndef AMPOULE_CLI_QEMU_H
#define AMPOULE_CLI_QEMU_H

#include <cli/publish.h>
#include <tender/tender.h>

/* Returns the exit status; anything wrong has been said. `machine`: "microvm" or "q35". */
int qemu_run(const struct tender_options *, const struct publish_texts *, const char *machine);

#endif
