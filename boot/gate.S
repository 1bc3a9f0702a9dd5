/* SPDX-License-Identifier: ISC */
/*
 * Where ring 3 comes in: the gate's page, a call by it, faults, interrupts. There is one processor and one stack: ring 3 never
 * runs while the kernel is on it, and interrupts come only where the kernel sleeps.
 */
	.section .rodata
	.globl gate_page, gate_page_end
gate_page:	/* System V's fourth argument is in RCX, which syscall takes */
	mov	%rcx, %r8
	syscall
	ret
gate_page_end:

	.text
	.balign 4096
	.globl xen_calls
xen_calls:	/* Xen fills it with its calls (xen.c) */
	.skip 4096, 0xcc
	.globl gate_entry
gate_entry:
	mov	%rsp, image_rsp
	mov	$stack_top, %rsp
	cmp	%rcx, gate_return	/* only the gate's own syscall is one */
	jne	1f
	push	%rcx
	push	%r11
	mov	%r8, %rcx
	call	gate_call	/* RDI call, RSI a, RDX b, RCX c */
	pop	%r11
	pop	%rcx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	mov	image_rsp, %rsp
	sysretq
1:	push	$0x1b		/* as if the opcode were invalid, which it is to the image */
	push	image_rsp
	push	%r11
	push	$0x23
	sub	$2, %rcx
	push	%rcx
	push	$0
	push	$6
	jmp	fault_common

	.globl image_enter
image_enter:	/* RDI boot information, RSI entry, RDX stack */
	push	$0x1b
	push	%rdx
	push	$2
	push	$0x23
	push	%rsi
	mov	$0x1b, %eax
	mov	%eax, %ds
	mov	%eax, %es
	xor	%eax, %eax
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%ebp, %ebp
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	fninit
	ldmxcsr	mxcsr
	iretq

	.globl fault_stubs
	.balign 16
fault_stubs:
	.set	vector, 0
	.rept	32
	.balign	16
	.if	(vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
	.else
	push	$0
	.endif
	push	$vector
	jmp	fault_common
	.set	vector, vector + 1
	.endr

fault_common:	/* struct frame of fault.h */
	cld
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%r11
	push	%r10
	push	%r9
	push	%r8
	push	%rdi
	push	%rsi
	push	%rbp
	push	%rdx
	push	%rcx
	push	%rbx
	push	%rax
	mov	%rsp, %rdi
	call	fault
	pop	%rax
	pop	%rbx
	pop	%rcx
	pop	%rdx
	pop	%rbp
	pop	%rsi
	pop	%rdi
	pop	%r8
	pop	%r9
	pop	%r10
	pop	%r11
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	add	$16, %rsp
	iretq

	.globl interrupt_stub, spurious_stub
interrupt_stub:	/* only to wake the kernel from its sleep */
	cld
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	call	apic_end
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
spurious_stub:
	iretq

	.section .rodata
	.balign 4
mxcsr:	.long 0x1f80
	.data
	.balign 8
	.globl gate_return
gate_return: .quad 0	/* where the gate's syscall comes back to */
image_rsp: .quad 0
	.section .note.GNU-stack,"",@progbits
