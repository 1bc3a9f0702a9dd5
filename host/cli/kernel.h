/* SPDX-License-Identifier: ISC */
/* The boot kernel as a file of this installation, and what an image needs of a machine that it runs on. */
#ifndef AMPOULE_CLI_KERNEL_H
#define AMPOULE_CLI_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include <tender/defect.h>
#include <tender/image.h>

/* Its path: beside this command, in the build folder's boot/, or in ../libexec/ampoule. -1 with a defect. */
int kernel_path(char *to, size_t size, struct defect *why);

/* MiB of memory for a machine with that much heap (0: as the image says), whose devices are `taken`, all that the image names. */
uint32_t kernel_memory(const struct image *, uint64_t heap);

/* The argument that an image's address is set by, a CIDR, and its value by the note; null: there is none. */
const struct amp_note_arg *kernel_address(const struct image *);

#endif
