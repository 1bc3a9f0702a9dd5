/* SPDX-License-Identifier: ISC */
/*
 * Configuration that `ampoule build` generates into every image beside its note (host/builder, docs/manifest.md): the
 * layout of the stacks, the files (core/file.h), the interfaces where net is linked (net/interface.h), and
 * appliance.h. That header has a function arg_NAME() for each argument NAME of the manifest (- and . become _). It is
 * constant and inlined if the argument is static, and reads boot_info->args if it is dynamic. Types: u16 uint16_t, u32
 * uint32_t, bool bool, string const char *, ipv4 uint32_t (host byte order), cidr struct arg_cidr,
 * duration uint64_t (ns), size uint64_t (bytes).
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdint.h>

struct stack_layout {
	uint64_t base;  /* the guard of stack 0 */
	uint32_t size;  /* usable bytes of each; the stride is `guard` more */
	uint32_t count; /* the manifest's tasks + 1: the last is the event loop's */
	uint32_t guard; /* unmapped bytes below each */
};
extern const struct stack_layout stack_layout;

struct arg_cidr {
	uint32_t address; /* host byte order, host bits kept */
	uint8_t prefix;
};

static inline struct arg_cidr boot_cidr(uint64_t number)
{
	return (struct arg_cidr){ (uint32_t)(number >> 8), (uint8_t)number };
}

#endif
