/* SPDX-License-Identifier: ISC */
/*
 * The context switch. Saved, from the stack pointer up: MXCSR and the x87 control word, r15, r14,
 * r13, r12, rbx, rbp, the return address. The control words are loaded only if the two contexts'
 * differ, because loading is slow and they hardly ever do.
 */
#include <stdint.h>

#include <core/switch.h>

__attribute__((naked, noinline)) void switch_stack(__attribute__((unused)) void **save,
                                                   __attribute__((unused)) void *load,
                                                   __attribute__((unused)) uint64_t canary)
{
	__asm__("movq %rdx, %fs:0x28\n\t"
	        "pushq %rbp\n\t"
	        "pushq %rbx\n\t"
	        "pushq %r12\n\t"
	        "pushq %r13\n\t"
	        "pushq %r14\n\t"
	        "pushq %r15\n\t"
	        "subq $8, %rsp\n\t"
	        "stmxcsr (%rsp)\n\t"
	        "fnstcw 4(%rsp)\n\t"
	        "movq %rsp, (%rdi)\n\t"
	        "movl (%rsp), %eax\n\t"
	        "movzwl 4(%rsp), %ecx\n\t"
	        "movq %rsi, %rsp\n\t"
	        "cmpl (%rsp), %eax\n\t"
	        "jne 2f\n"
	        "1:\tcmpw 4(%rsp), %cx\n\t"
	        "jne 3f\n"
	        "4:\taddq $8, %rsp\n\t"
	        "popq %r15\n\t"
	        "popq %r14\n\t"
	        "popq %r13\n\t"
	        "popq %r12\n\t"
	        "popq %rbx\n\t"
	        "popq %rbp\n\t"
	        "ret\n"
	        "2:\tldmxcsr (%rsp)\n\t"
	        "jmp 1b\n"
	        "3:\tfldcw 4(%rsp)\n\t"
	        "jmp 4b");
}

void *switch_prepare(void *top, void (*fn)(void))
{
	struct frame {
		uint32_t mxcsr;
		uint16_t x87;
		uint16_t zero;
		uint64_t r15, r14, r13, r12, rbx, rbp;
		void (*fn)(void);
		uint64_t return_address; /* 0, as rbp: the end of every backtrace */
	} *f = (struct frame *)top - 1;
	_Static_assert(sizeof *f % 16 == 8,
	               "fn is entered as by a call: the stack pointer 8 below a multiple of 16");
	*f = (struct frame){ .mxcsr = 0x1f80, .x87 = 0x37f, .fn = fn };
	return f;
}
