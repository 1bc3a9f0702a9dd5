/* SPDX-License-Identifier: ISC */
/*
 * The proof that an image has no way out but the gate: every byte that can execute is decoded, and
 * what could leave ring 3, talk to the host or change the processor's state behind the tender's
 * back is refused.
 *
 * With symbols, each function is decoded from its start to its end, and what lies between functions
 * must be padding: so every instruction that the compiler meant is seen. Control-flow integrity and
 * the tenders' containment answer for jumps into the middle of instructions; how many forbidden
 * patterns hide there is counted, for information.
 */
#ifndef BUILD_AUDIT_H
#define BUILD_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <builder/symbols.h>

/* Bytes that one instruction may move the stack pointer down: less than the guard below each stack, with room for what
 * the frames above it have not touched. Compilers that probe (-fstack-clash-protection) move it a page at a time. */
#define AUDIT_FRAME_MAX (60u << 10)

#define AUDIT_FINDINGS 256u /* kept; all are counted */

/*
 * Tables among code. Hand-written assembly in archives keeps constants between its functions. They are data, so that they
 * are not decoded from their start on. They are searched at every byte instead, for what is a way out under any tender: a
 * system call, a call of the hypervisor, and their like. Port instructions and what is privileged trap everywhere. Code of our
 * own and of applications has none: only where `ranges` allows it, what lies between functions may be a table.
 */
#define AUDIT_TABLES 256u

struct audit_range {
	uint64_t address, size;
};

/* Loaded bytes of one executable segment. */
struct audit_code {
	const uint8_t *bytes;
	uint64_t address, size;
	const struct audit_range *ranges; /* where tables may lie; not overlapping */
	size_t range_count;
};

struct audit_finding {
	uint64_t address;
	const char *function; /* null: between functions, or no symbols */
	uint64_t offset;      /* from the function's start */
	const char *what;     /* "syscall", "cannot be decoded", ... */
};

enum audit_pattern {
	PATTERN_SYSCALL,
	PATTERN_SYSENTER,
	PATTERN_INT,
	PATTERN_INT80,
	PATTERN_VMCALL,
	PATTERN_WRPKRU,
	PATTERN_COUNT
};

struct audit {
	struct audit_finding findings[AUDIT_FINDINGS];
	uint64_t finding_count;
	uint64_t functions, instructions, bytes; /* looked at */
	uint64_t padding;                        /* bytes between functions */
	struct audit_range tables[AUDIT_TABLES]; /* as found, by address */
	unsigned table_count;
	uint64_t hidden[PATTERN_COUNT]; /* at any offset, forbidden instructions themselves included
	                                 */
	bool by_symbols;
};

/* `symbols` may be null: then the code is decoded linearly from its first byte. Adds to *audit. */
void audit_code(struct audit *, const struct audit_code *, const struct symbols *);
const char *audit_pattern_name(enum audit_pattern);

/* The reason why the instruction at `bytes` is forbidden, or null. *length is set (0: it cannot be
 * decoded). */
const char *audit_instruction(const uint8_t *bytes, size_t size, unsigned *length);

/* Does the instruction, which is at `address`, compute an address by `lea` (the place of data or a function)? *length is set
 * as above. */
bool audit_takes(const uint8_t *bytes, size_t size, uint64_t address, unsigned *length,
                 uint64_t *target);

#endif
