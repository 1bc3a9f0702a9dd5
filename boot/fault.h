/* SPDX-License-Identifier: ISC */
/* What gate.S leaves on the stack of an exception. */
#ifndef BOOT_FAULT_H
#define BOOT_FAULT_H

#include <boot/platform.h>
#include <tender/crash.h>
#include <tender/pages.h>

struct frame {
	uint64_t rax, rbx, rcx, rdx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/* What reports need. */
void fault_begin(struct space *, const struct pages *, const struct image *,
                 const struct range *symbols);

#endif
