/* SPDX-License-Identifier: ISC */
/* The report on an image that faulted: the same for both tenders, which fill in what they saw. */
#ifndef TENDER_CRASH_H
#define TENDER_CRASH_H

#include <stdbool.h>
#include <stdint.h>

#include <tender/space.h>
#include <tender/symbols.h>

struct registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, rip,
	        rflags;
};

struct crash {
	int vector; /* x86 exception, or -1: *other says what it was */
	const char *other;
	bool error_known; /* `error` is the processor's */
	uint64_t error;
	uint64_t address; /* vector 14: what was touched */
	int signal;       /* sandbox: the signal, for the record; else 0 */
	struct registers registers;
	/* Copies up to `size` bytes of image memory from `at`; how many. Never faults. */
	uint64_t (*read)(void *of, uint64_t at, void *to, uint64_t size);
	void *of;
};

/* Prints the report on standard error; the symbols are mapped. */
void crash_report(const struct crash *, const struct space *, const struct image *,
                  struct symbols *);

/* The first line's words for what happened: for tests. */
void crash_describe(const struct crash *, const struct space *, char *to, uint64_t size);

#endif
