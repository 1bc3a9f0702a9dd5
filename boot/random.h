/* SPDX-License-Identifier: ISC */
/* Randomness: a generator (SHA-256 over a key and a counter) that is fed by the processor's and the hypervisor's. */
#ifndef BOOT_RANDOM_H
#define BOOT_RANDOM_H

#include <stddef.h>

#include <tender/defect.h>

/* Adds what somebody has drawn; it counts as a source. */
void random_add(const void *bytes, size_t size);

/* -1 with a defect: nothing random is there. After devices have been found. */
int random_begin(struct defect *why);

#endif
