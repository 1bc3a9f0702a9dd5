/* SPDX-License-Identifier: ISC */
/* What whoever started us says of the machine: memory, modules, words, ACPI's tables. All of it is copied and checked. */
#ifndef BOOT_PLATFORM_H
#define BOOT_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>

#define PLATFORM_RANGES  128u
#define PLATFORM_MODULES 8u
#define PLATFORM_WORDS   4096u

/* fw_cfg's ports (QEMU's docs/specs/fw_cfg). */
#define PLATFORM_FW_SELECT 0x510u
#define PLATFORM_FW_DATA   0x511u

struct range {
	uint64_t at, size;
};

struct platform {
	const char *by; /* "PVH", "multiboot2" */
	uint32_t range_count, module_count;
	struct range ranges[PLATFORM_RANGES];   /* memory that may be used */
	struct range modules[PLATFORM_MODULES]; /* the image first */
	char words[PLATFORM_WORDS];             /* the command line */
	uint64_t rsdp; /* where ACPI's root pointer lies; 0: nobody has told */
};

/* -1 with a defect. */
int platform_read(struct platform *, uint64_t information, uint32_t magic, struct defect *why);

/* Is it QEMU, by its fw_cfg, of which the first entry is selected then? */
bool platform_is_qemu(void);

#endif
