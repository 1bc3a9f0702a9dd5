/* SPDX-License-Identifier: ISC */
/* The gate's calls, from where gate.S hands them over. */
#ifndef BOOT_CALLS_H
#define BOOT_CALLS_H

#include <tender/pages.h>

struct calls {
	struct space *space;
	const struct pages *pages;
	struct amp_boot *boot;
	uint16_t abi_minor;
	/* Not null: the image's end is no machine's, and its output goes here, as far as there is room. */
	void (*ended)(unsigned status);
	char *output;
	uint32_t room;
};
void calls_begin(const struct calls *);

int64_t gate_call(uint64_t call, uint64_t a, uint64_t b, uint64_t c);

#endif
