/* SPDX-License-Identifier: ISC */
/* The gate calls, typed. The contract is abi/ampoule_abi.h's. Nothing else in an image leaves it. */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>

_Noreturn void gate_exit(int code);
/* True: this is a clone of the image that began to wait, and has to do what is new (clone_begin). */
bool gate_wait(uint64_t deadline_ns, uint64_t events);
void gate_kick(uint32_t device);
/* Writes all of it, in as many calls as it needs. */
void gate_puts(enum amp_stream stream, const void *bytes, uint64_t size);

/* Sets FS base, where AMP_BOOT_FS_BASE_BY_GATE says so. Does not need it itself. */
void gate_fs_base(void *base);

/* Fresh bytes from the host's CSPRNG. */
void gate_seed(uint8_t seed[AMP_SEED_SIZE]);

#endif
