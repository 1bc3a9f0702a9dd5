/* SPDX-License-Identifier: ISC */
/*
 * Entries: PVH (QEMU -kernel, Firecracker, Cloud Hypervisor, Xen: EBX = start information) and multiboot2 (GRUB, by BIOS or UEFI:
 * EAX = its magic, EBX = its information). Both come in 32-bit protected mode without paging. Four GiB are mapped as they
 * are, and long mode begins; main.c makes tables with rights of that.
 */
	.section .note.Xen,"a",@note
	.balign 4
	.long 4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start32

	.section .multiboot,"a"
	.balign 8
multiboot:
	.long 0xe85250d6, 0, multiboot_end - multiboot, -(0xe85250d6 + multiboot_end - multiboot)
	.short 6, 0		/* modules lie on pages */
	.long 8
	.short 0, 0
	.long 8
multiboot_end:

	.code32
	.section .text
	.globl start32
start32:
	cld
	cli
	mov	%eax, %esi
	mov	%ebx, %edi
	rdtsc
	mov	%eax, start_tsc
	mov	%edx, start_tsc + 4
	mov	$pdpt + 3, %eax
	mov	%eax, pml4
	mov	$directories + 3, %eax
	mov	$pdpt, %ecx
	mov	$4, %edx
1:	mov	%eax, (%ecx)
	add	$4096, %eax
	add	$8, %ecx
	dec	%edx
	jnz	1b
	mov	$0x83, %eax
	mov	$directories, %ecx
	mov	$2048, %edx
1:	mov	%eax, (%ecx)
	add	$0x200000, %eax
	add	$8, %ecx
	dec	%edx
	jnz	1b
	mov	%cr4, %eax
	or	$0x620, %eax	/* PAE OSFXSR OSXMMEXCPT */
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x901, %eax	/* SCE LME NXE */
	wrmsr
	mov	$0x80050033, %eax	/* PG AM WP NE ET MP PE */
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$8, $1f
	.code64
1:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$stack_top, %rsp
	mov	%edi, %edi
	mov	%esi, %esi
	xor	%ebp, %ebp
	call	kernel_main
1:	cli
	hlt
	jmp	1b

	.data
	.balign 16
	.globl gdt, gdt_task
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff
gdt_task: .quad 0, 0
gdt_pointer:
	.short gdt_pointer - gdt - 1
	.quad gdt
	.balign 8
	.globl start_tsc
start_tsc: .quad 0
	.bss
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
directories: .skip 4 * 4096
	.skip 16384
	.globl stack_top
stack_top:
	.skip 4096
	.globl stack_other_top
stack_other_top:	/* of double faults and their like */
	.section .note.GNU-stack,"",@progbits
