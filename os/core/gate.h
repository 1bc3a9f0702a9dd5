/* SPDX-License-Identifier: ISC */
/* The four gate calls, typed. The contract is abi/ampoule_abi.h's. Nothing else in an image leaves it. */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include <stdint.h>

#include <ampoule_abi.h>

_Noreturn void gate_exit(int code);
void gate_wait(uint64_t deadline_ns, uint64_t events);
void gate_kick(uint32_t device);
/* Writes all of it, in as many calls as it needs. */
void gate_puts(enum amp_stream stream, const void *bytes, uint64_t size);

#endif
