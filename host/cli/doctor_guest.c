/* SPDX-License-Identifier: ISC */
/*
 * The code that `ampoule doctor` times. It is assembly, because the same bytes must run natively
 * and, copied, in both rings of a VM: no relocation, no stack, no call. RDI: struct
 * doctor_guest_data, RSI: outside.
 */
#include "doctor_guest.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

__asm__(".text\n"
        ".balign 64\n"
        ".globl doctor_guest\n"
        ".type doctor_guest, @function\n"
        "doctor_guest:\n"
        "	movq $-1, %r11\n" /* fastest repeat so far */
        "	movl $" TEXT(
                DOCTOR_REPEATS) ", %r8d\n"
                                "1:	rdtsc\n"
                                "	shlq $32, %rdx\n"
                                "	orq %rdx, %rax\n"
                                "	movq %rax, %r9\n"
                                "	movl $(" TEXT(
                                        DOCTOR_INSTRUCTIONS) " / 4), %ecx\n"
                                                             ".balign 16\n"
                                                             "2:	addq %rcx, %r10\n" /* each
                                                                                              depends
                                                                                              on the
                                                                                              one
                                                                                              before:
                                                                                              no
                                                                                              core
                                                                                              hides
                                                                                              them
                                                                                            */
                                                             "	xorq %r9, %r10\n"
                                                             "	decl %ecx\n"
                                                             "	jnz 2b\n"
                                                             "	rdtsc\n"
                                                             "	shlq $32, %rdx\n"
                                                             "	orq %rdx, %rax\n"
                                                             "	subq %r9, %rax\n"
                                                             "	cmpq %rax, %r11\n"
                                                             "	cmovaq %rax, %r11\n"
                                                             "	decl %r8d\n"
                                                             "	jnz 1b\n"
                                                             "	movq %r11, (%rdi)\n"
                                                             "	testq %rsi, %rsi\n"
                                                             "	jnz 3f\n"
                                                             "	ret\n"
                                                             /* Calls, then kicks: the second and
                                                                third words of *data. */
                                                             "3:	rdtsc\n"
                                                             "	shlq $32, %rdx\n"
                                                             "	orq %rdx, %rax\n"
                                                             "	movq %rax, %r9\n"
                                                             "	movl $" TEXT(
                                                                     DOCTOR_CALLS) ", %ecx\n"
                                                                                   "4:	movl "
                                                                                   "$" TEXT(
                                                                                           DOCTOR_PORT_CALL) ", %edx\n"
                                                                                                             "	xorl %eax, %eax\n"
                                                                                                             "	outl %eax, %dx\n"
                                                                                                             "	decl %ecx\n"
                                                                                                             "	jnz 4b\n"
                                                                                                             "	rdtsc\n"
                                                                                                             "	shlq $32, %rdx\n"
                                                                                                             "	orq %rdx, %rax\n"
                                                                                                             "	subq %r9, %rax\n"
                                                                                                             "	movq %rax, 8(%rdi)\n"
                                                                                                             "	rdtsc\n"
                                                                                                             "	shlq $32, %rdx\n"
                                                                                                             "	orq %rdx, %rax\n"
                                                                                                             "	movq %rax, %r9\n"
                                                                                                             "	movl $" TEXT(
                                                                                                                     DOCTOR_KICKS) ", %ecx\n"
                                                                                                                                   "5:	movl $" TEXT(
                                                                                                                                           DOCTOR_PORT_KICK) ", %edx\n"
                                                                                                                                                             "	movl $1, %eax\n"
                                                                                                                                                             "	outl %eax, %dx\n"
                                                                                                                                                             "	decl %ecx\n"
                                                                                                                                                             "	jnz 5b\n"
                                                                                                                                                             "	rdtsc\n"
                                                                                                                                                             "	shlq $32, %rdx\n"
                                                                                                                                                             "	orq %rdx, %rax\n"
                                                                                                                                                             "	subq %r9, %rax\n"
                                                                                                                                                             "	movq %rax, 16(%rdi)\n"
                                                                                                                                                             "	movl $" TEXT(
                                                                                                                                                                     DOCTOR_PORT_DONE) ", %edx\n"
                                                                                                                                                                                       "	outl %eax, %dx\n"
                                                                                                                                                                                       "	ud2\n"
                                                                                                                                                                                       ".globl doctor_guest_end\n"
                                                                                                                                                                                       "doctor_guest_end:\n"
                                                                                                                                                                                       ".size doctor_guest, . - doctor_guest\n");
