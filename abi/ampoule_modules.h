/* SPDX-License-Identifier: ISC */
/*
 * Several files as one module of the boot kernel's, where a hypervisor's loader takes one only: this head, padded to AMP_PAGE, then
 * the files in their order, each padded likewise. The image is the first, its NAME.debug the second.
 */
#ifndef AMPOULE_MODULES_H
#define AMPOULE_MODULES_H

#include <stdint.h>

#define AMP_MODULES_MAGIC 0x31736c75646f6d61ull /* "amoduls1" */
#define AMP_MODULES_MAX   4u

struct amp_modules {
	uint64_t magic, count;
	uint64_t size[AMP_MODULES_MAX]; /* bytes of each file */
};

#endif
