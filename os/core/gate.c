/* SPDX-License-Identifier: ISC */
/* The gate calls. This file holds the only indirect call that leaves the image. */
#include <stddef.h>

#include <core/boot.h>
#include <core/gate.h>

typedef int64_t gate_fn(uint64_t call, uint64_t a, uint64_t b, uint64_t c);

#if defined(__clang__)
__attribute__((no_sanitize("cfi-icall"))) /* the tender's code is not among the image's functions */
#endif
static int64_t
gate(uint64_t call, uint64_t a, uint64_t b, uint64_t c)
{
	return ((gate_fn *)boot_info->gate)(call, a, b, c);
}

__attribute__((no_stack_protector)) void gate_fs_base(void *base)
{
	if (gate(AMP_GATE_FS_BASE, (uint64_t)base, 0, 0))
		__builtin_trap();
}

void gate_exit(int code)
{
	gate(AMP_GATE_EXIT, (uint64_t)(int64_t)code, 0, 0);
	__builtin_trap();
}

/*
 * A wait that a clone may return from (abi, section 6). The stack pointer at the call is `resume`: there lies the address of
 * what a clone goes on with, and above it what a function keeps for its caller, FS base and the control words. Entry: RDI gate,
 * RSI deadline, RDX events. Result: 0, or 1 in a clone. Of a clone, RDI is the boot information.
 */
__attribute__((naked, noinline)) static int64_t wait_at(__attribute__((unused)) uint64_t gate,
                                                        __attribute__((unused)) uint64_t deadline,
                                                        __attribute__((unused)) uint64_t events)
{
	__asm__("pushq %rbp\n\t"
	        "pushq %rbx\n\t"
	        "pushq %r12\n\t"
	        "pushq %r13\n\t"
	        "pushq %r14\n\t"
	        "pushq %r15\n\t"
	        "pushq %fs:0\n\t" /* FS base: the thread block begins with it */
	        "subq $8, %rsp\n\t"
	        "stmxcsr (%rsp)\n\t"
	        "fnstcw 4(%rsp)\n\t"
	        "leaq 1f(%rip), %rax\n\t"
	        "pushq %rax\n\t"
	        "movq %rdi, %rax\n\t"
	        "movl $1, %edi\n\t" /* AMP_GATE_WAIT */
	        "movq %rsp, %rcx\n\t"
	        "call *%rax\n\t"
	        "xorl %eax, %eax\n\t"
	        "addq $24, %rsp\n\t"
	        "jmp 2f\n"
	        "1:\tldmxcsr (%rsp)\n\t"
	        "fldcw 4(%rsp)\n\t"
	        "addq $8, %rsp\n\t"
	        "popq %rax\n\t"
	        "testl $1, 292(%rdi)\n\t" /* AMP_BOOT_FS_BASE_BY_GATE in flags */
	        "jz 3f\n\t"
	        "movq %rax, %rsi\n\t"
	        "movq 16(%rdi), %rax\n\t" /* gate */
	        "movl $5, %edi\n\t"       /* AMP_GATE_FS_BASE */
	        "call *%rax\n\t"
	        "jmp 4f\n"
	        "3:\twrfsbase %rax\n"
	        "4:\tmovl $1, %eax\n"
	        "2:\tpopq %r15\n\t"
	        "popq %r14\n\t"
	        "popq %r13\n\t"
	        "popq %r12\n\t"
	        "popq %rbx\n\t"
	        "popq %rbp\n\t"
	        "ret");
}
_Static_assert(AMP_GATE_WAIT == 1 && AMP_GATE_FS_BASE == 5 && AMP_BOOT_FS_BASE_BY_GATE == 1 &&
                       offsetof(struct amp_boot, gate) == 16 &&
                       offsetof(struct amp_boot, flags) == 292,
               "as in assembler");

bool gate_wait(uint64_t deadline_ns, uint64_t events)
{
	return wait_at(boot_info->gate, deadline_ns, events) != 0;
}

void gate_kick(uint32_t device)
{
	gate(AMP_GATE_KICK, device, 0, 0);
}

void gate_puts(enum amp_stream stream, const void *bytes, uint64_t size)
{
	const char *at = bytes;
	while (size > 0) {
		uint64_t part = size < AMP_PUTS_MAX ? size : AMP_PUTS_MAX;
		int64_t taken = gate(AMP_GATE_PUTS, stream, (uint64_t)at, part);
		if (taken <= 0 || (uint64_t)taken > part)
			return; /* the reader has gone: the output is lost, the image goes on */
		at += taken;
		size -= (uint64_t)taken;
	}
}

void gate_seed(uint8_t seed[AMP_SEED_SIZE])
{
	/* Going on with what was random before would be silent. */
	if (gate(AMP_GATE_SEED, (uint64_t)seed, 0, 0) != 0)
		__builtin_trap();
}
