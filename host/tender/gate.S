/* SPDX-License-Identifier: ISC */
/*
 * The two gates (abi/ampoule_abi.h, section "Gate"), each one page: code, then room for struct gate_data. Both are
 * called by the System V convention and touch RAX, RCX, RDX, RSI, RDI, R8 to R11 only. Being jumped into at any
 * byte must do no harm: what they may do is bounded by the I/O bitmap and by the seccomp filter, not by them.
 */
#include <tender/gate.h>

#define CALL_EXIT	0
#define CALL_WAIT	1
#define CALL_KICK	2
#define CALL_PUTS	3
#define GATE_BAD	-22
#define PUTS_MAX	65536

#define SYS_write	1
#define SYS_munmap	11
#define SYS_futex	202
#define SYS_exit_group	231
#define FUTEX_WAIT_BITSET 9	/* absolute time, CLOCK_MONOTONIC; not private: the memory is shared */
#define EAGAIN		11

	.section .rodata
	.balign	4096
	.globl	gate_kvm
	.type	gate_kvm, @object
gate_kvm:
	cmp	$CALL_KICK, %rdi
	je	1f
	cmp	$CALL_PUTS, %rdi
	ja	2f
	mov	%rdx, %r8		/* b; the port takes DX */
	mov	$PORT_CALL, %edx
	in	(%dx), %eax		/* the tender reads RDI, RSI, R8, RCX and answers in EAX */
	cltq
	ret
1:	cmp	gate_kvm + GATE_DATA + GATE_DEVICE_COUNT(%rip), %rsi
	jae	2f
	mov	%esi, %eax
	mov	$PORT_KICK, %edx
	out	%eax, (%dx)
	xor	%eax, %eax
	ret
2:	mov	$GATE_BAD, %rax
	ret
	.org	gate_kvm + 4096, 0xcc
	.size	gate_kvm, 4096

	.globl	gate_sandbox
	.type	gate_sandbox, @object
gate_sandbox:
	lea	gate_sandbox + GATE_DATA(%rip), %r9
	cmp	$CALL_WAIT, %rdi
	je	wait
	cmp	$CALL_KICK, %rdi
	je	kick
	cmp	$CALL_PUTS, %rdi
	je	puts
	test	%rdi, %rdi
	jnz	bad
	movzbl	%sil, %edi
	mov	$SYS_exit_group, %eax
	syscall
	ud2

bad:	mov	$GATE_BAD, %rax
	ret

kick:	cmp	GATE_DEVICE_COUNT(%r9), %rsi
	jae	bad
	mov	GATE_KICK(%r9), %rdi
	lea	GATE_ONE(%r9), %rsi
	mov	$8, %edx
	mov	$SYS_write, %eax
	syscall				/* fails only where it is signalled already */
	xor	%eax, %eax
	ret

	/* RSI stream, RDX address, RCX bytes */
puts:	lea	-1(%rsi), %rax
	cmp	$1, %rax
	ja	bad
	mov	GATE_CONTROL(%r9), %r8
	cmpq	$0, CONTROL_FIRST_OUTPUT(%r8)
	jne	1f
	mov	%rdx, %r10
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, CONTROL_FIRST_OUTPUT(%r8)
	mov	%r10, %rdx
1:	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	$PUTS_MAX, %edx
	cmp	%rdx, %rcx
	cmovb	%rcx, %rdx
	mov	$SYS_write, %eax
	syscall
	test	%rax, %rax
	jns	2f
	cmp	$-EAGAIN, %rax		/* a console that does not block: none taken yet */
	jne	bad
	xor	%eax, %eax
2:	ret

	/*
	 * RSI deadline, RDX events. Announce the wait, then look at the rings, then sleep: the tender fills the
	 * rings, then looks for the announcement. R8 control, R9 data, R11 the flags of those tx rings that have
	 * work.
	 */
wait:	mov	GATE_CONTROL(%r9), %r8
	and	$7, %edx
	mov	%edx, %eax
	or	$GATE_WAITING, %eax
	xchg	%eax, CONTROL_WAITING(%r8)
	mov	GATE_DEVICE_COUNT(%r9), %rcx
	lea	GATE_DEVICES(%r9), %rdi
	xor	%r11d, %r11d
1:	test	%ecx, %ecx
	jz	5f
	cmpq	$0, (%rdi)		/* an optional device that is not there */
	je	4f
	test	$1, %dl			/* AMP_WAIT_RECEIVE */
	jz	2f
	mov	(%rdi), %r10
	mov	(%r10), %eax
	mov	8(%rdi), %r10
	cmp	%eax, (%r10)
	jne	done
2:	test	$2, %dl			/* AMP_WAIT_COMPLETE */
	jz	3f
	mov	16(%rdi), %r10
	mov	(%r10), %eax
	mov	24(%rdi), %r10
	cmp	%eax, (%r10)
	jne	done
3:	test	$4, %dl			/* AMP_WAIT_BLOCK */
	jz	8f
	mov	56(%rdi), %r10
	mov	(%r10), %eax
	mov	64(%rdi), %r10
	cmp	%eax, (%r10)
	jne	done
8:	mov	32(%rdi), %r10
	mov	(%r10), %eax
	mov	40(%rdi), %r10
	cmp	%eax, (%r10)
	je	4f
	mov	48(%rdi), %r10
	or	(%r10), %r11d
4:	add	$GATE_DEVICE_SIZE, %rdi
	dec	%ecx
	jmp	1b
5:	test	$1, %r11b		/* AMP_RING_NEED_WAKEUP */
	jz	6f
	push	%rsi
	push	%rdx
	mov	GATE_KICK(%r9), %rdi
	lea	GATE_ONE(%r9), %rsi
	mov	$8, %edx
	mov	$SYS_write, %eax
	syscall
	pop	%rdx
	pop	%rsi
6:	or	$GATE_WAITING, %edx
	mov	%edx, %r11d
	xor	%r10d, %r10d		/* no time-out */
	sub	$24, %rsp
	cmp	$-1, %rsi
	je	7f
	mov	%rsi, %rax
	add	GATE_MONO(%r9), %rax
	jc	7f
	xor	%edx, %edx
	mov	$1000000000, %ecx
	div	%rcx
	mov	%rax, (%rsp)
	mov	%rdx, 8(%rsp)
	mov	%rsp, %r10
7:	mov	%r8, %rdi
	mov	$FUTEX_WAIT_BITSET, %esi
	mov	%r11d, %edx
	mov	$-1, %r9d
	mov	$SYS_futex, %eax
	syscall
	add	$24, %rsp
	movl	$0, CONTROL_WAITING(%rdi)
	xor	%eax, %eax
	ret
done:	movl	$0, CONTROL_WAITING(%r8)
	xor	%eax, %eax
	ret

	/*
	 * The child's last steps as a piece of the tender; it has no stack. Everything but the image goes, the
	 * registers get their values, the image begins. The filter allows exactly these munmaps, which do nothing
	 * the second time.
	 */
	.globl	gate_sandbox_enter
gate_sandbox_enter:
	lea	gate_sandbox + GATE_DATA(%rip), %r12
	lea	GATE_UNMAP(%r12), %r13
	mov	$3, %r14d
1:	mov	(%r13), %rdi
	mov	8(%r13), %rsi
	test	%rsi, %rsi
	jz	2f
	mov	$SYS_munmap, %eax
	syscall
	test	%rax, %rax
	jz	2f
	ud2
2:	add	$16, %r13
	dec	%r14d
	jnz	1b
	xor	%eax, %eax
	wrfsbase %rax
	wrgsbase %rax
	fninit
	ldmxcsr	GATE_MXCSR(%r12)
	cmpl	$0, GATE_AVX(%r12)
	je	3f
	vzeroall
3:	pxor	%xmm0, %xmm0
	pxor	%xmm1, %xmm1
	pxor	%xmm2, %xmm2
	pxor	%xmm3, %xmm3
	pxor	%xmm4, %xmm4
	pxor	%xmm5, %xmm5
	pxor	%xmm6, %xmm6
	pxor	%xmm7, %xmm7
	pxor	%xmm8, %xmm8
	pxor	%xmm9, %xmm9
	pxor	%xmm10, %xmm10
	pxor	%xmm11, %xmm11
	pxor	%xmm12, %xmm12
	pxor	%xmm13, %xmm13
	pxor	%xmm14, %xmm14
	pxor	%xmm15, %xmm15
	mov	GATE_CONTROL(%r12), %r8
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, CONTROL_FIRST_INSTRUCTION(%r8)
	mov	GATE_STACK(%r12), %rsp
	mov	GATE_BOOT(%r12), %rdi
	pushq	$2
	mov	$0, %eax
	mov	$0, %ebx
	mov	$0, %ecx
	mov	$0, %edx
	mov	$0, %esi
	mov	$0, %ebp
	mov	$0, %r8d
	mov	$0, %r9d
	mov	$0, %r10d
	mov	$0, %r11d
	mov	$0, %r12d
	mov	$0, %r13d
	mov	$0, %r14d
	mov	$0, %r15d
	popfq
	movq	$0, -8(%rsp)		/* the stack was zero, and is again */
	jmp	*gate_sandbox + GATE_DATA + GATE_ENTRY(%rip)
	.org	gate_sandbox + GATE_DATA, 0xcc	/* an error if the code runs into the data */
	.org	gate_sandbox + 4096, 0xcc
	.size	gate_sandbox, 4096

	.section .note.GNU-stack, "", @progbits
