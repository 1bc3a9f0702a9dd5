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
#define CALL_SEED	4
#define CALL_FS_BASE	5
#define GATE_BAD	-22
#define PUTS_MAX	65536
#define SEED_SIZE	48
#define STREAM_OUTPUT	1

#define SYS_read	0
#define SYS_write	1
#define SYS_munmap	11
#define SYS_sendto	44
#define SYS_arch_prctl	158
#define SYS_futex	202
#define SYS_exit_group	231
#define SYS_ppoll	271
#define SYS_timerfd_settime 286
#define SYS_getrandom	318
#define MSG_DONTWAIT	0x40
#define TIMER_ABSTIME	1
#define SENDS_MAX	64	/* doorbells at a time: older kernels send 32 packets at each */
#define FUTEX_WAIT_BITSET 9	/* absolute time, CLOCK_MONOTONIC; not private: the memory is shared */
#define EAGAIN		11
#define XSAVE_MXCSR	24
#define XSAVE_COMP_HIGH	(512 + 8 + 4)	/* XCOMP_BV, upper half: bit 31 says compacted */
#define ARCH_SET_FS	0x1002
#define X87_CONTROL	0x37f

	.section .rodata
	.balign	4096
	.globl	gate_kvm
	.type	gate_kvm, @object
gate_kvm:
	cmp	$CALL_KICK, %rdi
	je	1f
	cmp	$CALL_SEED, %rdi
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
	cmp	$CALL_SEED, %rdi
	je	seed
	cmp	$CALL_FS_BASE, %rdi
	je	fs_base
	test	%rdi, %rdi
	jnz	bad
	movzbl	%sil, %edi
	mov	$SYS_exit_group, %eax
	syscall
	ud2

bad:	mov	$GATE_BAD, %rax
	ret

seed:	mov	%rsi, %rdi
	mov	$SEED_SIZE, %esi
	xor	%edx, %edx
	mov	$SYS_getrandom, %eax
	syscall
	cmp	$SEED_SIZE, %rax
	jne	bad
	xor	%eax, %eax
	ret

	/* Only where there is no FSGSBASE: the filter has no rule for it elsewhere. */
fs_base:
	cmpl	$0, GATE_FS_BY_CALL(%r9)
	je	bad
	mov	$ARCH_SET_FS, %edi
	mov	$SYS_arch_prctl, %eax
	syscall
	test	%rax, %rax
	jnz	bad
	ret

kick:	cmp	GATE_DEVICE_COUNT(%r9), %rsi
	jae	bad
	imul	$GATE_DEVICE_SIZE, %rsi, %rdi
	lea	GATE_DEVICES(%r9, %rdi), %rdi
	cmpq	$0, DEVICE_SOCKET(%rdi)
	jne	doorbell
	mov	GATE_KICK(%r9), %rdi
	lea	GATE_ONE(%r9), %rsi
	mov	$8, %edx
	mov	$SYS_write, %eax
	syscall				/* fails only where it is signalled already */
	xor	%eax, %eax
	ret

	/*
	 * RDI: a struct gate_device with a socket. Where there are several queues, those whose fill rings ask for it are
	 * woken, too: by a poll that does not wait, since a socket without a tx ring takes no other doorbell. Of a
	 * single queue, the next wait does that.
	 */
doorbell:
	push	%rdi
	call	ring
	pop	%rdi
	mov	DEVICE_FURTHERS(%rdi), %rcx
	test	%rcx, %rcx
	jz	3f
	mov	DEVICE_FILL_FLAGS(%rdi), %rsi
	mov	DEVICE_FURTHER(%rdi), %rdi
1:	testl	$1, (%rsi)		/* AMP_RING_NEED_WAKEUP */
	jnz	2f
	dec	%rcx
	js	3f
	mov	QUEUE_FILL_FLAGS(%rdi), %rsi
	add	$QUEUE_SIZE, %rdi
	jmp	1b
2:	lea	gate_sandbox + GATE_DATA(%rip), %r9
	mov	GATE_CONTROL(%r9), %rdi
	add	$CONTROL_POLLS, %rdi
	mov	GATE_POLL_COUNT(%r9), %rsi
	push	$0			/* struct timespec: no time */
	push	$0
	mov	%rsp, %rdx
	xor	%r10d, %r10d
	xor	%r8d, %r8d
	mov	$SYS_ppoll, %eax
	syscall
	add	$16, %rsp
3:	xor	%eax, %eax
	ret

	/* RDI: the same. Has the kernel send what lies in its tx ring. */
ring:	push	%rdi
	push	$SENDS_MAX
1:	mov	8(%rsp), %rdi
	mov	DEVICE_TX_PRODUCER(%rdi), %rsi
	mov	(%rsi), %eax
	mov	DEVICE_TX_CONSUMER(%rdi), %rsi
	cmp	%eax, (%rsi)
	je	2f
	decq	(%rsp)
	js	2f
	mov	DEVICE_SOCKET(%rdi), %rdi
	xor	%esi, %esi
	xor	%edx, %edx
	mov	$MSG_DONTWAIT, %r10d
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	mov	$SYS_sendto, %eax
	syscall
	test	%rax, %rax
	jns	1b
	cmp	$-EAGAIN, %rax		/* it sends so many at a time, or its buffer is full */
	je	1b
2:	add	$16, %rsp
	xor	%eax, %eax
	ret

	/* All of them; keeps RSI and RDX, and leaves the gate's data in R9. */
ring_all:
	push	%rsi
	push	%rdx
	push	GATE_DEVICE_COUNT(%r9)
	lea	GATE_DEVICES(%r9), %rdi
	push	%rdi
1:	decq	8(%rsp)
	js	3f
	mov	(%rsp), %rdi
	cmpq	$0, DEVICE_SOCKET(%rdi)
	je	2f
	call	ring
2:	addq	$GATE_DEVICE_SIZE, (%rsp)
	jmp	1b
3:	add	$16, %rsp
	pop	%rdx
	pop	%rsi
	lea	gate_sandbox + GATE_DATA(%rip), %r9
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
	jne	3f
	xor	%eax, %eax
2:	ret
3:	cmp	$STREAM_OUTPUT, %edi
	jne	bad
	mov	%eax, CONTROL_OUTPUT_ERROR(%r8)
	jmp	bad

	/*
	 * RSI deadline, RDX events. Announce the wait, then look at the rings, then sleep: the tender fills the
	 * rings, then looks for the announcement. R8 control, R9 data, R11 the flags of those tx rings that have
	 * work, and 2 where a socket has.
	 */
wait:	mov	GATE_CONTROL(%r9), %r8
	mov	%rcx, CONTROL_RESUME(%r8)
	cmpl	$0, GATE_POLL_COUNT(%r9)
	je	0f
	call	ring_all
0:	mov	GATE_CONTROL(%r9), %r8
	incl	CONTROL_TURNS(%r8)
	test	$16, %dl		/* AMP_WAIT_WARM */
	jz	1f
	cmpl	$0, CONTROL_HELD(%r8)
	je	1f
	mov	$-1, %rsi		/* until the tender has looked */
1:	and	$GATE_EVENTS, %edx
	mov	%edx, %eax
	or	$GATE_WAITING, %eax
	xchg	%eax, CONTROL_WAITING(%r8)
	test	$8, %dl			/* AMP_WAIT_STOP */
	jz	0f
	mov	GATE_BOOT(%r9), %rcx
	cmpq	$0, BOOT_STOP_AT(%rcx)
	jne	done
0:	mov	GATE_DEVICE_COUNT(%r9), %rcx
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
	cmpq	$0, DEVICE_SOCKET(%rdi)
	jne	9f
	mov	48(%rdi), %r10
	mov	(%r10), %eax
	and	$1, %eax		/* AMP_RING_NEED_WAKEUP */
	or	%eax, %r11d
	jmp	4f
9:	or	$2, %r11d
4:	add	$GATE_DEVICE_SIZE, %rdi
	dec	%ecx
	jmp	1b
5:	test	$1, %r11b		/* AMP_RING_NEED_WAKEUP */
	jz	6f
	push	%rsi
	push	%rdx
	push	%r11
	mov	GATE_KICK(%r9), %rdi
	lea	GATE_ONE(%r9), %rsi
	mov	$8, %edx
	mov	$SYS_write, %eax
	syscall
	pop	%r11
	pop	%rdx
	pop	%rsi
6:	cmpl	$0, GATE_POLL_COUNT(%r9)
	jne	poll
	or	$GATE_WAITING, %edx
	mov	%edx, %r11d
	xor	%r10d, %r10d		/* no time-out */
	sub	$24, %rsp
	mov	%rsi, %rax
	test	%rax, %rax		/* centuries away: never */
	js	7f
	add	GATE_MONO(%r9), %rax	/* modulo 2^64: a clone may be older than its host */
	jns	9f
	xor	%eax, %eax
9:	xor	%edx, %edx
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
	 * The same sleep with sockets. RSI deadline, RDX events, R8 control, R9 data, R11 as above. The deadline is the
	 * timer's, which is set only when it changes: it is a system call. No descriptor tells of completions.
	 */
poll:	xor	%r10d, %r10d
	test	$2, %r11b
	jnz	1f
	test	$2, %dl			/* AMP_WAIT_COMPLETE */
	jz	2f
1:	lea	GATE_SOON(%r9), %r10
2:	push	%r10
	cmp	CONTROL_TIMER(%r8), %rsi
	je	4f
	mov	%rsi, CONTROL_TIMER(%r8)
	xor	%eax, %eax
	xor	%edx, %edx
	sub	$32, %rsp		/* struct itimerspec; all zero: never */
	mov	%rax, (%rsp)
	mov	%rax, 8(%rsp)
	mov	%rsi, %rax
	test	%rax, %rax
	js	5f
	add	GATE_MONO(%r9), %rax
	js	6f
	mov	$1000000000, %ecx
	div	%rcx
	jmp	3f
6:	xor	%eax, %eax		/* long ago */
	mov	$1, %edx
	jmp	3f
5:	xor	%eax, %eax
3:	mov	%rax, 16(%rsp)
	mov	%rdx, 24(%rsp)
	mov	$CHILD_TIMER, %edi
	mov	$TIMER_ABSTIME, %esi
	mov	%rsp, %rdx
	xor	%r10d, %r10d
	mov	$SYS_timerfd_settime, %eax
	syscall
	add	$32, %rsp
4:	pop	%rdx			/* the longest time, or 0 */
	lea	CONTROL_POLLS(%r8), %rdi
	mov	GATE_POLL_COUNT(%r9), %rsi
	push	%r8
	xor	%r10d, %r10d
	xor	%r8d, %r8d
	mov	$SYS_ppoll, %eax
	syscall
	pop	%r8
	movl	$0, CONTROL_WAITING(%r8)
	cmpw	$0, CONTROL_BELL_SEEN(%r8)
	je	6f
	movw	$0, CONTROL_BELL_SEEN(%r8)
	push	%rax			/* what is read goes here */
	mov	$CHILD_BELL, %edi
	mov	%rsp, %rsi
	mov	$8, %edx
	mov	$SYS_read, %eax
	syscall
	pop	%rax
6:	xor	%eax, %eax
	ret

	/* Where the tender has the stopped child make a call in its own place (sandbox.c): it sets the registers, and sees the stop
	 * behind it. Which call, the filter says. */
	.globl	gate_sandbox_call
gate_sandbox_call:
	syscall
	int3

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
	cmpl	$0, GATE_FS_BY_CALL(%r12)
	je	2f
	mov	$ARCH_SET_FS, %edi	/* of GS base the tender makes no use: it is zero */
	xor	%esi, %esi
	mov	$SYS_arch_prctl, %eax
	syscall
	test	%rax, %rax
	jz	3f
	ud2
2:	xor	%eax, %eax
	wrfsbase %rax
	wrgsbase %rax
3:
	/*
	 * All register state that the processor has gets its initial value: XRSTOR of an area whose header names no
	 * component does that for each one in XCR0, PKRU included. A page that is zero is the area: MXCSR and the header at 512. With XSAVEC the header tells that nothing follows it; without, room for
	 * what follows is touched, 2688 bytes at most (AMX came later). Without XSAVE there is x87 and SSE only. FNINIT
	 * first, for processors that leave the last instruction's addresses alone. Intel's manual, volume 1, 13.8.
	 */
	fninit
	mov	GATE_AREA(%r12), %r13
	mov	GATE_MXCSR(%r12), %eax
	mov	%eax, XSAVE_MXCSR(%r13)
	mov	GATE_XSAVE(%r12), %ecx
	test	%ecx, %ecx
	jz	3f
	dec	%ecx
	shl	$31, %ecx		/* 0 or COMPACTED */
	mov	%ecx, XSAVE_COMP_HIGH(%r13)
	mov	$-1, %eax
	mov	%eax, %edx
	xrstor	(%r13)
	jmp	4f
3:	movw	$X87_CONTROL, (%r13)
	fxrstor	(%r13)
	movw	$0, (%r13)
4:	movl	$0, XSAVE_MXCSR(%r13)
	movl	$0, XSAVE_COMP_HIGH(%r13)
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
